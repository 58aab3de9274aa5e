"""Each sample's likelihoods, brought from its own records and blocks to the alleles of a site.

What a record says of alleles that the site lacks is left out. Alleles of the site that a record lacks are as likely as
the record's symbol for all others says (``<*>``, ``<NON_REF>``); and a heterozygote with one that no read shows is no
less likely than a half to the power of the reads: many callers give the symbol a constant in place of a likelihood.
Where a sample has no record, its block tells of no, one and two copies of whatever is not the reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import numpy as np

from dvplug.joint.gvcfs import MISSING, SYMBOLS, UNSEEN_Q, SampleRecord
from dvplug.joint.sites import SPANNING, OwnRecord, UnitedAllele
from dvplug.sequence.arrays import Bools, Int32s

UNLIKELY = 990
"""phred of genotypes that nothing is known of, and of impossible ones of haploid samples."""
_OTHER = -1
"""In place of an allele of the site: one that it lacks."""
Pair = tuple[int, int]


class SitePhase(NamedTuple):
    """Which allele a sample has on which haplotype, and in which of its blocks."""

    first: int
    second: int
    block: str


@dataclass(frozen=True)
class SiteEvidence:
    """What all samples, n of them, know of a site.

    Attributes
    ----------
    pl
        int32[n, g]: phred likelihoods in VCF order of two copies, the least 0.
    known
        bool[n]: whether any read tells of it.
    haploid
        bool[n]: their genotypes are those of two equal copies.
    dp
        int32[n]: reads; `MISSING` where that is not known.
    ad
        Reads of each allele, of the samples that say so.
    phase
        Of samples that are phased there.
    """

    pl: Int32s
    known: Bools
    haploid: Bools
    dp: Int32s
    ad: dict[int, tuple[int, ...]]
    phase: dict[int, SitePhase] = field(default_factory=dict)

    def of_alleles(self, kept: Sequence[int]) -> SiteEvidence:
        """Return the same of these alleles alone, by their indexes, of which the first is 0."""
        pairs = genotype_pairs(len(kept))
        pl = self.pl[:, [genotype_index(kept[a], kept[b]) for a, b in pairs]]
        pl = pl - pl.min(axis=1, keepdims=True)
        ad = {sample: tuple(counts[allele] for allele in kept) for sample, counts in self.ad.items()}
        phase = {
            sample: one._replace(first=kept.index(one.first), second=kept.index(one.second))
            for sample, one in self.phase.items()
            if one.first in kept and one.second in kept
        }
        return SiteEvidence(pl, self.known, self.haploid, self.dp, ad, phase)


@cache
def genotype_pairs(n: int) -> tuple[Pair, ...]:
    """Genotypes of n alleles in VCF order, the smaller index first."""
    return tuple((a, b) for b in range(n) for a in range(b + 1))


def genotype_index(a: int, b: int) -> int:
    """Where a genotype comes in VCF order."""
    low, high = min(a, b), max(a, b)
    return high * (high + 1) // 2 + low


def from_blocks(block_pl: Int32s, n_alleles: int) -> Int32s:
    """Return int32[n, g] of the three likelihoods of blocks, int32[n, 3]."""
    copies = [(a > 0) + (b > 0) for a, b in genotype_pairs(n_alleles)]
    return block_pl[:, copies]


def from_records(
    own: Sequence[OwnRecord], start: int, alleles: Sequence[UnitedAllele | str]
) -> tuple[list[int], int, tuple[int, ...]]:
    """Return likelihoods, depth and reads per allele of one sample at a site.

    Parameters
    ----------
    own
        Its records with alleles at the site, or over it; one at least.
    start
        Of the site.
    alleles
        Of the site without the reference: its alts, and `SPANNING` if that is one.
    """
    maps = [_map(each, start, alleles) for each in own]
    main = _main(own, start)
    seen = {image for i, images in enumerate(maps) if own[i].record.pl for image in images}
    total = np.zeros(len(genotype_pairs(len(alleles) + 1)))
    for i, each in enumerate(own):
        if each.record.pl:
            total += _costs(each.record, maps[i], seen, len(alleles) + 1, is_main=i == main)
    pl = np.rint(total - total.min()).astype(int).tolist()
    return pl, own[main].record.dp, _reads(own[main].record, maps[main], len(alleles) + 1)


def _main(own: Sequence[OwnRecord], start: int) -> int:
    """Which of a sample's records tells most of a site."""
    here = [any(isinstance(a, UnitedAllele) and a.start == start for a in each.alleles) for each in own]
    return max(range(len(own)), key=lambda i: (here[i], own[i].record.dp, -i))


