"""Neighbouring sites genotyped together where each alone would leave no room for the other.

The network sees one site at a time. Where it calls alleles that no two copies can hold, as two homozygous deletions
over the same bases, all pairs of copies that are possible are weighed: by what the network says of each site, where a
copy that lacks a site's bases counts as no copy of its alleles (the VCF specification's allele `*`), and by how well
the two copies explain which alleles each read has at all these sites.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dvplug.line.candidate_batch import UNINFORMATIVE, CandidateBatch
from dvplug.records.merge import SMALLEST_P, genotypes
from dvplug.sequence.alleles import trim
from dvplug.sequence.arrays import Bools, Float64s, Int64s

READ_ERROR_P = 0.05
"""Chance that a read's alleles at the sites are not all those of its copy."""
MOST_COPIES = 128
"""Different copies that are weighed in pairs; sites with more are settled two at a time."""
_LACKS = -1  # in the place of an allele: the copy lacks bases that the site's alleles change

Span = tuple[int, int]
Copy = tuple[int, ...]  # of some sites, the allele at each


@dataclass(frozen=True)
class _Site:
    """One site as its neighbours matter to it."""

    index: int
    spans: tuple[Span, ...]  # of each kept alt: its REF, were it alone
    p: Float64s  # [g], of the genotypes of the kept alts
    haploid: bool
    reads: dict[int, int]
    """Allele of each read that tells one: its number among the kept, or below 0 for another."""

    def called(self) -> tuple[int, int]:
        """Return the best genotype."""
        possible = genotypes(len(self.spans))
        numbers = [n for n, (a, b) in enumerate(possible) if a == b or not self.haploid]
        return possible[max(numbers, key=lambda n: self.p[n])]


def consistent_genotypes(
    candidates: CandidateBatch, kept: Sequence[tuple[int, ...]], genotype_p: Float64s, haploid: Bools
) -> Float64s:
    """Return the probabilities, changed where the best genotypes of neighbours contradict each other.

    What is changed are profiles: each genotype has the weight of the best pair of copies with it. So the best
    genotypes of all sites are those of one pair, and contradict no more.

    Parameters
    ----------
    kept
        The alts of each site that were not pruned.
    genotype_p
        float64[s, g] of the kept alts.
    haploid
        bool[s].
    """
    changed = genotype_p
    for first, last in _overlapping(candidates, genotype_p):
        sites = [
            _site(candidates, i, kept[i], genotype_p[i], bool(haploid[i])) for i in range(first, last + 1)
        ]
        sites = [site for site in sites if any(site.called())]
        if fit([(site.called(), site.spans) for site in sites]):
            continue
        if changed is genotype_p:
            changed = genotype_p.copy()
        _settle(sites)
        for site in sites:
            changed[site.index, : len(site.p)] = site.p
    return changed


def fit(sites: Sequence[tuple[tuple[int, int], Sequence[Span]]]) -> bool:
    """Whether two copies can hold the genotype of each of these sites, whichever copy has which of its alleles.

    Parameters
    ----------
    sites
        In order: the genotype, and where each alt's REF lies, were it alone.
    """
    ends = {(0, 0)}  # where the last allele of either copy ends
    for (a, b), spans in sites:
        first, second = (spans[allele - 1] if allele else None for allele in (a, b))
        after = [
            (_end_after(end, one), _end_after(other_end, other))
            for end, other_end in ends
            for one, other in ((first, second), (second, first))
        ]
        ends = {(end, other_end) for end, other_end in after if end >= 0 and other_end >= 0}
    return bool(ends)


def _end_after(end: int, span: Span | None) -> int:
    """Where a copy's last allele ends after one more; -1 where there is no room for it."""
    if span is None:
        return end
    return span[1] if span[0] >= end else -1


def _overlapping(candidates: CandidateBatch, genotype_p: Float64s) -> Iterator[tuple[int, int]]:
    """Yield the first and last of sites in a row of which two or more have alleles likely and REFs that overlap."""
    likely = np.flatnonzero(genotype_p[:, 0] < 0.5)
    lengths = np.array([len(candidates.refs[i]) for i in likely.tolist()], np.int64)
    start = candidates.start[likely].astype(np.int64)
    reach = np.maximum.accumulate(start + lengths)
    linked = np.concatenate(([False], start[1:] < reach[:-1], [False])).astype(np.int8)
    edges = np.flatnonzero(np.diff(linked))
    yield from zip(likely[edges[::2]].tolist(), likely[edges[1::2]].tolist(), strict=True)


def _site(candidates: CandidateBatch, index: int, kept: tuple[int, ...], p: Float64s, haploid: bool) -> _Site:
    start, ref = int(candidates.start[index]), candidates.refs[index]
    rows = slice(candidates.read_offset[index], candidates.read_offset[index + 1])
    number = {0: 0} | {1 + alt: 1 + new for new, alt in enumerate(kept)}
    reads = {
        read: number.get(allele, _LACKS)
        for read, allele in zip(
            candidates.read_index[rows].tolist(), candidates.read_allele[rows].tolist(), strict=True
        )
        if allele != UNINFORMATIVE
    }
    spans = tuple(ref_span(start, ref, candidates.alts[index][alt]) for alt in kept)
    return _Site(index, spans, p[: len(genotypes(len(kept)))].copy(), haploid, reads)


