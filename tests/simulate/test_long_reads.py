"""Single reads: how deep they lie, where they end, and how places differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dvplug.simulate.depths import DepthBlocks
from dvplug.simulate.learn.alignments import GAP
from dvplug.simulate.learn.error_counts import LONG_RUN
from dvplug.simulate.long_reads import prepare_long, read_spans, slipping_p, tilted
from dvplug.simulate.variants import apply_variants
from helpers.planted_reads import QUIET, planted, simulated


def test_places_differ_less_where_most_reads_err() -> None:
    slips = np.random.default_rng(8).normal(0, 0.8, 20_000)
    spread = {
        p: np.std([np.log(slipping_p(p, s) / (1 - slipping_p(p, s))) for s in slips]) for p in (0.01, 0.7)
    }
    assert spread[0.01] == pytest.approx(0.8 * 0.99, rel=0.05)
    assert spread[0.7] == pytest.approx(0.8 * 0.3, rel=0.05)
    assert slipping_p(0.3, 0.0) == pytest.approx(0.3)


def test_depth_is_what_was_asked_for() -> None:
    rng = np.random.default_rng(6)
    found, length = simulated(planted(), rng)
    depth = sum(int((a.reference != GAP).sum()) for a in found) / length
    assert depth == pytest.approx(10.0, rel=0.15)  # one haplotype of two


def test_short_single_reads_reach_their_depth() -> None:
    profile = replace(planted(), length=np.full(50, 120))
    codes = np.random.default_rng(2).integers(0, 4, 20_000).astype(np.uint8)
    spans = read_spans(
        apply_variants(codes, [], 0),
        profile,
        DepthBlocks(np.array([0]), np.array([30.0])),
        np.random.default_rng(1),
    )
    assert (spans[1] - spans[0]).sum() / len(codes) == pytest.approx(15, rel=0.1)


def test_reads_end_where_n_begins() -> None:
    codes = np.zeros(9_000, np.uint8)
    codes[4_000:5_000] = 4
    spans = read_spans(
        apply_variants(codes, [], 0),
        planted(),
        DepthBlocks(np.array([0]), np.array([40.0])),
        np.random.default_rng(1),
    )
    assert len(spans[0]) > 50
    assert all((codes[low:high] < 4).all() for low, high in zip(spans[0], spans[1], strict=True))


def test_some_places_read_long_homopolymers_rather_too_long() -> None:
    p = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
    of_place = np.diff(tilted(np.cumsum(p), 0.5), prepend=0)
    log_odds = np.log(of_place / of_place[2]) - np.log(p / p[2])
    np.testing.assert_allclose(log_odds, [-1, -0.5, 0, 0.5, 1])
    assert of_place.sum() == pytest.approx(1)
    rng = np.random.default_rng(9)
    codes = np.repeat(rng.integers(0, 4, 4000), rng.integers(1, 16, 4000)).astype(np.uint8)
    source = prepare_long(codes, QUIET._replace(tilt_sd=0.2), 1)
    long = source.run >= LONG_RUN
    assert not source.tilt[~long].any()
    assert source.tilt[long].std() == pytest.approx(0.2, rel=0.1)
    again = prepare_long(codes[5000:], QUIET._replace(tilt_sd=0.2), 1)
    np.testing.assert_array_equal(again.tilt[100:], source.tilt[5100:])
