"""Local realignment: reads around clustered indels and clips, laid along haplotypes assembled from them.

An aligner sees one read at a time, and may write one long insertion in a repeat as many small indels, in each read
others, or clip it away. Where reads disagree so, the haplotypes of the window are assembled (`dvplug.reads.assembly`),
aligned with the reference, and each read takes the place on a haplotype where it fits better than where it lay.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from dvplug.line.read_batch import ReadBatch
from dvplug.reads.assembly import assemble
from dvplug.sequence.alleles import left_aligned
from dvplug.sequence.pairwise import (
    LOWEST,
    D,
    H,
    I,
    M,
    N,
    P,
    S,
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
MARGIN = 1000  # bp beyond its reads that a region must know, to see whole every window that can change them
SLACK = 50  # bp by which a read's bases may lie beside where its alignment puts them
MIN_DEPTH = 4  # reads of a window, less cannot be assembled


def realign_reads(reads: ReadBatch, reference: npt.NDArray[np.uint8], reference_start: int) -> ReadBatch:
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


def find_windows(
    reads: ReadBatch, reference: npt.NDArray[np.uint8], reference_start: int
) -> list[tuple[int, int]]:
    """Stretches of the contig, [low, high), where reads show indels or clips at two places, or are clipped at one."""
    indels, clips, depth = count_breaks(
        reads.start, reads.end, reads.seq, reads.base_offset, reads.cigar, reads.cigar_offset,
        reference, reference_start,
    )  # fmt: skip
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


@njit(cache=True)
def count_breaks(
    start: Any, end: Any, seq: Any, base_offset: Any, cigar: Any, cigar_offset: Any, reference: Any,
    reference_start: int,
) -> Any:  # fmt: skip
    """Count reads by where they show a left-aligned indel, by where they are clipped, and reads over each position.

    Returns
    -------
    indels, clips, depth
        int32[l], over the reference given.
    """
    n = len(reference)
    indels, clips = np.zeros(n, np.int32), np.zeros(n, np.int32)
    steps = np.zeros(n + 1, np.int32)
    for read in range(len(start)):
        position = np.int64(start[read]) - reference_start
        steps[min(max(position, 0), n)] += 1
        steps[min(max(np.int64(end[read]) - reference_start, 0), n)] -= 1
        first, last = cigar_offset[read], cigar_offset[read + 1]
        if last - first == 1:
            continue
        base = base_offset[read]
        for k in range(first, last):
            code, length = cigar[k] & 15, np.int64(cigar[k] >> 4)
            if code in (I, D):
                if position > 0 and position + length < n:
                    indels[left_aligned(reference, position - 1, seq, base, length, code == I)] += 1
                if code == I:
                    base += length
                else:
                    position += length
            elif code == S:
                if length >= MIN_CLIP and 0 <= position < n:
                    clips[position] += 1
                base += length
            elif code == N:
                position += length
            elif code != H and code != P:
                position += length
                base += length
    return indels, clips, np.cumsum(steps)[:n].astype(np.int32)


class _Changed:
    """New alignments: for each read its start (-1 where unchanged) and which of ``cigars`` it has."""

    def __init__(self, n_reads: int) -> None:
        self.start = np.full(n_reads, -1, np.int64)
        self.index = np.full(n_reads, -1, np.int64)
        self.cigars: list[npt.NDArray[np.uint32]] = []

    def add(self, read: int, start: int, cigar: npt.NDArray[np.uint32]) -> None:
        """Note the new alignment of one read."""
        self.start[read], self.index[read] = start, len(self.cigars)
        self.cigars.append(cigar)

    def apply(self, reads: ReadBatch) -> ReadBatch:
        """Put the new alignments in."""
        if not self.cigars:
            return reads
        new = self.index >= 0
        new_offset = np.concatenate(([0], np.cumsum([len(cigar) for cigar in self.cigars])))
        operations = np.diff(reads.cigar_offset)
        operations[new] = np.diff(new_offset)[self.index[new]]
        offset = np.concatenate(([0], np.cumsum(operations))).astype(np.int64)
        cigar = np.empty(offset[-1], np.uint32)
        start, end = reads.start.copy(), reads.end.copy()
        _put_in(
            cigar, offset, start, end, reads.cigar, reads.cigar_offset, self.start, self.index,
            np.concatenate(self.cigars), new_offset,
        )  # fmt: skip
        moved = replace(reads, start=start, end=end, cigar=cigar, cigar_offset=offset)
        if (np.diff(start) >= 0).all():
            return moved
        return moved.take(np.argsort(start, kind="stable"))


@njit(cache=True)
def _put_in(
    cigar: Any, offset: Any, start: Any, end: Any, old: Any, old_offset: Any, new_start: Any, index: Any, new: Any,
    new_offset: Any,
) -> None:  # fmt: skip
    for read in range(len(start)):
        if index[read] < 0:
            source, first = old, old_offset[read]
        else:
            source, first = new, new_offset[index[read]]
            start[read] = end[read] = new_start[read]
        for k in range(offset[read + 1] - offset[read]):
            operation = source[first + k]
            cigar[offset[read] + k] = operation
            if index[read] >= 0 and (operation & 15 == M or operation & 15 == D):
                end[read] += np.int32(operation >> 4)


def _realign_window(
    reads: ReadBatch,
    reference: npt.NDArray[np.uint8],
    reference_start: int,
    low: int,
    high: int,
    changed: _Changed,
) -> None:
    """Assemble one window and realign what overlaps it and was not realigned before."""
    core = low, high
    low, high = low - PAD, repeat_end(reference, high - reference_start) + reference_start + PAD
    if low < reference_start or high > reference_start + len(reference):
        return
    # A clipped read may reach the window by its clip alone.
    near = np.arange(*np.searchsorted(reads.start, (low - 1000, high + SLACK)))
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
    begin = low - len(left)
    bases, offsets, cigars, cigar_offsets = _with_flanks(window, haplotypes, left, right)
    near = near[(touching[1] > touching[0]) & (changed.start[near] < 0)]
    starts, operations, operation_offset = fit_reads(
        reads.start, reads.seq, reads.base_offset, reads.cigar, reads.cigar_offset, near,
        reference, reference_start, bases, offsets, cigars, cigar_offsets, begin,
    )  # fmt: skip
    for i in np.flatnonzero(starts >= 0).tolist():
        changed.add(near[i], starts[i], operations[operation_offset[i] : operation_offset[i + 1]])


def _with_flanks(
    window: npt.NDArray[np.uint8],
    haplotypes: list[npt.NDArray[np.uint8]],
    left: npt.NDArray[np.uint8],
    right: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """The reference and all haplotypes, widened by reference on both sides, and their CIGARs, flat."""
    bases, cigars = [], []
    for haplotype in (window, *haplotypes):
        bases.append(np.concatenate((left, haplotype, right)))
        flanks = np.array((len(left) << 4 | M, len(right) << 4 | M), np.uint32)
        cigars.append(np.concatenate((flanks[:1], align_globally(haplotype, window), flanks[1:])))
    return (
        np.concatenate(bases),
        np.concatenate(([0], np.cumsum([len(b) for b in bases]))).astype(np.int64),
        np.concatenate(cigars),
        np.concatenate(([0], np.cumsum([len(c) for c in cigars]))).astype(np.int64),
    )


def base_ranges(
    reads: ReadBatch, which: npt.NDArray[np.int64], low: int, high: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Bases of some reads that lie in [low, high) if they had no gaps: indexes [first, last) into the flat bases."""
    operation = reads.cigar[reads.cigar_offset[which]]
    clip = np.where(operation & 15 == S, operation >> 4, 0).astype(np.int64)
    offset = reads.base_offset[which]
    size = reads.base_offset[which + 1] - offset
    origin = reads.start[which] - clip  # of base 0
    return offset + np.clip(low - origin, 0, size), offset + np.clip(high - origin, 0, size)


