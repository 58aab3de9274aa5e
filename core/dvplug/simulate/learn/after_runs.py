"""How reads go on after repeats: copies of a molecule that fall behind one another there stay behind.

From some ten bases of one kind on, or some ten pairs of bases, qualities are lower and errors more frequent up to the
read's end, and a wrong base is often the one before it; after the longest most reads are clipped. No truth is used: the
bases of a read that passed a repeat are compared with the reference, also those that its aligner clipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.sequence.codes import UNKNOWN_BASE, encode_bases
from dvplug.sequence.tracts import find_tracts
from dvplug.simulate.genome import Codes
from dvplug.simulate.learn.observed_alleles import (
    ALIGNED,
    blocks,
    count_alleles,
    primary_reads,
    reference_codes,
)
from dvplug.simulate.learn.states import BEHIND, RANDOM, RIGHT, WRONG

FEWEST_UNITS = 8
"""From which on repeats are looked at. In reads of a HiSeq X homopolymers of 6 to 8 bp lower the next 30 qualities by
less than 1 on average, those of 9 to 11 bp by 2, those of 18 by 9; pairs of bases by as much, where they are as many
pairs."""
LONGEST_UNIT = 4
SHOWN = 8
"""bp before and behind a repeat that an alignment or a clip has to reach."""
VARIANT_FRACTION, VARIANT_READS = 0.3, 3
"""Bases that so many reads show alike are perhaps variants. Less is usual of errors there, as they are alike."""
SHIFTS = sorted(range(-4, 5), key=abs)
"""bp by which a clipped end may lie off the reference, as the repeat before it may be read too long or short."""
UNKNOWN_END = 0.45
"""Share of the bases of a clipped end that differ, from which on nothing is known of where they are from."""
NOISE_QUALITY = 15
"""Mean quality of such an end below which it is noise; others are of elsewhere."""


class Passed(NamedTuple):
    """How a read goes on after a repeat, in sequencing order."""

    units: int
    base: int  # the first one after it
    state: NDArray[np.uint8]  # [bp of the read - base]


class RunsOf(NamedTuple):
    """The repeats of a stretch of the reference, and where bases are perhaps variants."""

    start: NDArray[np.int64]  # [runs], on the stretch
    end: NDArray[np.int64]  # [runs]
    units: NDArray[np.int64]  # [runs]
    variant: NDArray[np.bool_]  # [bp]


def runs_of(reference: Codes, others: NDArray[np.int32], depth: NDArray[np.int32]) -> RunsOf:
    """Find them.

    Parameters
    ----------
    reference
        uint8[bp]
    others
        int32[bp, 4], how many reads show each base; 0 of the reference's own.
    depth
        int32[bp]
    """
    tracts = find_tracts(reference, {unit: FEWEST_UNITS * unit for unit in range(1, LONGEST_UNIT + 1)})
    most = others.max(axis=1)
    variant = (most >= VARIANT_READS) & (most >= VARIANT_FRACTION * depth)
    return RunsOf(tracts.start, tracts.start + tracts.length, tracts.length // tracts.unit, variant)


def passed_run(read: pysam.AlignedSegment, runs: RunsOf, reference: Codes, start: int) -> Passed | None:
    """Return how a read goes on after the repeat of most units that it passes.

    None where it passes none, or ends in what is of elsewhere: an adapter, or a clip of good quality that is not alike.
    ``reference``, uint8[bp], begins at the position ``start``.
    """
    low, high = read.reference_start - start, read.reference_end - start
    low, high = (low - _clipped(read, 0), high) if read.is_reverse else (low, high + _clipped(read, -1))
    entered = np.flatnonzero((runs.start >= low + SHOWN) & (runs.end <= high - SHOWN))
    if not len(entered) or 0 < abs(read.template_length) < read.query_length:
        return None
    run = int(entered[np.argmax(runs.units[entered])])
    codes = encode_bases(read.query_sequence.encode())
    quality = np.frombuffer(read.query_qualities, dtype=np.uint8)
    last = len(reference) - 2
    place, state = np.full(len(codes), -1), np.full(len(codes), RIGHT, np.uint8)
    for at, ref, length, clipped in _pieces(read, start):
        part = slice(at, at + length)
        shift = _best_shift(codes[part], reference, ref) if clipped else 0
        place[part] = np.clip(np.arange(ref, ref + length) + (shift or 0), 1, last)
        if shift is not None:
            state[part] = _states(codes[part], reference, place[part], read.is_reverse)
            state[part][runs.variant[place[part]]] = RIGHT
        elif quality[part].mean() >= NOISE_QUALITY:
            return None
        else:
            state[part] = RANDOM
    units = int(runs.units[run])
    if read.is_reverse:
        place, state = place[::-1], state[::-1]
        after = np.flatnonzero((place >= 0) & (place < runs.start[run]))
    else:
        after = np.flatnonzero(place >= runs.end[run])
    return Passed(units, int(after[0]), state[after[0] :]) if len(after) else None


def all_passed(
    bam: Path, fasta: Path, contig: str, start: int, end: int
) -> Iterator[tuple[Passed, NDArray[np.uint8]]]:
    """Yield how each read of a stretch that passes a repeat goes on, with its qualities from there on, uint8[bp]."""
    reference, counts = reference_codes(fasta, contig, start, end), count_alleles(bam, contig, start, end)
    known = np.flatnonzero(reference < UNKNOWN_BASE)
    counts.bases[known, reference[known]] = 0
    runs = runs_of(reference, counts.bases, counts.depth)
    with pysam.AlignmentFile(str(bam)) as reads:
        for read in primary_reads(reads, contig, start, end, min_mapq=20):
            if start <= read.reference_start and read.reference_end <= end:
                passed = passed_run(read, runs, reference, start)
                if passed is not None:
                    quality = np.frombuffer(read.query_qualities, dtype=np.uint8)
                    yield passed, (quality[::-1] if read.is_reverse else quality)[passed.base :]


def _clipped(read: pysam.AlignedSegment, end: int) -> int:
    operation, length = read.cigartuples[end]
    return int(length) if operation == pysam.CSOFT_CLIP else 0


def _pieces(read: pysam.AlignedSegment, start: int) -> Iterator[tuple[int, int, int, bool]]:
    """Yield (base, place, length, whether clipped) of what lies on the reference; the end that is clipped is laid on.

    Places are relative to ``start``.
    """
    for operation, at, ref, length in blocks(read):
        if operation in ALIGNED:
            yield at, ref - start, length, False
        elif operation == pysam.CSOFT_CLIP and (at == 0) == read.is_reverse:
            yield at, ref - start - (length if at == 0 else 0), length, True


def _best_shift(shown: Codes, reference: Codes, place: int) -> int | None:
    """By how much a clipped end fits best, in bp; None where it fits nowhere, or goes beyond the reference."""
    best, fewest = None, UNKNOWN_END * len(shown)
    for shift in SHIFTS:
        low = place + shift
        if low < 1 or low + len(shown) >= len(reference):
            continue
        differ = int((reference[low : low + len(shown)] != shown).sum())
        if differ < fewest:
            best, fewest = shift, differ
    return best


def _states(shown: Codes, reference: Codes, places: NDArray[np.int64], reverse: bool) -> NDArray[np.uint8]:
    """Tell right bases from wrong ones, and of these the ones before them, uint8[bases]."""
    truth, before = reference[places], reference[places + (1 if reverse else -1)]
    wrong = (shown != truth) & (truth < 4)
    return np.where(wrong, np.where(shown == before, BEHIND, WRONG), RIGHT).astype(np.uint8)
