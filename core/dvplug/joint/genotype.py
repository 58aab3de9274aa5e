"""One site: its alleles weighed, genotypes revised, and the alleles that nobody has left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dvplug.joint.families import Kinship, family_posteriors
from dvplug.joint.frequencies import allele_frequencies, phred, posteriors, scaled
from dvplug.joint.likelihoods import SiteEvidence, genotype_pairs
from dvplug.joint.sites import SPANNING, UnitedAllele
from dvplug.sequence.arrays import Bools, Float64s, Int32s, Int64s

CANDIDATE_P = 0.1
"""A new mutation that is at least so probable keeps its site and allele, whatever genotype is more probable."""


@dataclass(frozen=True)
class Families:
    """Who is whose child among the samples, how often gametes mutate, and who founds families."""

    kinship: Kinship
    rate: float
    founders: Bools  # [n]: whose parents are unknown


@dataclass(frozen=True)
class GenotypedSite:
    """What is written of a site.

    Attributes
    ----------
    alleles
        Its alts, `SPANNING` the last if it is one.
    genotypes
        int[n]: index of each sample's genotype; -1 where nothing was read.
    gq
        int32[n]: phred that the genotype is another.
    frequencies
        float64[a] of all alleles, the reference first.
    qual
        phred that no sample has any of the alts.
    new
        Of children, the probability of a new mutation.
    """

    alleles: tuple[UnitedAllele | str, ...]
    evidence: SiteEvidence
    genotypes: Int64s
    gq: Int32s
    frequencies: Float64s
    qual: float
    new: dict[int, float]


def genotyped(
    alleles: Sequence[UnitedAllele | str], evidence: SiteEvidence, families: Families | None
) -> GenotypedSite | None:
    """Weigh a site's alleles; None where no sample has one of them but the deletions that span it."""
    left = list(alleles)
    while any(each != SPANNING for each in left):
        site = _weighed(tuple(left), evidence, families)
        used = _used(site)
        if len(used) == len(left):
            return site
        evidence = evidence.of_alleles([0, *(i + 1 for i in used)])
        left = [left[i] for i in used]
    return None


def _weighed(
    alleles: tuple[UnitedAllele | str, ...], evidence: SiteEvidence, families: Families | None
) -> GenotypedSite:
    likelihoods = scaled(evidence)
    known, haploid = evidence.known, evidence.haploid
    counted = known & families.founders if families and (known & families.founders).any() else known
    frequencies = allele_frequencies(likelihoods[counted], haploid[counted])
    new: dict[int, float] = {}
    if families is None:
        p = posteriors(likelihoods, haploid, frequencies)
    else:
        p, new = family_posteriors(families.kinship, likelihoods, known, haploid, frequencies, families.rate)
    best = np.where(known, p.argmax(axis=1), -1)
    gq = np.rint(phred(p.sum(axis=1) - p.max(axis=1))).astype(np.int32)
    none = [a for a, each in enumerate((None, *alleles)) if each is None or each == SPANNING]
    without = [i for i, (a, b) in enumerate(genotype_pairs(len(alleles) + 1)) if a in none and b in none]
    qual = float(phred_sum(p[known][:, without].sum(axis=1)))
    return GenotypedSite(alleles, evidence, best, gq, frequencies, qual, new)


def phred_sum(p: Float64s) -> float:
    """Phred that all of these are so, float64[n] of independent ones."""
    return float(-10 * np.log10(np.maximum(p, 1e-30)).sum())


def _used(site: GenotypedSite) -> list[int]:
    """The alts that somebody is called with, or that a child may have by a new mutation."""
    pairs = genotype_pairs(len(site.alleles) + 1)
    called = {a for index in set(site.genotypes.tolist()) if index >= 0 for a in pairs[index]}
    for child, p in site.new.items():
        if p >= CANDIDATE_P and site.evidence.known[child]:
            called |= set(pairs[int(site.evidence.pl[child].argmin())])
    return [i for i in range(len(site.alleles)) if i + 1 in called]