@njit(cache=True)
def fit_reads(
    start: Any, seq: Any, base_offset: Any, cigar: Any, cigar_offset: Any, reads: Any, reference: Any,
    reference_start: int, bases: Any, offsets: Any, cigars: Any, cigar_offsets: Any, begin: int,
) -> Any:  # fmt: skip
    """Lay each read without gaps along every haplotype; keep what scores better than its own alignment.

    ``bases[offsets[h]:offsets[h + 1]]`` is haplotype ``h``, ``cigars`` likewise its alignment with the reference
    from position ``begin`` on; haplotype 0 is the reference.

    Returns
    -------
    starts, operations, operation_offset
        int64[r] (-1 unchanged), uint32 flat, int64[r + 1].
    """
    starts = np.full(len(reads), -1, np.int64)
    operation_offset = np.zeros(len(reads) + 1, np.int64)
    operations = np.empty(1024, np.uint32)
    used = 0
    for i in range(len(reads)):
        read = reads[i]
        read_seq = seq[base_offset[read] : base_offset[read + 1]]
        read_cigar = cigar[cigar_offset[read] : cigar_offset[read + 1]]
        own = alignment_score(np.int64(start[read]), read_cigar, read_seq, reference, reference_start)
        if own < len(read_seq) and own > LOWEST:
            best, haplotype, at, first, last = _best_fit(
                np.int64(start[read]), read_cigar, read_seq, own, bases, offsets, begin
            )
            # Clipped anew on the reference is no better alignment; a gap less is.
            if best > own and (haplotype > 0 or _has_gap(read_cigar)):
                of_haplotype = cigars[cigar_offsets[haplotype] : cigar_offsets[haplotype + 1]]
                starts[i], new = place_on_reference(of_haplotype, begin, at, first, last, len(read_seq))
                if used + len(new) > len(operations):
                    grown = np.empty(2 * len(operations) + len(new), np.uint32)
                    grown[:used] = operations[:used]
                    operations = grown
                if starts[i] >= 0:
                    operations[used : used + len(new)] = new
                    used += len(new)
        operation_offset[i + 1] = used
    return starts, operations[:used], operation_offset


