"""Progress as a log tells it: also one that grows, was cut by a kill, and has several attempts in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dvplug.serve.progress import Progress


def _line(second: float, event: str, **fields: Any) -> str:
    whole, part = divmod(second, 1)
    time = f"2026-01-01T00:00:{int(whole):02}.{round(part * 1000):03}+00:00"
    return json.dumps({"time": time, "event": event, **fields}) + "\n"


def _part(second: float, contig: str = "a", variants: int = 3, reads: int = 100) -> str:
    passed = {"records": variants, "transitions": 2, "transversions": 1, "depth": 30 * variants}
    return _line(second, "partition", contig=contig, reads=reads, passed=passed)


def _calling(resumed: int = 0) -> str:
    return _line(
        1, "calling", technology="t", model="m@1", partitions=8, resumed=resumed, contigs={"a": 6, "b": 2}
    )


def test_rates_and_what_is_left(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(_line(0, "start", pid=7) + _line(0, "warning", message="look") + _calling())
    progress = Progress(log)
    progress.read_all()
    assert progress.summary()["eta_s"] is None
    with log.open("a") as file:
        file.write("".join(_part(2 + n) for n in range(3)) + _part(5, "b")[:20])
    progress.read_all()
    with log.open("a") as file:
        file.write(_part(5, "b")[20:])
    progress.read_all()
    told = progress.summary()
    assert (told["done"], told["total"], told["fraction"]) == (4, 8, 0.5)
    assert told["eta_s"] == pytest.approx(4)  # one each second
    assert (told["reads"], told["variants"], told["ti_tv"], told["mean_depth"]) == (400, 12, 2, 30)
    assert told["contigs"] == [{"name": "a", "done": 3, "total": 6}, {"name": "b", "done": 1, "total": 2}]
    assert (told["technology"], told["model"], told["warnings"], progress.pid) == ("t", "m@1", ["look"], 7)


def test_messages_of_a_cohort_say_of_which_sample_they_are(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        _line(0, "start") + _line(1, "warning", sample="one", message="look") + _line(2, "info", message="on")
    )
    progress = Progress(log)
    progress.read_all()
    assert [one.text for one in progress.messages] == ["one: look", "on"]
    assert progress.summary()["warnings"] == ["one: look"]


def test_a_resumed_run_begins_with_what_was_done_and_its_rate_is_its_own(tmp_path: Path) -> None:
    log = tmp_path / "log"
    cut = _part(3)[:25]  # by a kill; the next attempt appends to it
    again = _line(20, "start", pid=8) + _line(20, "info", message="on") + _calling(resumed=4)
    log.write_text(_line(0, "start") + _calling() + _part(2) + cut + "\n" + again)
    with log.open("a") as file:
        file.write("".join(_part(21) for _ in range(4)) + _part(23) + _part(25))
    progress = Progress(log)
    progress.read_all()
    told = progress.summary()
    assert (told["done"], progress.attempts, progress.pid) == (6, 2, 8)
    assert told["eta_s"] == pytest.approx(4)
    assert told["reads_per_s"] == 50


def test_the_line_that_a_kill_cut_takes_the_next_with_it_and_no_more(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        _line(0, "start") + _part(3)[:25] + _line(5, "info", message="lost") + _line(6, "end", wall_s=1)
    )
    progress = Progress(log)
    progress.read_all()
    assert progress.last is not None
    assert progress.last["event"] == "end"


def test_without_a_log_nothing_is_known(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "none")
    assert not progress.read()
    assert progress.summary()["total"] == 0
