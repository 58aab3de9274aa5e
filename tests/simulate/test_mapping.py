"""Mapping simulated reads with programs that may be absent or fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dvplug.errors import DvplugError
from dvplug.simulate.mapping import open_mapper


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


def test_a_failure_leads_to_what_the_aligner_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs(
        tmp_path,
        monkeypatch,
        minimap2="while read x; do :; done; echo no such index >&2; exit 1",
        samtools="",
    )
    mapper = open_mapper("map-ont", tmp_path / "ref.fa", tmp_path / "reads.bam", "s", "ONT", 1)
    mapper.write(np.frombuffer(b"@r\nA\n+\n?\n", np.uint8))
    with pytest.raises(DvplugError, match=r"mapping to .*reads\.bam failed"):
        mapper.close()
    assert "no such index" in (tmp_path / "mapping.log").read_text()
