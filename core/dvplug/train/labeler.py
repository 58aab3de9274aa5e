"""Give candidate sites the genotypes that make their haplotypes equal to the truth's.

DeepVariant's haplotype labeler in purpose: a candidate and a truth variant that are written differently are
the same when the haplotype sequences are. The search is the one that `dvplug evaluate` uses; here the
candidates' genotypes are open, and every genotype over a site's alleles is an option.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement

import numpy as np
import numpy.typing as npt

from dvplug.evaluate.haplotypes import QUERY, TRUTH, Allele, Choice, Match, Option, best_match
from dvplug.evaluate.reference import Bases, Reference
from dvplug.evaluate.regions import ConfidentRegions
from dvplug.evaluate.variants import TruthSet, Variant, trimmed

UNLABELED = -1

#: Situations of the haplotype search kept at once; a stretch that needs more and is not fully explained is
#: unlabeled.
MAX_STATES = 400

#: bp beyond the reach of a truth variant within which a candidate may be written for it.
MARGIN = 50

#: bp around the candidates from which truth variants are taken.
FLANK = 500

# A truth variant outweighs any number of candidates; of two ways to reproduce it, the one with alleles as the
# truth writes them is taken, then the one with fewer variant sites. Half of a 1/2 may be missing from the
# candidates.
_WHOLE, _HALF, _SITE, _AS_WRITTEN = 10_000, 4_000, -10, 20


def label_candidates(
    contig: str,
    starts: npt.NDArray[np.integer],
    refs: Sequence[str],
    alts: Sequence[tuple[str, ...]],
    truth: TruthSet,
    confident: ConfidentRegions,
    reference: Reference,
    max_states: int = MAX_STATES,
) -> npt.NDArray[np.int8]:
    """Genotypes of candidate sites according to the truth.

    Where no assignment reproduces the truth exactly (a truth variant without a candidate), the one with most
    truth variants is taken, and the other candidates are homozygous reference.

    Parameters
    ----------
    contig
        Contig of all sites.
    starts
        int[s], 0-based, in any order.
    refs, alts
        Upper-case alleles of each site, as in a VCF record.
    truth, confident, reference
        Truth variants, where they are complete, and the reference bases.
    max_states
        Bound of the search. A stretch that exceeds it is labeled only when all its truth variants were
        reproduced nevertheless; otherwise its sites are unlabeled.

    Returns
    -------
    int8[s, 2]
        Allele indexes, ascending: 0 the reference, k the k-th alt; (-1, -1) unlabeled, which every site is
        that does not lie within the confident regions.
    """
    labels = np.full((len(refs), 2), UNLABELED, np.int8)
    sites = [int(start) for start in starts]
    ends = [start + len(ref) for start, ref in zip(sites, refs, strict=True)]
    inside = [i for i in range(len(sites)) if confident.contain(contig, sites[i], ends[i])]
    labels[inside] = 0
    if not inside:
        return labels
    bases = Bases(reference, contig, block=1 << 16)
    variants = list(truth.overlapping(contig, min(sites) - FLANK, max(ends) + FLANK))
    near = _near_truth(variants, sites, ends, bases)
    as_truth = {allele for variant in variants for allele in variant.alleles if allele}
    sides: list[tuple[int, Choice]] = [(-1, _truth_choice(v)) for v in variants]
    sides += [(i, _site_choice(sites[i], refs[i], alts[i], as_truth)) for i in near]
    sides.sort(key=lambda pair: (pair[1].start, pair[1].side, pair[0]))
    match = best_match([choice for _, choice in sides], bases, max_states)
    given = set(inside)
    for (site, choice), chosen in zip(sides, match.chosen, strict=True):
        if site in given and chosen >= 0:
            labels[site] = divmod(choice.options[chosen].label, 256)
    labels[list(_undecided(sides, match) & given)] = UNLABELED
    return labels


def _truth_choice(variant: Variant) -> Choice:
    first, second = variant.alleles
    options = [Option(first, second, _WHOLE)]
    if first and second and first != second:
        options += [Option(first, None, _HALF), Option(None, second, _HALF)]
    return Choice(variant.changed_start, TRUTH, tuple(options))


def _site_choice(start: int, ref: str, alts: tuple[str, ...], as_truth: set[Allele]) -> Choice:
    """All genotypes but homozygous reference; an option's label is 256 * first + second allele index."""
    alleles = [None, *(trimmed(start, ref, alt) for alt in alts)]
    options = []
    for a, b in combinations_with_replacement(range(len(alleles)), 2):
        first, second = alleles[a], alleles[b]
        if b and second is not None and (a == 0 or first is not None):
            written = sum(allele in as_truth for allele in {first, second})
            options.append(Option(first, second, _SITE + written * _AS_WRITTEN, 256 * a + b))
    changed = min((allele.start for allele in alleles if allele), default=start)
    return Choice(changed, QUERY, tuple(options))


def _near_truth(
    variants: Sequence[Variant], starts: Sequence[int], ends: Sequence[int], bases: Bases
) -> Iterator[int]:
    """Sites within MARGIN of where a truth variant could be written; all others can only be reference."""
    reaches = [reach(allele, bases) for v in variants for allele in v.alleles if allele]
    reached = ConfidentRegions(("", max(0, start - MARGIN), end + MARGIN) for start, end in reaches)
    return (i for i in range(len(starts)) if reached.overlap("", starts[i], ends[i]))


def reach(allele: Allele, bases: Bases) -> tuple[int, int]:
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


def _undecided(sides: Sequence[tuple[int, Choice]], match: Match) -> set[int]:
    """Sites of the stretches in which the search was cut short and left truth unexplained."""
    undecided: set[int] = set()
    for first, last in match.pruned:
        stretch = range(first, last)
        whole = all(match.chosen[i] == 0 for i in stretch if sides[i][1].side == TRUTH)
        if not whole:
            undecided.update(sides[i][0] for i in stretch if sides[i][1].side == QUERY)
    return undecided