@njit(cache=True)
def _has_gap(cigar: Any) -> bool:
    gaps = 0
    for k in range(len(cigar)):
        gaps += cigar[k] & 15 in (I, D)
    return gaps > 0


@njit(cache=True)
def _best_fit(start: int, cigar: Any, seq: Any, own: int, bases: Any, offsets: Any, begin: int) -> Any:
    """Best score of the read on any haplotype, which, where base 0 lies on it, and the bases [first, last) used."""
    origin, net = start - begin, 0  # where base 0 would lie by the first aligned base; inserted less deleted
    for k in range(len(cigar)):
        code, length = cigar[k] & 15, np.int64(cigar[k] >> 4)
        if code == S and k == 0:
            origin -= length
        elif code == I:
            net += length
        elif code == D:
            net -= length
    best, best_haplotype, best_at, best_first, best_last = own, -1, 0, 0, 0
    reference_length = offsets[1] - offsets[0]
    for haplotype in range(len(offsets) - 1):
        longer = offsets[haplotype + 1] - offsets[haplotype] - reference_length
        other = origin - net + longer  # where base 0 would lie by the last aligned base
        low, high = min(origin, other) - 8, max(origin, other) + 8
        for at in range(max(low, -len(seq) // 2), high + 1):
            score, first, last = ungapped_score(seq, bases[offsets[haplotype] : offsets[haplotype + 1]], at)
            if score > best:
                best, best_haplotype, best_at, best_first, best_last = score, haplotype, at, first, last
    return best, best_haplotype, best_at, best_first, best_last
