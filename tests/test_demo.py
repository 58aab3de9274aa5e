"""The demo makes everything that it says it makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvplug import demo
from helpers.places import ROOT


def test_the_demo_calls_draws_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "GENOME_LENGTH", 40_000)
    done = demo.run_demo(tmp_path, workers=1, seed=3)
    assert done.evaluation.snp.tp_truth > 10
    assert done.picture.read_bytes().startswith(b"\x89PNG")
    for report in done.reports:
        assert "<main></main>" in report.read_text()
    made = {path.name for path in tmp_path.iterdir() if path.suffix not in (".fai", ".bai", ".tbi")}
    quickstart = (ROOT / "docs" / "quickstart.md").read_text()
    assert not {name for name in made if f"`{name}`" not in quickstart}
