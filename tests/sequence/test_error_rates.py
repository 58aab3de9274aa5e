"""Rates with much, little and nothing behind them; and rates that never rise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug.inputs.run_profile import length_table, place_spread, quality_table
from dvplug.line.run_profile import claimed_p, usual_lengths
from dvplug.sequence.error_rates import Rates, falling, smoothed_rates

QUALITIES = np.arange(94)


def counts(bases: dict[int, int], p: np.ndarray) -> np.ndarray:
    """So many bases of each quality, of which as many differ as ``p`` says."""
    table = np.zeros((256, 2), np.int64)
    for quality, n in bases.items():
        table[quality] = n, round(n * p[quality])
    return table


def test_without_counts_the_prior_stays() -> None:
    prior = np.array([0.5, 0.1, 1e-3, 1e-6])
    nothing = np.zeros(4, np.int64)
    np.testing.assert_allclose(smoothed_rates(nothing, nothing, prior).p, prior)
    np.testing.assert_allclose(quality_table(np.zeros((256, 2), np.int64)), claimed_p())
    usual = usual_lengths(1e-4, 1.5)
    np.testing.assert_allclose(length_table(np.zeros(usual.shape, np.int64), usual), usual)


def test_many_counts_have_their_way() -> None:
    prior, true = np.full(5, 1e-3), np.array([0.2, 1e-4, 0.03, 1e-5, 0.01])
    trials = np.full(5, 100_000_000)
    np.testing.assert_allclose(smoothed_rates((trials * true).astype(int), trials, prior).p, true, rtol=0.01)


def test_few_counts_move_a_rate_little() -> None:
    prior = np.array([1e-4])
    one = smoothed_rates(np.array([1]), np.array([100]), prior).p[0]
    assert 1e-4 < one < 4e-4
    none = smoothed_rates(np.array([0]), np.array([100]), prior).p[0]
    assert 0.9e-4 < none < 1e-4


@pytest.mark.parametrize(("quality", "true"), [(20, 1e-3), (40, 6e-3), (30, 1e-3), (2, 1e-3)])
def test_one_flat_quality_means_what_the_reads_say(quality: int, true: float) -> None:
    table = quality_table(counts({quality: 1_000_000}, np.full(256, true)))
    assert table[quality] == pytest.approx(true, rel=0.02)
    assert (np.diff(table[QUALITIES]) <= 0).all()
    assert ((table > 0) & (table <= 0.75)).all()


@pytest.mark.parametrize("shift", [-8, -3, 5])
def test_a_shift_is_undone(shift: int) -> None:
    """Qualities that say too little, or too much: also those between and beside the ones that bases have."""
    true = np.minimum(0.75, 10.0 ** (-(np.arange(256) - shift) / 10))
    table = quality_table(counts(dict.fromkeys(range(12, 38), 2_000_000), true))
    np.testing.assert_allclose(table[12:38], true[12:38], rtol=0.05)
    np.testing.assert_allclose(table[38:42], true[38:42], rtol=0.35)
    binned = quality_table(counts(dict.fromkeys((12, 23, 37), 2_000_000), true))
    np.testing.assert_allclose(binned[[12, 23, 37]], true[[12, 23, 37]], rtol=0.05)
    assert (np.diff(binned[QUALITIES]) <= 0).all()


def test_no_quality_is_believed_that_is_not_shown() -> None:
    few = quality_table(counts({93: 1000}, np.zeros(256)))
    assert few[93] == pytest.approx(1e-5, rel=0.01)
    shown = quality_table(counts({93: 1_000_000_000}, np.full(256, 1e-7)))
    assert shown[93] == pytest.approx(1e-7, rel=0.05)


def test_reads_without_quality_stand_apart() -> None:
    true = np.full(256, 1e-3)
    true[255] = 0.02
    table = quality_table(counts({255: 500_000, 30: 500_000}, true))
    assert table[255] == pytest.approx(0.02, rel=0.02)
    assert table[30] == pytest.approx(1e-3, rel=0.02)
    assert table[120] == table[93]


@given(st.lists(st.tuples(st.floats(1e-6, 0.75), st.floats(1, 1e6)), min_size=1, max_size=12))
def test_the_nearest_rates_that_never_rise(given_rates: list[tuple[float, float]]) -> None:
    p, weight = map(np.array, zip(*given_rates, strict=True))
    found = falling(Rates(p, weight))
    assert (np.diff(found) <= 1e-12).all()
    # By the min-max formula of isotonic regression, a class and a stretch at a time.
    n = len(p)

    def mean(a: int, b: int) -> float:
        return float(np.average(p[a : b + 1], weights=weight[a : b + 1]))

    expected = [max(min(mean(a, b) for a in range(k + 1)) for b in range(k, n)) for k in range(n)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("sd", [0.0, 0.4, 0.8])
def test_the_spread_of_places_is_told(sd: float) -> None:
    """Places whose log-odds of being misread scatter by a known SD around those of their length."""
    rng = np.random.default_rng(11)
    table = usual_lengths(0.01, 1.3)
    units = rng.integers(4, 13, 3000)
    p = 1 - table[0, units, 3]
    odds = p / (1 - p) * np.exp(rng.normal(0, sd, len(units)) - sd**2 / 2)
    reads = rng.integers(15, 60, len(units))
    wrong = rng.binomial(reads, odds / (1 + odds))
    changes = np.zeros((len(units), 7), np.int64)
    changes[:, 3], changes[:, 2] = reads - wrong, wrong
    tracts = np.column_stack((np.zeros_like(units), units, changes))
    assert place_spread(tracts, table, 9.0) == pytest.approx(sd, abs=0.13)
    assert place_spread(tracts[:10], table, 9.0) == 9.0
