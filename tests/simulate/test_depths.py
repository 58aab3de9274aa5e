"""Depths of blocks and capture targets."""

import numpy as np
import pytest

from dvplug.simulate.depths import capture_blocks, depth_blocks


def test_depths_of_blocks_span_the_asked_range():
    starts, depths = depth_blocks(50_000_000, np.random.default_rng(1), (8, 100))
    assert np.all((np.diff(starts) >= 50_000) & (np.diff(starts) < 100_000))
    assert depths.min() < 9
    assert depths.max() > 90
    assert np.median(depths) == pytest.approx((8 * 100) ** 0.5, rel=0.15)


def test_capture_leaves_gaps_and_spans_the_asked_range_at_targets() -> None:
    starts, depths = capture_blocks(2_000_000, np.random.default_rng(4), (3.0, 300.0))
    assert (np.diff(starts) > 0).all()
    assert starts[-1] < 2_000_000
    sizes, kind = np.diff(starts), np.arange(len(starts) - 1) % 4
    targets = depths[2::4]
    assert 3 <= targets.min() < 3.5
    assert 270 < targets.max() <= 300
    assert sizes[kind == 2].min() >= 250
    assert sizes[kind == 2].max() < 550
    assert (depths[::4] == 0).all()
    assert sizes[kind == 0].min() >= 100
    np.testing.assert_allclose(depths[1::4], 0.3 * targets)
    np.testing.assert_allclose(depths[3::4], 0.3 * targets)
    assert 0.3 < sizes[kind > 0].sum() / starts[-1] < 0.5


def test_an_exome_has_a_typical_depth() -> None:
    _, depths = capture_blocks(3_000_000, np.random.default_rng(5), (3.0, 300.0), 80.0)
    targets = depths[2::4]
    assert np.median(targets) == pytest.approx(80, rel=0.05)
    assert targets.mean() / np.quantile(targets, 0.2) == pytest.approx(2.0, rel=0.07)  # fold-80 base penalty
    assert targets.max() <= 300
