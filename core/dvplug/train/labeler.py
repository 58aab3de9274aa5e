"""Give candidate sites the genotypes that make their haplotypes equal to the truth's.

DeepVariant's haplotype labeler in purpose: a candidate and a truth variant that are written differently are
the same when the haplotype sequences are. The search is the one that `dvplug evaluate` uses; here the
candidates' genotypes are open, and every genotype over a site's alleles is an option.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dvplug.evaluate.haplotypes import (
    QUERY,
    TRUTH,
    Bases,
    Choice,
    Inclusion,
    Match,
    TrimmedAllele,
    best_match,
)
from dvplug.evaluate.reference import ContigBases, ReferenceBases
from dvplug.evaluate.regions import ConfidentRegions
from dvplug.evaluate.variants import TruthSet, Variant, trimmed

UNLABELED = -1
_UNKNOWN = (UNLABELED, UNLABELED)

#: Situations of the haplotype search kept at once; a group that needs more and is not fully explained is
#: unlabeled.
MAX_STATES = 200

#: bp beyond the reach of a truth variant within which a candidate may be written for it.
REACH_MARGIN = 50

#: bp around the candidates from which truth variants are taken.
TRUTH_FLANK = 500

# A truth variant outweighs any number of candidates; of two ways to reproduce it, the one that calling would propose
# is taken, then the one with genotypes as the truth writes them, then the one with fewer variant sites, then with the
# truth's positions. Half of a 1/2 may be missing from the candidates.
_WHOLE, _HALF, _LESSER, _SITE, _AS_WRITTEN, _SAME_START = 10_000, 4_000, -100, -10, 20, 1


class OpenSites(NamedTuple):
    """Candidate sites of one contig, whose genotypes are open."""

    contig: str
    starts: Sequence[int]  # 0-based, in any order
    refs: Sequence[str]  # upper-case, as in a VCF record
    alts: Sequence[tuple[str, ...]]
    lesser: Sequence[Set[int]] = ()
    """Of each site the alts, counted from 1, that calling would not propose; none if empty."""


def label_candidates(
    sites: OpenSites,
    truth: TruthSet,
    confident: ConfidentRegions,
    reference: ReferenceBases,
    max_states: int = MAX_STATES,
) -> npt.NDArray[np.int8]:
    """Genotypes of candidate sites according to the truth.

    Where no assignment reproduces the truth exactly (a truth variant without a candidate), the one with most
    truth variants is taken, and the other candidates are homozygous reference.

    A few reads of a variant often show it in another way, or with another error. Thresholds below those of calling
    make candidates of that, too, and each read of the variant may well fit an indel among them better than it fits the
    reference. So what calling would not propose is taken for a variant only where the truth cannot be reproduced
    without it; an indel of that kind that is none, and lies where a truth variant may be written, is unlabeled.

    Parameters
    ----------
    truth, confident, reference
        Truth variants, where they are complete, and the reference bases.
    max_states
        Bound of the search. A group of near sites that exceeds it is labeled only when all its truth variants
        were reproduced nevertheless; otherwise its sites are unlabeled.

    Returns
    -------
    int8[s, 2]
        Allele indexes, ascending: 0 the reference, k the k-th alt; (-1, -1) unlabeled, which every site is
        that does not lie within the confident regions.
    """
    contig, starts, refs, alts, lesser = sites
    labels = np.full((len(refs), 2), UNLABELED, np.int8)
    spans = [(start, start + len(ref)) for start, ref in zip(starts, refs, strict=True)]
    inside = [i for i, (start, end) in enumerate(spans) if confident.contain(contig, start, end)]
    labels[inside] = 0
    if not inside:
        return labels
    bases = ContigBases(reference, contig, block=1 << 16)
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    variants = list(truth.overlapping(contig, first - TRUTH_FLANK, last + TRUTH_FLANK))
    for group in _groups(variants, spans, bases):
        here = [
            CandidateSite(i, starts[i], refs[i], alts[i], lesser[i] if lesser else frozenset())
            for i in group.sites
        ]
        for i, label in _label_group(group.truth, here, bases, max_states).items():
            labels[i] = label
    labels[np.setdiff1d(np.arange(len(refs)), inside)] = UNLABELED
    return labels


class CandidateSite(NamedTuple):
    """A site; `number` is its index, `lesser` as of `label_candidates`."""

    number: int
    start: int
    ref: str
    alts: tuple[str, ...]
    lesser: Set[int]

    def is_lesser_indel(self) -> bool:
        """Whether calling would propose no alt, and one changes the length: which reads show it is told by likeness."""
        return len(self.lesser) == len(self.alts) and any(len(alt) != len(self.ref) for alt in self.alts)


_Sides = list[tuple["CandidateSite | None", Choice]]


@dataclass
class _Group:
    """Truth variants and sites that may write the same haplotypes; `end` is exclusive."""

    end: int
    truth: list[Variant] = field(default_factory=list)
    sites: list[int] = field(default_factory=list)


def _groups(variants: Sequence[Variant], spans: Sequence[tuple[int, int]], bases: Bases) -> list[_Group]:
    """Overlapping sites and reaches of truth variants; sites that no truth reaches are in no group."""
    items: list[tuple[int, int, Variant | int]] = [(*span, i) for i, span in enumerate(spans)]
    for variant in variants:
        reaches = [reach(allele, bases) for allele in variant.alleles if allele]
        items.append(
            (min(r[0] for r in reaches) - REACH_MARGIN, max(r[1] for r in reaches) + REACH_MARGIN, variant)
        )
    groups = [_Group(-1)]
    for start, end, item in sorted(items, key=lambda item: item[:2]):
        if start >= groups[-1].end:
            groups.append(_Group(end))
        groups[-1].end = max(groups[-1].end, end)
        if isinstance(item, Variant):
            groups[-1].truth.append(item)
        else:
            groups[-1].sites.append(item)
    return [group for group in groups if group.truth and group.sites]


class _Written(NamedTuple):
    """How the truth writes its variants."""

    alleles: set[TrimmedAllele]
    genotypes: set[frozenset[TrimmedAllele | None]]
    starts: set[int]


def _label_group(
    truth: Sequence[Variant], sites: Sequence[CandidateSite], bases: Bases, max_states: int
) -> dict[int, tuple[int, int]]:
    """Labels by site number: with the alleles that the truth writes or, if these fail, with all."""
    like = _Written(
        {allele for variant in truth for allele in variant.alleles if allele},
        {frozenset(variant.alleles) for variant in truth},
        {variant.start for variant in truth},
    )
    sides = _sides(truth, [(site, _site_choice(site, like, only_as_truth=True)) for site in sites])
    match, whole = _matched(sides, bases, max_states)
    if not whole or any(site.lesser & {*label} for site, label in _labels(sides, match)):
        sides = _sides(truth, [(site, _site_choice(site, like, only_as_truth=False)) for site in sites])
        match, whole = _matched(sides, bases, max_states)
    if match.pruned and not whole:
        return {site.number: _UNKNOWN for site in sites}
    return {
        site.number: _UNKNOWN if not any(label) and site.is_lesser_indel() else label
        for site, label in _labels(sides, match)
    }


def _sides(truth: Sequence[Variant], sites: Sequence[tuple[CandidateSite, Choice]]) -> _Sides:
    """All choices in the order of the search; those of the truth have no site."""
    sides: _Sides = [*((None, _truth_choice(variant)) for variant in truth), *sites]
    return sorted(sides, key=lambda pair: (pair[1].start, pair[1].side, pair[0].number if pair[0] else -1))


def _matched(sides: _Sides, bases: Bases, max_states: int) -> tuple[Match, bool]:
    """The best match, and whether it reproduces the truth."""
    match = best_match([choice for _, choice in sides], bases, max_states)
    return match, all(
        chosen == 0 for (site, _), chosen in zip(sides, match.chosen, strict=True) if site is None
    )


def _labels(sides: _Sides, match: Match) -> Iterator[tuple[CandidateSite, tuple[int, int]]]:
    """Each site with its label."""
    for (site, choice), chosen in zip(sides, match.chosen, strict=True):
        if site is not None:
            yield site, choice.options[chosen].label if chosen >= 0 else (0, 0)


def _truth_choice(variant: Variant) -> Choice:
    first, second = variant.alleles
    options = [Inclusion(first, second, _WHOLE)]
    if first and second and first != second:
        options += [Inclusion(first, None, _HALF), Inclusion(None, second, _HALF)]
    return Choice(variant.changed_start, TRUTH, tuple(options))


def _site_choice(site: CandidateSite, like: _Written, only_as_truth: bool) -> Choice:
    """All genotypes but homozygous reference, over all alts or those that the truth writes alike."""
    _, start, ref, alts, lesser = site
    alleles = {0: None} | {k: trimmed(start, ref, alt) for k, alt in enumerate(alts, 1)}
    usable = [k for k, allele in alleles.items() if k == 0 or allele in like.alleles or not only_as_truth]
    options = []
    for a, b in combinations_with_replacement(usable, 2):
        first, second = alleles[a], alleles[b]
        if second is not None and (a == 0 or first is not None):
            gain = _SITE + _AS_WRITTEN * (frozenset((first, second)) in like.genotypes)
            gain += _LESSER * len(lesser & {a, b})
            options.append(Inclusion(first, second, gain + _SAME_START * (start in like.starts), (a, b)))
    changed = min((allele.start for allele in alleles.values() if allele), default=start)
    return Choice(changed, QUERY, tuple(options))


def reach(allele: TrimmedAllele, bases: Bases) -> tuple[int, int]:
    """Reference bases [start, end) over which an insertion or deletion can be shifted unchanged in effect."""
    start, end, alt = allele
    if alt and end > start:
        return start, end
    text = alt or bases(start, end)
    left = 0
    while start - left > 0 and bases(start - left - 1, start - left) == text[-1 - left % len(text)]:
        left += 1
    right = 0
    while bases(end + right, end + right + 1) == text[right % len(text)]:
        right += 1
    return start - left, end + right
