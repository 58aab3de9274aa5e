"""Counts, the figures that are made of them, and how sure these are."""

from __future__ import annotations

import pytest

from dvplug.evaluate import ClassCounts, wilson_interval


def test_wilson_interval() -> None:
    # R: prop.test(8, 10, correct = FALSE)$conf.int
    assert wilson_interval(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-7)
    assert wilson_interval(0, 10, z=2) == pytest.approx((0, 4 / 14))
    assert wilson_interval(0, 0) == (0, 1)


def test_figures_without_calls_or_truth() -> None:
    nothing = ClassCounts()
    assert (nothing.precision, nothing.recall, nothing.f1) == (None, None, None)
    assert ClassCounts(0, 0, 2, 3).f1 == 0
    assert ClassCounts(tp_truth=3, tp_query=2, fp=2, fn=1).f1 == pytest.approx(2 * 0.5 * 0.75 / 1.25)
