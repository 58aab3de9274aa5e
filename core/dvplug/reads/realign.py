"""Local realignment: reads around clustered indels and clips, laid along haplotypes assembled from them.

An aligner sees one read at a time, and may write one long insertion in a repeat as many small indels, in each read
others, or clip it away. Where reads disagree so, the haplotypes of the window are assembled (`dvplug.reads.assembly`),
aligned with the reference, and each read takes the place on a haplotype where it fits better than where it lay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dvplug.kernel import kernel, subkernel
from dvplug.line.read_batch import OneRead, ReadArrays, ReadBatch, gathered, one_read
from dvplug.reads.assembly import assemble
from dvplug.sequence.alleles import left_aligned
from dvplug.sequence.arrays import Int32s, Int64s, UInt8s, UInt32s
from dvplug.sequence.cigar import (
    CODE_MASK,
    DELETION,
    INSERTION,
    LENGTH_SHIFT,
    MATCH,
    SOFT_CLIP,
    code_of,
    consumes_read,
    consumes_reference,
    is_gap,
    reference_spans,
    unpack,
)
from dvplug.sequence.pairwise import (
    LOWEST,
    align_globally,
    alignment_score,
    place_on_reference,
    ungapped_score,
)
from dvplug.sequence.repeats import repeat_end

MIN_READS = 2  # that show an indel or a clip at one place
MIN_FRACTION = 0.06  # of the depth there
MIN_CLIPPED = 0.12  # of the depth: reads clipped at a place that is alone
MIN_CLIP = 5  # bp; shorter clips are mostly of read ends
MAX_GAP = 60  # bp between places of one window
MAX_SPAN = 300  # bp from the first to the last place of a window: longer ones are left as they are
PAD = 70  # bp of reference on either side of a window, room for unique k-mers
REALIGN_MARGIN = (
    1000  # bp beyond its reads that a region must know, to see whole every window that can change them
)
SLACK = 50  # bp by which a read's bases may lie beside where its alignment puts them
SHIFTS = 8  # bp to either side of where a read lay that are tried on a haplotype
MOST_CLIPPED = 1000  # bp before a window from which on reads may reach it by their clips alone
MIN_DEPTH = 4  # reads of a window, less cannot be assembled


def realign_reads(reads: ReadBatch, reference: UInt8s, reference_start: int) -> ReadBatch:
    """Return the reads with new starts and CIGARs where realignment serves; in order of start again.

    Parameters
    ----------
    reference
        uint8[l] base codes from ``reference_start`` on; what lies outside is left alone.
    """
    if not len(reads):
        return reads
    changed = _Changed(len(reads))
    for low, high in find_windows(reads, reference, reference_start):
        _realign_window(reads, reference, reference_start, low, high, changed)
    return changed.apply(reads)


def find_windows(reads: ReadBatch, reference: UInt8s, reference_start: int) -> list[tuple[int, int]]:
    """Stretches of the contig, [low, high), where reads show indels or clips at two places, or are clipped at one."""
    indels, clips, depth = count_breaks(reads.arrays(), reference, reference_start)
    least = np.maximum(MIN_READS, MIN_FRACTION * depth)
    active = np.flatnonzero(indels + clips >= least)
    if not len(active):
        return []
    firsts = np.concatenate(([0], np.flatnonzero(np.diff(active) > MAX_GAP) + 1))
    lasts = np.append(firsts[1:], len(active)) - 1
    return [
        (int(active[first]) + reference_start, int(active[last]) + 1 + reference_start)
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
        if active[last] - active[first] <= MAX_SPAN
        # One indel that all reads place alike needs no other place.
        and (last > first or clips[active[first]] >= max(MIN_READS, MIN_CLIPPED * depth[active[first]]))
    ]


@kernel
def count_breaks(reads: ReadArrays, reference: UInt8s, reference_start: int) -> tuple[Int32s, Int32s, Int32s]:
    """Count reads by where they show a left-aligned indel, by where they are clipped, and reads over each position.

    Parameters
    ----------
    reference
        uint8[l] base codes from ``reference_start`` on.

    Returns
    -------
    indels, clips, depth
        int32[l], over the reference given.
    """
    n = len(reference)
    indels, clips = np.zeros(n, np.int32), np.zeros(n, np.int32)
    steps = np.zeros(n + 1, np.int32)
    for read in range(len(reads.start)):
        position = np.int64(reads.start[read]) - reference_start
        steps[min(max(position, 0), n)] += 1
        steps[min(max(np.int64(reads.end[read]) - reference_start, 0), n)] -= 1
        first, last = reads.cigar_offset[read], reads.cigar_offset[read + 1]
        if last - first == 1:
            continue
        base = reads.base_offset[read]
        for k in range(first, last):
            code, length = unpack(reads.cigar[k])
            if is_gap(code):
                inserted = code == INSERTION
                if position > 0 and position + length < n:
                    indels[left_aligned(reference, position - 1, reads.seq, base, length, inserted)] += 1
                if inserted:
                    base += length
                else:
                    position += length
            elif code == SOFT_CLIP:
                if length >= MIN_CLIP and 0 <= position < n:
                    clips[position] += 1
                base += length
            else:
                if consumes_read(code):
                    base += length
                if consumes_reference(code):
                    position += length
    for i in range(1, n):
        steps[i] += steps[i - 1]
    return indels, clips, steps[:n]


class _Changed:
    """New alignments: for each read its start (-1 where unchanged) and which of ``cigars`` it has."""

    def __init__(self, n_reads: int) -> None:
        self.start = np.full(n_reads, -1, np.int64)
        self.index = np.full(n_reads, -1, np.int64)
        self.cigars: list[UInt32s] = []

    def add(self, read: int, start: int, cigar: UInt32s) -> None:
        """Note the new alignment of one read."""
        self.start[read], self.index[read] = start, len(self.cigars)
        self.cigars.append(cigar)

    def apply(self, reads: ReadBatch) -> ReadBatch:
        """Put the new alignments in."""
        if not self.cigars:
            return reads
        new = self.index >= 0
        cigars = np.concatenate(self.cigars)
        offset = _offsets(self.cigars)
        # The new CIGARs lie behind the old ones; each read takes its own of all these.
        rows = np.where(new, len(reads) + self.index, np.arange(len(reads)))
        all_offset = np.concatenate((reads.cigar_offset, reads.cigar_offset[-1] + offset[1:]))
        cigar_offset, (cigar,) = gathered(all_offset, rows, np.concatenate((reads.cigar, cigars)))
        start, end = reads.start.copy(), reads.end.copy()
        start[new] = self.start[new]
        end[new] = start[new] + reference_spans(cigars, offset)[self.index[new]]
        moved = replace(reads, start=start, end=end, cigar=cigar, cigar_offset=cigar_offset)
        if (np.diff(start) >= 0).all():
            return moved
        return moved.take(np.argsort(start, kind="stable"))


def _offsets(parts: Sequence[npt.NDArray[Any]]) -> Int64s:
    """Where each part begins once all are joined, int64[parts + 1]."""
    return np.concatenate(([0], np.cumsum([len(part) for part in parts]))).astype(np.int64)


def _realign_window(
    reads: ReadBatch,
    reference: UInt8s,
    reference_start: int,
    low: int,
    high: int,
    changed: _Changed,
) -> None:
    """Assemble one window and realign what overlaps it and was not realigned before."""
    core = low, high
    low, high = low - PAD, repeat_end(reference, high - reference_start, 1) + reference_start + PAD
    if low < reference_start or high > reference_start + len(reference):
        return
    # A clipped read may reach the window by its clip alone.
    near = np.arange(*np.searchsorted(reads.start, (low - MOST_CLIPPED, high + SLACK)))
    near = near[reads.end[near] > low - SLACK]
    first, last = base_ranges(reads, near, low - SLACK, high + SLACK)
    touching = base_ranges(reads, near, *core)
    if (last > first).sum() < MIN_DEPTH:
        return
    window = reference[low - reference_start : high - reference_start]
    haplotypes = assemble(window, reads.seq, reads.qual, first, last)
    if not haplotypes:
        return
    longest = int((reads.base_offset[near + 1] - reads.base_offset[near]).max()) + SLACK
    left = reference[max(0, low - reference_start - longest) : low - reference_start]
    right = reference[high - reference_start : high - reference_start + longest]
    along = _with_flanks(low - len(left), window, haplotypes, left, right)
    near = near[(touching[1] > touching[0]) & (changed.start[near] < 0)]
    starts, operations, operation_offset = fit_reads(reads.arrays(), near, reference, reference_start, along)
    for i in np.flatnonzero(starts >= 0).tolist():
        changed.add(near[i], starts[i], operations[operation_offset[i] : operation_offset[i + 1]])


class Haplotypes(NamedTuple):
    """Haplotypes of a window with its flanks, and their alignments with the reference; the first is the reference."""

    begin: int  # reference position of their first base
    bases: UInt8s  # [bases]: base codes, flat
    offset: Int64s  # [haplotypes + 1] into ``bases``
    cigar: UInt32s  # [operations]: M, I and D, flat
    cigar_offset: Int64s  # [haplotypes + 1] into ``cigar``


def _with_flanks(
    begin: int, window: UInt8s, haplotypes: list[UInt8s], left: UInt8s, right: UInt8s
) -> Haplotypes:
    """The reference and all haplotypes, widened by reference on both sides, and their CIGARs."""
    bases, cigars = [], []
    for haplotype in (window, *haplotypes):
        bases.append(np.concatenate((left, haplotype, right)))
        flanks = np.array((len(left) << LENGTH_SHIFT | MATCH, len(right) << LENGTH_SHIFT | MATCH), np.uint32)
        cigars.append(np.concatenate((flanks[:1], align_globally(haplotype, window), flanks[1:])))
    return Haplotypes(begin, np.concatenate(bases), _offsets(bases), np.concatenate(cigars), _offsets(cigars))


def base_ranges(reads: ReadBatch, which: Int64s, low: int, high: int) -> tuple[Int64s, Int64s]:
    """Bases of some reads that lie in [low, high) if they had no gaps: indexes [first, last) into the flat bases."""
    operation = reads.cigar[reads.cigar_offset[which]]
    clip = np.where(operation & CODE_MASK == SOFT_CLIP, operation >> LENGTH_SHIFT, 0).astype(np.int64)
    offset = reads.base_offset[which]
    size = reads.base_offset[which + 1] - offset
    origin = reads.start[which] - clip  # of base 0
    return offset + np.clip(low - origin, 0, size), offset + np.clip(high - origin, 0, size)


@kernel
def fit_reads(
    reads: ReadArrays, which: Int64s, reference: UInt8s, reference_start: int, haplotypes: Haplotypes
) -> tuple[Int64s, UInt32s, Int64s]:
    """Lay each read without gaps along every haplotype; keep what scores better than its own alignment.

    Parameters
    ----------
    which
        int64[r], indexes of the reads.
    reference
        uint8[l] base codes from ``reference_start`` on.

    Returns
    -------
    starts, operations, operation_offset
        int64[r] (-1 unchanged), uint32 flat, int64[r + 1].
    """
    starts = np.full(len(which), -1, np.int64)
    operation_offset = np.zeros(len(which) + 1, np.int64)
    operations = np.empty(1024, np.uint32)
    used = 0
    for i in range(len(which)):
        read = one_read(reads, which[i])
        own = alignment_score(read.start, read.cigar, read.seq, reference, reference_start)
        if own < len(read.seq) and own > LOWEST:
            fit = _best_fit(read, own, haplotypes)
            # Clipped anew on the reference is no better alignment; a gap less is.
            if fit.score > own and (fit.haplotype > 0 or _has_gap(read.cigar)):
                first, last = (
                    haplotypes.cigar_offset[fit.haplotype],
                    haplotypes.cigar_offset[fit.haplotype + 1],
                )
                starts[i], new = place_on_reference(
                    haplotypes.cigar[first:last], haplotypes.begin, fit.at, fit.first, fit.last, len(read.seq)
                )
                if used + len(new) > len(operations):
                    grown = np.empty(2 * len(operations) + len(new), np.uint32)
                    for k in range(used):
                        grown[k] = operations[k]
                    operations = grown
                if starts[i] >= 0:
                    for operation in new:
                        operations[used] = operation
                        used += 1
        operation_offset[i + 1] = used
    return starts, operations[:used], operation_offset


@subkernel
def _has_gap(cigar: UInt32s) -> bool:
    """Whether uint32[operations] insert or delete bases."""
    k = 0
    while k < len(cigar) and not is_gap(code_of(cigar[k])):
        k += 1
    return k < len(cigar)


class ReadFit(NamedTuple):
    """Where a read lies on a haplotype without gaps; all are int64."""

    score: int
    haplotype: int  # -1 for none
    at: int  # where base 0 of the read lies on the haplotype
    first: int  # the bases used, up to ``last``
    last: int


@subkernel
def _best_fit(read: OneRead, own: int, haplotypes: Haplotypes) -> ReadFit:
    """Best fit of the read on any haplotype with a score above ``own``."""
    origin, net = (
        read.start - haplotypes.begin,
        0,
    )  # where base 0 would lie by the first aligned base; bp inserted
    for k in range(len(read.cigar)):
        code, length = unpack(read.cigar[k])
        if code == SOFT_CLIP and k == 0:
            origin -= length
        elif code == INSERTION:
            net += length
        elif code == DELETION:
            net -= length
    best, offset = ReadFit(own, -1, 0, 0, 0), haplotypes.offset
    for haplotype in range(len(offset) - 1):
        longer = offset[haplotype + 1] - offset[haplotype] - (offset[1] - offset[0])
        other = origin - net + longer  # where base 0 would lie by the last aligned base
        low, high = min(origin, other) - SHIFTS, max(origin, other) + SHIFTS
        bases = haplotypes.bases[offset[haplotype] : offset[haplotype + 1]]
        for at in range(max(low, -len(read.seq) // 2), high + 1):
            score, first, last = ungapped_score(read.seq, bases, at)
            if score > best.score:
                best = ReadFit(score, haplotype, at, first, last)
    return best
