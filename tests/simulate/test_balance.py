"""Allele balance: how many fragments of either haplotype cover a heterozygote."""

from __future__ import annotations

import numpy as np
import pytest

from dvplug.simulate.balance import allele_balance, alt_shares
from dvplug.simulate.variants import PhasedVariant
from helpers.worlds import world


def variant(start: int, genotype: tuple[int, int]) -> PhasedVariant:
    return PhasedVariant(start, "A", ("C",), genotype)


def test_shares_have_the_moments_of_a_beta_distribution() -> None:
    shares = alt_shares(world(alt_share=0.4, site_sd=0.08).library, 40_000, np.random.default_rng(1))
    assert shares.mean() == pytest.approx(0.4, abs=0.003)
    assert shares.std() == pytest.approx(0.08, rel=0.03)


def test_reads_of_sites_vary_more_than_binomially() -> None:
    """The variance of a beta-binomial count is n p (1 - p) (1 + (n - 1) rho), rho = sd^2 / p (1 - p)."""
    rng, n, sd = np.random.default_rng(2), 40, 0.1
    counts = rng.binomial(n, alt_shares(world(site_sd=sd).library, 50_000, rng))
    assert counts.var() == pytest.approx(n * 0.25 * (1 + (n - 1) * sd**2 / 0.25), rel=0.05)


def test_some_sites_are_skewed() -> None:
    shares = alt_shares(world(skewed_share=0.05).library, 20_000, np.random.default_rng(3))
    skewed = shares[shares != 0.5]
    assert len(skewed) / 20_000 == pytest.approx(0.05, abs=0.008)
    assert 0.22 <= skewed.min() < skewed.max() <= 0.34


def test_the_haplotype_with_the_alt_is_the_one_that_is_sequenced_less() -> None:
    variants = [variant(1000, (0, 1)), variant(3000, (1, 0)), variant(4000, (1, 1)), variant(9000, (1, 2))]
    first, second = allele_balance(variants, world(alt_share=0.3).library, np.random.default_rng(1))
    at = np.array([0, 1000, 1999, 2001, 3000, 9000])
    assert first.factor_at(at) == pytest.approx([1.4, 1.4, 1.4, 0.6, 0.6, 1.0])
    assert second.factor_at(at) == pytest.approx(2 - first.factor_at(at))


def test_long_reads_have_one_balance_over_their_length() -> None:
    variants = [variant(at, (0, 1)) for at in range(0, 100_000, 500)]
    library = world(site_sd=0.1).library
    first, _ = allele_balance(variants, library, np.random.default_rng(1), least=10_000)
    assert (np.diff(first.start)[1:] >= 10_000).all()
    assert len(first.start) == 10


def test_without_heterozygotes_both_haplotypes_are_alike() -> None:
    first, second = allele_balance(
        [variant(5, (1, 1))], world(alt_share=0.3).library, np.random.default_rng(1)
    )
    assert first.factor.tolist() == second.factor.tolist() == [1.0]
