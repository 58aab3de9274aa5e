"""Variants for a genome: drawn, placed in fitting sequence, applied to two haplotypes, written as VCF.

`draw_events` and `place_events` make a person's variants where no real ones are at hand, `apply_variants` the sequences
of its two haplotypes, and `write_truth` what is to be found.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.sequence.alleles import moved_left
from dvplug.sequence.codes import decode_bases, encode_bases
from dvplug.sequence.tracts import Tracts, find_tracts
from dvplug.simulate.genome import Codes, N

TRANSITION = np.array([2, 3, 0, 1], dtype=np.uint8)
TRANSITION_P = 0.68
"""Share of transitions among human germline SNPs (ratio 2.1)."""


@dataclass(frozen=True)
class PhasedVariant:
    """One VCF record: 0-based ``start``, alleles with their anchor base, phased ``genotype``."""

    start: int
    ref: str
    alts: tuple[str, ...]
    genotype: tuple[int, int]

    @property
    def end(self) -> int:
        """0-based exclusive end of REF."""
        return self.start + len(self.ref)


@dataclass(frozen=True)
class Event:
    """A variant before it has a place.

    ``gap`` is bp from the variant before; ``changes`` the length change of each alt in bp (0: SNP);
    ``unit`` the repeat unit in bp of the tandem repeat it lies in (0: none), ``tract`` the repeat's length.
    """

    gap: int
    changes: tuple[int, ...]
    genotype: tuple[int, int]
    unit: int = 0
    tract: int = 0


def draw_events(rng: np.random.Generator) -> Iterator[Event]:
    """Yield events with the proportions of a human genome's truth set, without end.

    About 1 per 800 bp, a seventh of them indels, three in four of those in tandem repeats, het:hom 1.7,
    one indel in fifteen multi-allelic, a tenth of all variants close to the one before.
    """
    while True:
        gap = int(rng.exponential(60 if rng.random() < 0.1 else 850)) + 1
        het = rng.random() < 0.63
        genotype = ((0, 1) if rng.random() < 0.5 else (1, 0)) if het else (1, 1)
        if rng.random() < 0.855:
            yield Event(gap, (0,), genotype)
            continue
        sign = 1 if rng.random() < 0.5 else -1
        if rng.random() < 0.75:
            unit = int(rng.choice([1, 1, 1, 1, 2, 2, 3, 4, 4, 5]))
            step = unit * int(rng.geometric(0.7))
            changes: tuple[int, ...] = (sign * step,)
            if rng.random() < 1 / 15:
                changes, genotype = (sign * step, sign * (step + unit)), (1, 2)
            yield Event(gap, changes, genotype, unit, unit * int(rng.integers(4, 16)))
        else:
            size = int(min(rng.geometric(0.35) if rng.random() < 0.8 else rng.geometric(0.06), 60))
            yield Event(gap, (sign * size,), genotype)


class _TractFinder:
    """Finds a tandem repeat like the wanted one close to a position."""

    def __init__(self, tracts: Tracts) -> None:
        self._by_unit = {
            unit: (tracts.start[tracts.unit == unit].tolist(), tracts.length[tracts.unit == unit].tolist())
            for unit in range(1, 7)
        }

    def near(self, event: Event, position: int, reach: int = 3000) -> tuple[int, int] | None:
        """Return (start, length) of the best tract within ``reach`` bp after ``position``."""
        starts, lengths = self._by_unit.get(event.unit, ([], []))
        shortest = event.unit - min(*event.changes, 0)
        best, best_cost = None, 1e9
        for i in range(bisect_left(starts, position), len(starts)):
            if starts[i] > position + reach:
                break
            if lengths[i] < shortest:
                continue
            cost = abs(lengths[i] - event.tract) / max(event.tract, 1) + (starts[i] - position) / reach
            if cost < best_cost:
                best, best_cost = (starts[i], lengths[i]), cost
        return best


def place_events(codes: Codes, events: Iterable[Event], rng: np.random.Generator) -> list[PhasedVariant]:
    """Lay events along a sequence, left-aligned, each strictly after the one before.

    An event for which there is no fitting sequence is dropped.

    Parameters
    ----------
    codes
        uint8[n], base codes; nothing is placed on or beside N.
    events
        Enough of them to fill the sequence, or without end.
    """
    finder = _TractFinder(find_tracts(codes))
    variants: list[PhasedVariant] = []
    taken, position = 10, 10
    for event in events:
        position = max(position + event.gap, taken + 1)
        if position >= len(codes) - 200:
            break
        if codes[position] == N:
            known = np.flatnonzero(codes[position:] != N)
            if len(known) == 0:
                break
            position += int(known[0]) + 1
            continue
        variant = _place(codes, event, position, finder, rng)
        span = None if variant is None else codes[variant.start - 1 : variant.end + 1]
        if variant is None or span is None or variant.start <= taken or np.any(span == N):
            continue
        variants.append(variant)
        taken = variant.end
        position = max(position, variant.start)
    return variants


def _place(
    codes: Codes, event: Event, position: int, finder: _TractFinder, rng: np.random.Generator
) -> PhasedVariant | None:
    """Turn an event into a left-aligned variant at or after a position."""
    if event.changes == (0,):
        base = codes[position]
        other = TRANSITION[base]
        if rng.random() >= TRANSITION_P:
            other = rng.choice([b for b in range(4) if b not in (base, other)])
        return PhasedVariant(
            position,
            decode_bases(codes[[position]]),
            (decode_bases(np.array([other], np.uint8)),),
            event.genotype,
        )
    if event.unit:
        tract = finder.near(event, position)
        if tract is None:
            return None
        return repeat_variant(codes, tract[0], event)
    if len(event.changes) > 1:
        return None
    size = abs(event.changes[0])
    if event.changes[0] > 0 and rng.random() < 0.5:
        inserted = rng.integers(0, 4, size).astype(np.uint8)
    else:
        inserted = codes[position + 1 : position + 1 + size]
    return indel_variant(codes, position, inserted, event.changes[0] > 0, event.genotype)


def repeat_variant(codes: Codes, start: int, event: Event) -> PhasedVariant | None:
    """Change the length of the tandem repeat that begins at ``start``; left-aligned because it is maximal."""
    if start < 1:
        return None
    unit = codes[start : start + event.unit]
    anchor = codes[[start - 1]]
    deleted = -min(*event.changes, 0)
    alts = []
    for change in event.changes:
        copies = np.tile(unit, abs(change) // event.unit + 1)
        tail = codes[start : start + deleted + change] if change <= 0 else codes[start : start + deleted]
        grown = copies[:change] if change > 0 else copies[:0]
        alts.append(decode_bases(np.concatenate((anchor, grown, tail))))
    genotype = event.genotype
    if len(set(alts)) < len(alts):
        alts, genotype = alts[:1], (1, 1)
    return PhasedVariant(start - 1, decode_bases(codes[start - 1 : start + deleted]), tuple(alts), genotype)


def indel_variant(
    codes: Codes, anchor: int, bases: Codes, insertion: bool, genotype: tuple[int, int]
) -> PhasedVariant:
    """Return the leftmost equivalent of ``bases`` inserted after, or deleted after, position ``anchor``."""
    anchor, moved = moved_left(codes, anchor, bases, inserted=insertion)
    short = decode_bases(codes[[anchor]])
    long = short + decode_bases(moved)
    ref, alt = (short, long) if insertion else (long, short)
    return PhasedVariant(anchor, ref, (alt,), genotype)


@dataclass(frozen=True)
class HaplotypeSequence:
    """One copy of a contig, and how it lines up with the reference.

    Segment i of the haplotype, ``length[i]`` bp from ``start[i]``, lies on the reference from ``reference_start[i]``;
    what is between two segments is inserted or deleted.
    """

    codes: Codes  # uint8[m]
    start: NDArray[np.int64]  # [segments]
    reference_start: NDArray[np.int64]  # [segments]
    length: NDArray[np.int64]  # [segments]

    def to_reference(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the reference positions of haplotype positions, int64[n]; inserted ones get the next base's."""
        i = np.searchsorted(self.start, positions, side="right") - 1
        return self.reference_start[i] + np.minimum(positions - self.start[i], self.length[i])


