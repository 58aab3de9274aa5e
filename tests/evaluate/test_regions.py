"""Confident regions."""

from __future__ import annotations

from dvplug.evaluate import ConfidentRegions


def test_confident_regions_are_merged_and_half_open() -> None:
    regions = ConfidentRegions([("c", 10, 20), ("c", 5, 10), ("c", 30, 40)])
    assert regions.contain("c", 5, 20)
    assert not regions.contain("c", 5, 21)
    assert not regions.contain("c", 20, 20)
    assert regions.overlap("c", 15, 35)
    assert not regions.overlap("c", 20, 30)
    assert not regions.overlap("d", 5, 6)
