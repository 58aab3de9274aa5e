"""The command line in this process, and what it wrote."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

from dvplug.cli import main
from dvplug.simulate import SimulatedDataset


def run(*words: object) -> int:
    """The exit code of `dvplug` with these words: done, a fault of ours, or what the user can mend."""
    with pytest.raises(SystemExit, match=r"^[012]$") as stop:
        main([str(word) for word in words])
    return int(stop.value.code or 0)


def run_captured(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Its exit code, and what it printed to stdout and stderr."""
    code = run(*words)
    out, err = capsys.readouterr()
    return code, out, err


def call_words(data: SimulatedDataset, out: object, *more: object) -> list[str]:
    """The words of `dvplug call` on a simulated dataset."""
    files = ["--ref", data.reference, "--reads", data.reads, "--out", out]
    return [str(word) for word in ("call", "--tech", "illumina-wgs", *files, "--device", "cpu", *more)]


def records(path: Path) -> list[str]:
    """The lines of a VCF that are records."""
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


def events(path: Path) -> list[dict[str, object]]:
    """What a log for programs tells, in order of time."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    times = [datetime.fromisoformat(event["time"]) for event in found]
    assert times == sorted(times)
    assert all(time.tzinfo == timezone.utc for time in times)
    return found