def fits_both_haplotypes(variants: list[PhasedVariant]) -> list[PhasedVariant]:
    """Drop variants that touch an earlier one on the same haplotype (sorted input, sorted output)."""
    kept = []
    taken = [-1, -1]
    for variant in variants:
        carriers = [h for h in (0, 1) if variant.genotype[h]]
        if all(variant.start > taken[h] for h in carriers):
            kept.append(variant)
            for h in carriers:
                taken[h] = variant.end - 1
    return kept


def apply_variants(codes: Codes, variants: list[PhasedVariant], which: int) -> HaplotypeSequence:
    """Build haplotype ``which`` (0 or 1) of a contig from variants that do not overlap on it."""
    pieces, start, reference_start, length = [], [0], [0], []
    at = made = 0
    for variant in variants:
        allele = variant.genotype[which]
        if not allele:
            continue
        alt = encode_bases(variant.alts[allele - 1].encode())
        shared = min(len(alt), len(variant.ref))
        matched = codes[at : variant.start]
        pieces += [matched, alt]
        made += len(matched) + len(alt)
        at = variant.end
        if len(alt) != len(variant.ref):
            length.append(made - len(alt) + shared - start[-1])
            start.append(made)
            reference_start.append(at)
    pieces.append(codes[at:])
    whole = np.concatenate(pieces)
    length.append(len(whole) - start[-1])
    return HaplotypeSequence(whole, np.array(start), np.array(reference_start), np.array(length))


def write_truth(
    path: Path, variants: dict[str, list[PhasedVariant]], lengths: dict[str, int], sample: str
) -> Path:
    """Write phased variants, by contig, as a bgzipped and tabix-indexed VCF."""
    header = pysam.VariantHeader()
    header.add_sample(sample)
    header.add_line('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    for contig, length in lengths.items():
        header.contigs.add(contig, length=length)
    with pysam.VariantFile(str(path), "wz", header=header) as out:
        for contig, on_contig in variants.items():
            for variant in on_contig:
                record = out.new_record(
                    contig=contig, start=variant.start, alleles=(variant.ref, *variant.alts), filter="PASS"
                )
                record.samples[0]["GT"] = variant.genotype
                record.samples[0].phased = True
                out.write(record)
    pysam.tabix_index(str(path), preset="vcf", force=True)
    return path
