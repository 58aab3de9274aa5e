"""Compare a query callset with the truth, haplotype by haplotype."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dvplug.errors import InputError
from dvplug.evaluate.haplotypes import MAX_STATES, QUERY, TRUTH, Bases, Choice, Inclusion, Match, best_match
from dvplug.evaluate.reference import ContigBases, ReferenceBases
from dvplug.evaluate.regions import ConfidentRegions
from dvplug.evaluate.variants import BEYOND, Allelic, Callset, Variant
from dvplug.evaluate.verdicts import Status, Verdict, reason
from dvplug.genome.contigs import contig_hint
from dvplug.system.locations import StrPath

AMBIGUOUS = "at an ambiguous reference base"
"""Reason to leave a variant aside: tools, and versions of bcftools, disagree which letter REF has there."""


@dataclass
class Comparison:
    """Verdicts on the variants of both sides, and the regions of `Evaluation.searched_in_part`.

    Attributes
    ----------
    left_aside
        Of truth and query, how many variants took no part, by reason.
    """

    truth: list[Verdict] = field(default_factory=list)
    query: list[Verdict] = field(default_factory=list)
    left_aside: tuple[Counter[str], Counter[str]] = field(default_factory=lambda: (Counter(), Counter()))
    searched_in_part: list[tuple[str, int, int]] = field(default_factory=list)


def compare(
    truth: Callset,
    query: Callset,
    confident: ConfidentRegions,
    reference: ReferenceBases,
    max_states: int = MAX_STATES,
) -> Comparison:
    """Judge every variant on the contigs of the confident regions; raises InputError for a foreign REF."""
    comparison = Comparison()
    for contig in confident.contigs:
        bases = ContigBases(reference, contig)
        sides: list[tuple[Variant, int]] = []
        for side, callset in ((TRUTH, truth), (QUERY, query)):
            for variant in callset.variants.get(contig, []):
                why = why_left_aside(variant, contig, reference, bases)
                if why == BEYOND and (side == QUERY or counts(variant, contig, confident)):
                    _check_ref(variant, contig, bases, callset.path)
                if why:
                    comparison.left_aside[side][why] += 1
                else:
                    sides.append((variant, side))
        sides.sort(key=lambda pair: (pair[0].changed_start, pair[0].changed_end, pair[1]))
        counted = [counts(v, contig, confident) for v, _ in sides]
        for (variant, side), inside in zip(sides, counted, strict=True):
            if inside:
                _check_ref(variant, contig, bases, (truth, query)[side].path)
        choices = [Choice(v.changed_start, side, (Inclusion(*v.alleles, 1),)) for v, side in sides]
        match = best_match(choices, bases, max_states)
        _judge(comparison, contig, sides, counted, match, bases)
        for first, last in match.pruned:
            end = max(v.changed_end for v, _ in sides[first:last])
            comparison.searched_in_part.append((contig, sides[first][0].changed_start, end))
    return comparison


def counts(variant: Allelic, contig: str, regions: ConfidentRegions) -> bool:
    """Whether the bases that a variant changes touch a region; of an insertion, whether it lies within one."""
    return regions.overlap(contig, variant.changed_start, variant.changed_end)


def why_left_aside(variant: Allelic, contig: str, reference: ReferenceBases, bases: Bases) -> str | None:
    """Say why a variant takes no part, or None."""
    ref = bases(variant.start, variant.end)
    if len(ref) < len(variant.ref):
        return BEYOND
    if "N" in ref and reference.is_ambiguous(contig, variant.start, variant.end):
        return AMBIGUOUS
    return None


def _judge(
    comparison: Comparison,
    contig: str,
    sides: Sequence[tuple[Variant, int]],
    counted: Sequence[bool],
    match: Match,
    bases: Bases,
) -> None:
    counted_stretches = {
        match.segment[i] for i, (_, side) in enumerate(sides) if side == TRUTH and counted[i]
    } - {-1}
    lost = [
        [v for i, (v, side) in enumerate(sides) if side == s and match.chosen[i] < 0] for s in (TRUTH, QUERY)
    ]
    reasons = [reason(lost[TRUTH], lost[QUERY], bases), reason(lost[QUERY], lost[TRUTH], bases)]
    for i, (variant, side) in enumerate(sides):
        stretch, why = None, ""
        status: Status = "outside"
        if match.chosen[i] >= 0:
            stretch = (contig, match.segment[i])
            if counted[i] if side == TRUTH else match.segment[i] in counted_stretches:
                status = "TP"
        elif counted[i]:
            status, why = "FN" if side == TRUTH else "FP", reasons[side][variant.record]
        (comparison.truth, comparison.query)[side].append(Verdict(variant, contig, status, why, stretch))


def _check_ref(variant: Variant, contig: str, bases: Bases, path: Path) -> None:
    found = bases(variant.start, variant.end)
    if found != variant.ref and any(
        r != f and r in "ACGT" and f in "ACGT-"
        for r, f in zip(variant.ref, found.ljust(len(variant.ref), "-"), strict=True)
    ):
        raise InputError(
            f"REF '{variant.ref[:20]}' of '{path}' at {contig}:{variant.start + 1} is not in the reference",
            cause=f"it has '{found[:20]}' there",
            repair="Use the reference that the VCF was made with",
        )


def require_a_contig_of(regions: ConfidentRegions, bed: StrPath, callset: Callset) -> None:
    """Raise InputError where a callset and the regions of a file share no contig."""
    if callset.contigs and not set(callset.contigs) & set(regions.contigs):
        contig = regions.contigs[0]
        raise InputError(
            f"'{callset.path}' has no contig of '{bed}', such as '{contig}'",
            repair=contig_hint(contig, callset.contigs),
        )
