"""Mapping simulated reads with programs that may be absent or fail."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from dvplug.errors import DvplugError
from dvplug.simulate.mapping import mapping, open_mapper


def programs(folder: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> None:
    """Let these shell scripts be all programs that can be found."""
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}")


def test_absent_aligners_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs(tmp_path, monkeypatch)
    with pytest.raises(DvplugError, match="minimap2 and samtools cannot be found"):
        open_mapper("map-ont", tmp_path / "ref.fa", tmp_path / "reads.bam", "s", "ONT", 1)


def mapped(folder: Path, *texts: bytes) -> None:
    with mapping("sr", folder / "ref.fa", folder / "reads.bam", "s", "", 1) as mapper:
        for text in texts:
            mapper.write(np.frombuffer(text, np.uint8))


def test_a_failure_says_what_the_aligner_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = "while read x; do :; done; echo no such index >&2; exit 1"
    programs(tmp_path, monkeypatch, minimap2=talk, samtools="")
    with pytest.raises(DvplugError, match=r"mapping to .*reads\.bam failed: no such index"):
        mapped(tmp_path, b"@r\nA\n+\n?\n")


def test_an_aligner_that_ends_early_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would look as if somebody had closed the terminal."""
    programs(tmp_path, monkeypatch, minimap2="echo out of memory >&2; exit 137", samtools="")
    with pytest.raises(DvplugError, match="failed: out of memory"):
        mapped(tmp_path, *[bytes(1 << 16)] * 100)


def test_sorting_that_fails_ends_the_aligner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which would else wait for ever for somebody to read on."""
    programs(
        tmp_path, monkeypatch, minimap2="while echo @; do :; done", samtools="echo disk full >&2; exit 1"
    )
    with pytest.raises(DvplugError, match=r"failed: .*disk full"):
        mapped(tmp_path)


def test_programs_end_where_reads_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    talk, said = "echo $$ > pid; while read x; do :; done; echo end > ended", tmp_path / "pid"
    programs(tmp_path, monkeypatch, minimap2=talk, samtools="")

    def interrupted() -> None:
        with mapping("sr", tmp_path / "ref.fa", tmp_path / "reads.bam", "s", "", 1):
            while not said.exists() or not said.read_text():
                time.sleep(0.01)
            raise KeyboardInterrupt("enough")

    with pytest.raises(KeyboardInterrupt, match="enough"):
        interrupted()
    with pytest.raises(ProcessLookupError, match="No such process"):
        os.kill(int(said.read_text()), 0)
    assert not (tmp_path / "ended").exists()
