"""Pictures of a comparison."""

from __future__ import annotations

from pathlib import Path

from dvplug_lab.comparison.pictures import draw_calibration, draw_precision_recall


def test_pictures_are_drawn(tmp_path: Path) -> None:
    curve = [[5.0, 0.9, 0.8], [40.0, 0.5, 1.0]]
    measured = [{"set": "x", "depth": 30.0, "precision_recall": {"dvplug": {"SNP": curve, "INDEL": []}}}]
    draw_precision_recall(measured, tmp_path / "curve.png")
    band = {"type": "SNP", "genotype": "het", "gq": [20, 25], "calls": 200, "wrong": 0, "expected": 1.0}
    draw_calibration([band, band | {"calls": 3, "type": "INDEL"}], tmp_path / "bands.png")
    for name in ("curve.png", "bands.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