def ref_span(start: int, ref: str, alt: str) -> Span:
    """Return the stretch of the reference that REF would be, were the alt alone in its record."""
    start, ref, _ = trim(start, ref, [alt])
    return start, start + len(ref)


def _settle(sites: list[_Site]) -> None:
    """Put probabilities into the sites whose best genotypes do not contradict each other."""
    copies = possible_copies([site.spans for site in sites])
    if len(copies) <= MOST_COPIES:
        _weigh(sites, copies)
        return
    for i, one in enumerate(sites):
        for other in sites[i + 1 :]:
            if not fit([(one.called(), one.spans), (other.called(), other.spans)]):
                _weigh([one, other], possible_copies([one.spans, other.spans]))
    while not fit([(site.called(), site.spans) for site in sites]):  # the least sure goes
        least = max((site for site in sites if any(site.called())), key=lambda site: float(site.p[0]))
        least.p[1:] = 0
        least.p[0] = 1


def possible_copies(spans: Sequence[Sequence[Span]]) -> list[Copy]:
    """Return all choices of one allele at each site that leave room for each other; stops beyond `MOST_COPIES`."""
    copies: list[tuple[Copy, int]] = [((), 0)]  # and where the last allele ends
    for of_site in spans:
        options = [None, *of_site]
        longer = [
            ((*copy, allele), _end_after(end, span))
            for copy, end in copies[: MOST_COPIES + 1]
            for allele, span in enumerate(options)
        ]
        copies = [(copy, end) for copy, end in longer if end >= 0]
    return [copy for copy, _ in copies]


def _weigh(sites: Sequence[_Site], copies: Sequence[Copy]) -> None:
    """Put into each site, for each genotype, the weight of the best pair of copies that has it."""
    shown = np.array([_with_lacks(copy, sites) for copy in copies])
    weights = _read_weights(sites, shown)
    for k, site in enumerate(sites):
        weights += _site_weights(site)[shown[:, k, None], shown[None, :, k]]
    if any(site.haploid for site in sites):
        weights[~np.eye(len(copies), dtype=np.bool_)] = -np.inf
    best = np.unravel_index(weights.argmax(), weights.shape)
    weights[best] += 1e-6  # of equals one, at all sites the same
    for k, site in enumerate(sites):
        allele = np.maximum(shown[:, k], 0)
        low, high = np.minimum.outer(allele, allele), np.maximum.outer(allele, allele)
        profile = np.full(len(site.p), -np.inf)
        np.maximum.at(
            profile, high * (high + 1) // 2 + low, weights
        )  # the VCF specification's order of genotypes
        p = np.exp(profile - profile.max())
        site.p[:] = p / p.sum()


def _with_lacks(copy: Copy, sites: Sequence[_Site]) -> list[int]:
    """Alleles of a copy, with `_LACKS` where an allele of another site takes bases away that this one's change."""
    taken = [site.spans[allele - 1] if allele else None for site, allele in zip(sites, copy, strict=True)]
    return [
        allele
        if allele or not any(_overlap(span, own) for span in taken if span for own in site.spans)
        else _LACKS
        for site, allele in zip(sites, copy, strict=True)
    ]


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _site_weights(site: _Site) -> Float64s:
    """Log probability that the network gives two alleles, float64[a + 1, a + 1]; the last of each axis is `_LACKS`."""
    n = len(site.spans) + 1
    weights = np.empty((n + 1, n + 1))
    for number, (a, b) in enumerate(genotypes(n - 1)):
        weights[a, b] = weights[b, a] = site.p[number]
    alone = np.diag(weights)[:n] + np.where(np.arange(n) > 0, weights[0, :n], 0)
    weights[n, :n] = weights[:n, n] = alone
    weights[n, n] = weights[0, 0]
    return np.log(np.maximum(weights, SMALLEST_P))


def _read_weights(sites: Sequence[_Site], shown: Int64s) -> Float64s:
    """Log probability of the reads' alleles under each pair of copies, float64[c, c].

    ``shown`` int64[c, s]: what each copy has at each site.
    """
    reads = sorted(set().union(*(site.reads for site in sites)))
    fits = np.ones((len(shown), len(reads)), np.bool_)
    for k, site in enumerate(sites):
        has = np.array([site.reads.get(read, UNINFORMATIVE) for read in reads], np.int64)
        has_none = (has <= 0) & (
            shown[:, k, None] == _LACKS
        )  # beside a SNP in its place a read looks like REF
        fits &= (shown[:, k, None] == has) | has_none | (has == UNINFORMATIVE)
    of_copy = np.where(fits, 1 - READ_ERROR_P, READ_ERROR_P)
    return np.array([np.log((one + of_copy) / 2).sum(axis=1) for one in of_copy])
