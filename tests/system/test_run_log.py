"""The log for programs, exit codes, signals, completion."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dvplug import __version__
from dvplug.simulate import SimulatedDataset
from helpers.command import call_words, events, run


def test_a_run_is_logged_from_start_to_end(dataset: SimulatedDataset, tmp_path: Path) -> None:
    log, out = tmp_path / "log.jsonl", tmp_path / "x.vcf"
    assert run(*call_words(dataset, out, "--log-json", log)) == 0
    found = events(log)
    by_name = {str(event["event"]): event for event in found}
    assert [found[0]["event"], found[-1]["event"]] == ["start", "end"]
    assert by_name["start"]["dvplug"] == __version__
    assert by_name["start"]["libraries"].keys() == {"ai-edge-litert", "numba", "numpy", "pysam"}
    assert by_name["calling"]["model"] == "illumina-wgs@1.0.0"
    assert by_name["calling"]["partitions"] == 2
    parts = [event for event in found if event["event"] == "partition"]
    assert [part["region"] for part in parts] == ["chrS:1-50000", "chrS:50001-60000"]
    records = [line for line in out.read_text().splitlines() if not line.startswith("#")]
    assert sum(by_name["counts"]["records"].values()) == len(records)
    assert sum(part["candidates"] for part in parts) == by_name["counts"]["candidates"]
    assert by_name["progress"]["done"] == by_name["progress"]["total"] == 2


def test_errors_are_logged_in_their_parts_after_what_was_there(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.jsonl"
    assert run(*call_words(dataset, tmp_path / "x.vcf", "--log-json", log, "--regions", "chrS:1-5000")) == 0
    before = log.read_text()
    assert run(*call_words(dataset, tmp_path / "x.vcf", "--log-json", log, "--regions", "S")) == 2
    assert log.read_text().startswith(before)
    last = events(log)[-1]
    assert (last["event"], last["kind"], last["problem"]) == ("error", "InputError", "Unknown contig 'S'")
    assert last["repair"] == "Did you mean 'chrS'?"
    assert "Unknown contig 'S'" in capsys.readouterr().err


def test_a_log_that_cannot_be_written_is_refused_before_any_work(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*call_words(dataset, tmp_path / "x.vcf", "--log-json", tmp_path / "nowhere" / "log")) == 2
    assert "The log " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_secrets_of_urls_reach_neither_log_nor_terminal(
    dataset: SimulatedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log, part = tmp_path / "log.jsonl", "/x.bam?X-Amz-Signature=geheim&v=1"
    for url in (
        f"http://me:geheim@127.0.0.1:9{part}",
        f"HTTP://me:geheim@127.0.0.1:9{part}",
        f"x://me:geheim@h{part}",
    ):
        words = [*call_words(dataset, tmp_path / "x.vcf", "--log-json", log)]
        words[words.index(dataset.reads) if dataset.reads in words else words.index(str(dataset.reads))] = url
        monkeypatch.setattr(sys, "argv", ["dvplug", *map(str, words)])
        assert run(*words) == 2
        start, *_, last = events(log)[-2:]
        assert any("127.0.0.1:9/x.bam?***" in word or "x://***@h" in word for word in start["command"])
        assert "x.bam" in last["problem"]
    assert "geheim" not in log.read_text()
    said = capsys.readouterr()
    assert "geheim" not in said.out + said.err
    assert "error: " in said.err
