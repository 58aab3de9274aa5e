"""How unequally the two alleles of a heterozygote are sequenced, beyond what chance makes of few reads."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.simulate.variants import PhasedVariant
from dvplug.simulate.world import LibraryWorld

SKEWED = (0.22, 0.34)
"""Share of the alt at sites that are far off."""
LEAST_SHARE = 0.05


class AlleleBalance(NamedTuple):
    """Factors on the depth of one haplotype; the last one reaches the end of the contig."""

    start: NDArray[np.int64]  # [cells], bp on the reference, ascending from 0
    factor: NDArray[np.float64]  # [cells], 1 where both haplotypes are sequenced alike

    def factor_at(self, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the factors at reference positions, float64[positions]."""
        return self.factor[np.searchsorted(self.start, positions, side="right") - 1]


def alt_shares(library: LibraryWorld, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the share of the alt at so many sites, float64[count]: beta-distributed, but for those that are skewed."""
    mean, sd = library.alt_share, library.site_sd
    if sd > 0:
        both = mean * (1 - mean) / sd**2 - 1  # moments of a beta distribution
        shares = rng.beta(mean * both, (1 - mean) * both, count)
    else:
        shares = np.full(count, mean)
    skewed = rng.random(count) < library.skewed_share
    shares[skewed] = rng.uniform(*SKEWED, int(skewed.sum()))
    return np.clip(shares, LEAST_SHARE, 1 - LEAST_SHARE)


def allele_balance(
    variants: list[PhasedVariant], library: LibraryWorld, rng: np.random.Generator, least: int = 0
) -> tuple[AlleleBalance, AlleleBalance]:
    """Draw how deep either haplotype is around each heterozygote: halfway to the one before, and to the next.

    Fragments take the factor of where their middle lies. With ``least``, the length of long reads in bp, sites are
    passed over that lie closer to the one before: one read has one allele balance.
    """
    sites = [v for v in variants if v.genotype[0] != v.genotype[1]]
    chosen: list[PhasedVariant] = []
    for site in sites:
        if not chosen or site.start - chosen[-1].start >= least:
            chosen.append(site)
    shares = alt_shares(library, len(chosen), rng)
    middle = np.array([v.start for v in chosen], np.int64)
    start = np.concatenate(([0], (middle[1:] + middle[:-1]) // 2))[: max(len(chosen), 1)]
    on_second = np.array([v.genotype[1] > 0 and v.genotype[0] == 0 for v in chosen], bool)
    both = np.array([min(v.genotype) > 0 for v in chosen], bool)
    alt_of_first = np.where(on_second, 1 - shares, shares)
    first = np.where(both, 0.5, alt_of_first) if chosen else np.array([0.5])
    return AlleleBalance(start, 2 * first), AlleleBalance(start, 2 * (1 - first))