def phase_of(own: Sequence[OwnRecord], start: int, alleles: Sequence[UnitedAllele | str]) -> SitePhase | None:
    """Return how a sample's alleles lie at a site, by that of its records that tells most of it; as `from_records`."""
    main = own[_main(own, start)]
    if not main.record.phase:
        return None
    images = _map(main, start, alleles)
    first, second = (images[allele] for allele in main.record.phase)
    return (
        None
        if _OTHER in (first, second) or first == second
        else SitePhase(first, second, main.record.phase_set)
    )


def _map(own: OwnRecord, start: int, alleles: Sequence[UnitedAllele | str]) -> list[int]:
    """Which allele of the site each of the record's is there, the reference first."""
    images = [0]
    for allele in own.alleles:
        if allele in alleles:
            images.append(alleles.index(allele) + 1)
        elif isinstance(allele, UnitedAllele) and allele.start != start:
            spans = allele.start < start and allele.first_deleted <= start < allele.end
            images.append(alleles.index(SPANNING) + 1 if spans and SPANNING in alleles else 0)
        elif allele == SPANNING:
            images.append(0)
        else:
            images.append(_OTHER)
    return images


def _costs(
    record: SampleRecord, images: Sequence[int], seen: set[int], n: int, *, is_main: bool
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """phred of each genotype of the site by one record: float64[g]."""
    own, symbol = _of_own_alleles(record, images)
    present = {image for image in images if image != _OTHER}
    dp = max(record.dp, sum(record.ad), 0)

    def unseen(a: int, b: int) -> float:
        """One of the alleles at least is in none of the sample's records; ``b`` is."""
        if a in present:
            told = symbol.get(a, UNLIKELY)
            return min(told, own.get((a, a), UNLIKELY) + UNSEEN_Q * dp)
        return symbol.get(_OTHER, UNLIKELY)

    def cost(a: int, b: int) -> float:
        if a in present and b in present:
            return own.get((min(a, b), max(a, b)), UNLIKELY)
        if (a not in seen or b not in seen) and is_main:
            return unseen(*((a, b) if a in present else (b, a)))
        # The other allele is of another record, or no business of this one.
        left = [x for x in (a, b) if x in present]
        if not left:
            return min(own.values(), default=0)
        return min(own.get((min(left[0], w), max(left[0], w)), UNLIKELY) for w in {0, left[0]})

    return np.array([cost(a, b) for a, b in genotype_pairs(n)])


def _of_own_alleles(record: SampleRecord, images: Sequence[int]) -> tuple[dict[Pair, int], dict[int, int]]:
    """Least phred per genotype of alleles that the site has, and per allele beside one that it lacks."""
    own: dict[Pair, int] = {}
    symbol: dict[int, int] = {}
    others = {i for i, alt in enumerate(record.alts, 1) if alt in SYMBOLS}
    for (k, m), q in _told(record):
        a, b = sorted((images[k], images[m]))
        if a != _OTHER:
            own[a, b] = min(q, own.get((a, b), q))
        elif (k in others or m in others) and (b != _OTHER or k == m):
            symbol[b] = min(q, symbol.get(b, q))
    return own, symbol


def _told(record: SampleRecord) -> Iterator[tuple[Pair, int]]:
    """Each genotype of a record with its phred likelihood."""
    n = len(record.alts) + 1
    pairs = [(a, a) for a in range(n)] if record.haploid else genotype_pairs(n)
    return zip(pairs, record.pl, strict=True)


def _reads(record: SampleRecord, images: Sequence[int], n: int) -> tuple[int, ...]:
    if not record.ad:
        return ()
    counts = [0] * n
    for image, count in zip(images, record.ad, strict=True):
        if image != _OTHER:
            counts[image] += count
    return tuple(counts)


def is_known(pl: Sequence[int], dp: int) -> bool:
    """Whether likelihoods and depth say anything."""
    return any(pl) and (dp > 0 or dp == MISSING)
