"""Allele frequencies by expectation and maximisation over the samples' likelihoods, and genotypes revised by them.

Genotypes are in Hardy-Weinberg proportions; beforehand the frequencies follow Dirichlet's distribution.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from dvplug.joint.likelihoods import SiteEvidence, genotype_pairs
from dvplug.sequence.arrays import Bools, Float64s

PSEUDO_COUNT = 2.0
"""Copies of each allele that are taken as seen beforehand. Callers' likelihoods know already that something was seen:
an allele of one sample alone is less rare than 1 in all copies. Chosen on simulated cohorts of 20
(`tools/measure_joint.py`, seeds 5 and 6), where 0.5 to 2 differ by a few genotypes; it matters to small cohorts."""
MOST_ROUNDS, SMALL = 100, 1e-7
MAX_Q = 99


@cache
def copies(n_alleles: int) -> Float64s:
    """Copies of each allele in each genotype, float64[g, a]."""
    table = np.zeros((len(genotype_pairs(n_alleles)), n_alleles))
    for index, (a, b) in enumerate(genotype_pairs(n_alleles)):
        table[index, a] += 1
        table[index, b] += 1
    return table


def scaled(evidence: SiteEvidence) -> Float64s:
    """Likelihoods, float64[n, g]; flat where nothing is known, and none of heterozygotes where there is one copy."""
    likelihoods = np.power(10.0, evidence.pl / -10.0)
    likelihoods[~evidence.known] = 1.0
    if evidence.haploid.any():
        pairs = np.array(genotype_pairs(_alleles_of(likelihoods)))
        likelihoods[np.ix_(evidence.haploid, pairs[:, 0] != pairs[:, 1])] = 0.0
    return likelihoods


def genotype_prior(frequencies: Float64s, *, haploid: bool) -> Float64s:
    """Prior of each genotype, float64[g], by the alleles' frequencies, float64[a]."""
    pairs = np.array(genotype_pairs(len(frequencies)))
    same = pairs[:, 0] == pairs[:, 1]
    if haploid:
        return np.where(same, frequencies[pairs[:, 0]], 0.0)
    return np.asarray(frequencies[pairs].prod(axis=1) * np.where(same, 1.0, 2.0))


def allele_frequencies(likelihoods: Float64s, haploid: Bools) -> Float64s:
    """Return the most probable frequencies, float64[a].

    Parameters
    ----------
    likelihoods
        float64[n, g] as `scaled` gives them, of samples of which something is known.
    haploid
        bool[n].
    """
    n = _alleles_of(likelihoods)
    table = copies(n)
    frequencies = np.full(n, 1.0 / n)
    groups = [(likelihoods[haploid == each], 0.5 if each else 1.0, each) for each in (False, True)]
    for _ in range(MOST_ROUNDS):
        counts = np.full(n, PSEUDO_COUNT)
        for of_group, weight, is_haploid in groups:
            if len(of_group):
                joint = of_group * genotype_prior(frequencies, haploid=is_haploid)
                total = joint.sum(axis=1, keepdims=True)
                counts += weight * (joint / np.maximum(total, 1e-300)).sum(axis=0) @ table
        changed = counts / counts.sum()
        done = np.abs(changed - frequencies).max() < SMALL
        frequencies = changed
        if done:
            break
    return frequencies


def posteriors(likelihoods: Float64s, haploid: Bools, frequencies: Float64s) -> Float64s:
    """Probability of each genotype of each sample on its own, float64[n, g]."""
    prior = np.where(
        haploid[:, None],
        genotype_prior(frequencies, haploid=True)[None],
        genotype_prior(frequencies, haploid=False)[None],
    )
    joint = likelihoods * prior
    return joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-300)


def phred(p: Float64s) -> Float64s:
    """Phred of probabilities that something is wrong, 0 to `MAX_Q`."""
    return np.minimum(-10 * np.log10(np.maximum(p, 1e-12)), MAX_Q)


def _alleles_of(likelihoods: Float64s) -> int:
    """How many alleles have this many genotypes."""
    return int((np.sqrt(8 * likelihoods.shape[1] + 1) - 1) / 2 + 0.5)
