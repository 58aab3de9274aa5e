"""htslib's settings are those of the whole process: they are ours while we read, and what they were afterwards."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pysam
import pytest

from dvplug.simulate import SimulatedDataset
from dvplug.system import htslib
from dvplug.system.htslib import isolated_htslib, prepare_for_urls

NAMES = ("REF_PATH", "REF_CACHE", "CURL_CA_BUNDLE")
Settings = tuple[int, list["str | None"]]


def settings() -> Settings:
    return pysam.get_verbosity(), [os.environ.get(name) for name in NAMES]


@pytest.fixture(params=["set", "absent"])
def before(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in NAMES:
        if request.param == "set":
            monkeypatch.setenv(name, f"/somewhere/{name}")
        else:
            monkeypatch.delenv(name, raising=False)
    return settings()


def test_nothing_is_printed_or_fetched_within_and_all_is_as_before_afterwards(before: Settings) -> None:
    with isolated_htslib():
        assert pysam.get_verbosity() == 0
        assert os.environ["REF_PATH"] == os.devnull
        assert "REF_CACHE" not in os.environ
        with isolated_htslib():
            pass
        assert pysam.get_verbosity() == 0
    assert settings() == before


def test_errors_change_nothing_of_that(before: Settings) -> None:
    @isolated_htslib()
    def fails() -> None:
        assert pysam.get_verbosity() == 0
        raise OSError("damaged")

    for _ in range(2):
        with pytest.raises(OSError, match="damaged"):
            fails()
        assert settings() == before


def test_errors_that_nobody_can_catch_are_told_unless_they_are_of_a_damaged_file(
    dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bad:
        def __del__(self) -> None:
            raise ValueError("of somebody else")

    told: list[str] = []
    monkeypatch.setattr("sys.unraisablehook", lambda what: told.append(str(what.exc_value)))
    damaged = tmp_path / "damaged.bam"
    whole = dataset.reads.read_bytes()
    damaged.write_bytes(whole[:40] + bytes(200) + whole[240:])

    def both() -> None:
        with suppress(ValueError):
            pysam.AlignmentFile(str(damaged))
        Bad()

    both()
    assert len(told) == 2
    with isolated_htslib():
        both()
    assert told[2:] == ["of somebody else"]


def test_authorities_are_named_for_urls_unless_the_user_did(
    before: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process that has not read a URL and has not loaded TensorFlow, whatever other tests did in this one."""
    monkeypatch.setattr(htslib._borrowed, "authorities", None)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    for _ in range(2):  # the second time it is known that there are URLs
        with isolated_htslib():
            prepare_for_urls()
            named = os.environ.get("CURL_CA_BUNDLE")
        assert named == before[1][2] if before[1][2] else named != ""
        assert settings() == before


def test_threads_may_overlap(before: Settings) -> None:
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with isolated_htslib():
            entered.set()
            leave.wait(10)

    with isolated_htslib():
        thread = threading.Thread(target=other)
        thread.start()
        assert entered.wait(10)
    assert pysam.get_verbosity() == 0  # the other is still at work
    leave.set()
    thread.join()
    assert settings() == before
