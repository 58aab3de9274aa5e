"""What a comparison says of a variant, and why it found no match."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dvplug.evaluate.haplotypes import Bases, TrimmedAllele
from dvplug.evaluate.variants import Variant

Status = Literal["TP", "FP", "FN", "outside"]

GENOTYPE_MISMATCH, ALLELE_MISMATCH, ABSENT = "genotype_mismatch", "allele_mismatch", "absent"


@dataclass(frozen=True)
class Verdict:
    """Status of one variant.

    Attributes
    ----------
    why
        Empty unless it is FP or FN.
    stretch
        Contig and number of the stretch in which it was matched; None without a match. The variants of a stretch
        explain each other.
    """

    variant: Variant
    contig: str
    status: Status
    why: str = ""
    stretch: tuple[str, int] | None = None


def reason(variants: Sequence[Variant], others: Sequence[Variant], bases: Bases) -> dict[int, str]:
    """Why each unmatched variant is one, by its record number.

    `genotype_mismatch`: the other side has the same alleles there, in another genotype. `allele_mismatch`: it
    has something else within the bases that the left-aligned alleles touch. `absent`: it has nothing there.
    """
    aligned = [_aligned(v, bases) for v in others]
    spans = sorted((min(a.start for a in alleles), max(a.end for a in alleles)) for alleles in aligned)
    starts = [start for start, _ in spans]
    longest = max((end - start for start, end in spans), default=0)
    known = set(map(frozenset, aligned))
    reasons = {}
    for variant in variants:
        alleles = _aligned(variant, bases)
        start, end = min(a.start for a in alleles), max(a.end for a in alleles)
        near = range(bisect_left(starts, start - longest), bisect_right(starts, end))
        if frozenset(alleles) in known:
            reasons[variant.record] = GENOTYPE_MISMATCH
        elif any(spans[i][1] >= start for i in near):
            reasons[variant.record] = ALLELE_MISMATCH
        else:
            reasons[variant.record] = ABSENT
    return reasons


def _aligned(variant: Variant, bases: Bases) -> list[TrimmedAllele]:
    return [leftmost(allele, bases) for allele in variant.alleles if allele]


def leftmost(allele: TrimmedAllele, bases: Bases) -> TrimmedAllele:
    """The leftmost representation of an insertion or deletion (doi:10.1093/bioinformatics/btv112).

    Not `sequence.alleles.left_aligned`: alleles have no anchor base here, other letters than ACGT match themselves, and
    the reference is read as far as needed.
    """
    start, end, alt = allele
    text = alt or bases(start, end)
    if alt and end > start:
        return allele
    while start > 0 and bases(start - 1, start) == text[-1]:
        text = text[-1] + text[:-1]
        start, end = start - 1, end - 1
    return TrimmedAllele(start, end, text if alt else "")
