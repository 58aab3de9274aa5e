"""Variants that genomes like those at hand hardly have: crowds of them, long, complex and overlapping ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dvplug.sequence.codes import decode_bases
from dvplug.simulate.genome import Codes, N
from dvplug.simulate.variants import (
    TRANSITION,
    TRANSITION_P,
    PhasedVariant,
    fits_both_haplotypes,
    indel_variant,
)
from dvplug.simulate.world import PersonWorld

STRETCH = (500, 20_000)
"""bp in which variants crowd."""
LONGEST = 150
"""bp of the longest indel."""
CROWD = ((0.84, "snp"), (0.91, "indel"), (0.955, "mnv"), (0.985, "complex"), (1.0, "long"))
UNUSUAL = ((0.3, "long"), (0.5, "mnv"), (0.7, "complex"), (1.0, "overlap"))
"""Kinds, each with the sum of its share and of those before."""
HOMOZYGOUS = 0.35
ONE_HAPLOTYPE = (0.5, 1.0)
"""Share of a crowd's heterozygotes that lie on one and the same haplotype; every crowd draws its own."""


def with_crowds(
    codes: Codes, variants: list[PhasedVariant], person: PersonWorld, rng: np.random.Generator
) -> list[PhasedVariant]:
    """Add a world's own variants to those of a contig, sorted; what touches a given one is left out.

    ``codes`` are those of the reference, uint8[bp].
    """
    taken = np.zeros(len(codes) + 1, bool)
    taken[:200] = taken[-400:] = True
    taken[np.flatnonzero(codes == N)] = True
    for variant in variants:
        taken[max(variant.start - 1, 0) : variant.end + 1] = True
    added = [
        variant
        for group in _groups(codes, person, rng)
        if not any(taken[max(variant.start - 1, 0) : variant.end + 1].any() for variant in group)
        for variant in group
    ]
    merged = sorted([*variants, *added], key=lambda variant: variant.start)
    apart = [
        v for v, before in zip(merged, [None, *merged], strict=False) if not before or v.start > before.start
    ]
    return fits_both_haplotypes(apart)


def _groups(codes: Codes, person: PersonWorld, rng: np.random.Generator) -> Iterator[list[PhasedVariant]]:
    """Yield variants that belong together: one, or the two that overlap on different haplotypes."""
    for start, end in _stretches(len(codes), person.dense_share, rng):
        spacing = float(np.exp(rng.uniform(*np.log(person.dense_spacing))))
        favoured, share = int(rng.integers(2)), float(rng.uniform(*ONE_HAPLOTYPE))
        for place in _places(start, end, spacing, rng):
            which = favoured if rng.random() < share else 1 - favoured
            yield from _drawn(codes, place, which, CROWD, rng)
    for place in _places(0, len(codes), person.unusual_spacing, rng):
        yield from _drawn(codes, place, int(rng.integers(2)), UNUSUAL, rng)


def _stretches(length: int, share: float, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Cut a contig into stretches, and yield the share of them that is to crowd."""
    at = 0
    while at < length:
        size = int(np.exp(rng.uniform(*np.log(STRETCH))))
        if rng.random() < share:
            yield at, min(at + size, length)
        at += size


def _places(start: int, end: int, spacing: float, rng: np.random.Generator) -> list[int]:
    gaps = rng.exponential(spacing, int((end - start) / spacing * 1.5) + 10).astype(np.int64) + 1
    places = start + np.cumsum(gaps)
    return places[places < end].tolist()


def _drawn(
    codes: Codes, place: int, which: int, kinds: tuple[tuple[float, str], ...], rng: np.random.Generator
) -> Iterator[list[PhasedVariant]]:
    """Yield what is drawn at a place; nothing close to the ends of the contig or to unknown sequence."""
    near = codes[max(place - 20, 0) : place + 2 * LONGEST + 20]
    if place < 200 or place > len(codes) - 600 or (near == N).any():
        return
    draw = rng.random()
    kind = next(name for edge, name in kinds if draw <= edge)
    alt_on_one = (1, 0) if which == 0 else (0, 1)
    genotype = (1, 1) if rng.random() < HOMOZYGOUS else alt_on_one
    if kind == "snp":
        yield [_snp(codes, place, genotype, rng)]
    elif kind == "indel":
        yield [_indel(codes, place, int(min(rng.geometric(0.4), 12)), genotype, rng)]
    elif kind == "long":
        size = int(np.exp(rng.uniform(np.log(12), np.log(LONGEST))))
        yield [_indel(codes, place, size, genotype, rng)]
    elif kind == "overlap":
        yield _overlapping(codes, place, alt_on_one, rng)
    else:
        size = int(rng.integers(2, 6))
        other = size if kind == "mnv" else int(rng.integers(1, 9))
        yield [_replaced(codes, place, size, other, genotype, rng)]


def _snp(codes: Codes, place: int, genotype: tuple[int, int], rng: np.random.Generator) -> PhasedVariant:
    base = int(codes[place])
    transition = rng.random() < TRANSITION_P
    other = int(TRANSITION[base]) if transition else (base + (1, 3)[int(rng.integers(2))]) % 4
    return PhasedVariant(place, _letters([base]), (_letters([other]),), genotype)


def _indel(
    codes: Codes, place: int, size: int, genotype: tuple[int, int], rng: np.random.Generator
) -> PhasedVariant:
    """A deletion, or an insertion of random bases or of a second copy of what follows."""
    insertion = rng.random() < 0.5
    bases = codes[place + 1 : place + 1 + size]
    if insertion and rng.random() < 0.5:
        bases = rng.integers(0, 4, size).astype(np.uint8)
    return indel_variant(codes, place, bases, insertion, genotype)


def _replaced(
    codes: Codes, place: int, size: int, other: int, genotype: tuple[int, int], rng: np.random.Generator
) -> PhasedVariant:
    """``size`` bases replaced by ``other`` many; the first and the last differ, so that none can be trimmed."""
    ref = codes[place : place + size]
    alt = rng.integers(0, 4, other).astype(np.uint8)
    alt[0] = _none_of({int(ref[0])} if other > 1 else {int(ref[0]), int(ref[-1])}, rng)
    if other > 1:
        alt[-1] = _none_of({int(ref[-1])}, rng)
    return PhasedVariant(place, decode_bases(ref), (decode_bases(alt),), genotype)


def _overlapping(
    codes: Codes, place: int, on_one: tuple[int, int], rng: np.random.Generator
) -> list[PhasedVariant]:
    """A deletion on one haplotype, and a SNP, an insertion or another deletion within it on the other."""
    size = int(rng.integers(3, 30))
    deletion = indel_variant(codes, place, codes[place + 1 : place + 1 + size], False, on_one)
    within, on_other = deletion.start + 1 + int(rng.integers(size)), on_one[::-1]
    if rng.random() < 0.5:
        return [deletion, _snp(codes, within, on_other, rng)]
    second = _indel(codes, within, int(min(rng.geometric(0.3), 20)), on_other, rng)
    return sorted([deletion, second], key=lambda variant: variant.start)


def _none_of(bases: set[int], rng: np.random.Generator) -> int:
    return int(rng.choice([base for base in range(4) if base not in bases]))


def _letters(bases: list[int]) -> str:
    return decode_bases(np.array(bases, np.uint8))
