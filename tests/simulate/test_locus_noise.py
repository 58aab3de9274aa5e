"""Errors by place: equal sequence errs alike, and as many places err as was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from dvplug.simulate.locus_noise import LocusNoise, hash_around, normal_of, site_rates, uniform_of


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 4, 40_000).astype(np.uint8)


def test_numbers_of_hashes_are_uniform_and_normal(codes: np.ndarray) -> None:
    hashes = [np.uint64(hash_around(codes, at, 5)) for at in range(100, 20_100)]
    uniform = np.array([uniform_of(h, 3) for h in hashes])
    normal = np.array([normal_of(h, 4) for h in hashes])
    assert np.histogram(uniform, 10, (0, 1))[0] == pytest.approx(np.full(10, 2_000), rel=0.1)
    assert (normal.mean(), normal.std()) == (pytest.approx(0, abs=0.03), pytest.approx(1, rel=0.03))
    assert abs(np.corrcoef(uniform, normal)[0, 1]) < 0.03


def test_equal_sequence_errs_alike_and_each_run_otherwise(codes: np.ndarray) -> None:
    noise = LocusNoise(site_p=0.05)
    whole, part = site_rates(codes, noise, 5), site_rates(codes[7_000:9_000], noise, 5)
    np.testing.assert_array_equal(part[:, 20:-20], whole[:, 7_020:8_980])
    assert ((site_rates(codes, noise, 6) > 0) != (whole > 0)).any()


def test_as_many_sites_err_as_was_asked_for_and_more_after_gg(codes: np.ndarray) -> None:
    noise = LocusNoise(site_p=0.02, site_median=0.03, prone=4.0)
    rates = site_rates(codes, noise, 5)[0]
    at = np.arange(10, len(codes) - 10)
    after_gg = (codes[at - 1] == 2) & (codes[at - 2] == 2)
    other = at[~after_gg & (codes[at - 1] != codes[at - 2])]
    assert (rates[at[after_gg]] > 0).mean() == pytest.approx(0.08, rel=0.25)
    assert (rates[other] > 0).mean() == pytest.approx(0.02, rel=0.2)
    assert np.median(rates[rates > 0]) == pytest.approx(0.03, rel=0.15)
