"""All reads of a molecule show it alike: what they show, both of a fragment and those of its copies, counts once.

What is wrong in a molecule before it is sequenced, a slip of the polymerase or a damaged base, all of its reads show.
Where reads are few, two of one molecule make a candidate.
"""

from __future__ import annotations

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.line.read_batch import ALONE, ReadArrays
from dvplug.sequence.arrays import Int32s, Int64s, UInt8s
from dvplug.sequence.cigar import DELETION, consumes_read, consumes_reference, is_aligned, unpack
from dvplug.sequence.codes import UNKNOWN_BASE
from dvplug.sequence.comparison import alike_from, is_known_base, next_difference
from dvplug.sequence.sorting import grouped

_DELETED = UNKNOWN_BASE
"""Bit of what a molecule shows at a position; those of bases are their codes."""


def count_once(
    mismatches: Int32s,
    depth: Int32s,
    reads: ReadArrays,
    molecule: Int64s,
    reference: UInt8s,
    reference_start: int,
    min_base_quality: int,
) -> None:
    """Take from the counts what reads show that another one of their molecule shows, too.

    Parameters
    ----------
    mismatches, depth
        int32[l, 4] and int32[l], of `dvplug.candidates.finder.AlleleCounts`; changed.
    molecule
        int64[r], of `dvplug.line.read_batch.ReadBatch`.
    reference
        uint8[l] base codes from ``reference_start`` on.
    """
    order = grouped(molecule, ALONE)  # by start within a molecule, as reads come
    _count_once(
        mismatches, depth, reads, molecule, order, reference, reference_start, np.int64(min_base_quality)
    )


def events_once(events: Int64s, alike: Int64s, molecule: Int64s) -> Int64s:
    """Return one event of those that reads of a molecule show alike.

    Parameters
    ----------
    events
        int64[e, columns], the read last.
    alike
        int64[e, k]: what they are alike in.
    molecule
        int64[r], of `dvplug.line.read_batch.ReadBatch`.
    """
    read = events[:, -1]
    of_event = np.where(molecule[read] == ALONE, ALONE - 1 - read, molecule[read])
    order = np.lexsort((*alike.T[::-1], of_event))
    rows = np.column_stack((of_event, alike))[order]
    again = np.zeros(len(events), np.bool_)
    again[order[1:]] = (rows[1:] == rows[:-1]).all(axis=1)
    return events[~again]


@kernel(vectorised=True)
def _count_once(
    mismatches: Int32s,
    depth: Int32s,
    reads: ReadArrays,
    molecule: Int64s,
    order: Int64s,
    reference: UInt8s,
    reference_start: int,
    min_base_quality: int,
) -> None:
    """Go through the reads of each molecule that overlap, in ``order``."""
    shown = np.zeros(1024, np.uint8)
    again = np.zeros(len(depth) + 1, np.int32)  # what pairs show twice: by how much it changes
    at = 0
    while at < len(order):
        first = at
        end, second = np.int64(reads.end[order[at]]), np.int64(0)  # the furthest end, and the one before it
        at += 1
        while (
            at < len(order) and molecule[order[at]] == molecule[order[first]] and reads.start[order[at]] < end
        ):
            other = np.int64(reads.end[order[at]])
            second, end = max(second, min(end, other)), max(end, other)
            at += 1
        if at - first < 2:
            continue
        # Where two of them lie: outside of it nothing is shown again.
        start = max(np.int64(reads.start[order[first + 1]]), reference_start)
        end = min(second, reference_start + len(reference))
        if end <= start:
            continue
        if at - first == 2:
            one = _base_over(reads, order[first], start, end)
            other = _base_over(reads, order[first + 1], start, end)
            if one >= 0 and other >= 0:
                here = slice(start - reference_start, end - reference_start)
                _take_pair(
                    mismatches[here], again[here.start :], reads, one, other, reference[here], min_base_quality
                )  # fmt: skip
                continue
        if end - start > len(shown):
            shown = np.zeros(2 * (end - start), np.uint8)
        for at_shown in range(end - start):
            shown[at_shown] = 0
        here = slice(start - reference_start, end - reference_start)
        bases, depth_here, mismatches_here = reference[here], depth[here], mismatches[here]
        for k in range(first, at):
            _take_again(shown, mismatches_here, depth_here, reads, order[k], bases, start, min_base_quality)
    twice = 0
    for i in range(len(depth)):
        twice += again[i]
        depth[i] -= twice


@subkernel
def _base_over(reads: ReadArrays, read: int, start: int, end: int) -> int:
    """Index of a read's base at ``start``, if it is aligned without a gap up to ``end``; else -1."""
    position, base = np.int64(reads.start[read]), reads.base_offset[read]
    for k in range(reads.cigar_offset[read], reads.cigar_offset[read + 1]):
        code, length = unpack(reads.cigar[k])
        if is_aligned(code) and position <= start and end <= position + length:
            return base + start - position
        if consumes_read(code):
            base += length
        if consumes_reference(code):
            position += length
    return -1


@subkernel
def _take_pair(
    mismatches: Int32s,
    again: Int32s,
    reads: ReadArrays,
    one: int,
    other: int,
    reference: UInt8s,
    min_base_quality: int,
) -> None:
    """Take what two reads without gaps show alike over the reference, uint8[l], as `_take_again` does.

    Their bases there begin at ``one`` and ``other``.
    """
    seq, qual, length, done = reads.seq, reads.qual, len(reference), 0
    while done < length:
        alike = alike_from(seq, qual, min_base_quality, one + done, other + done, length - done)
        if alike > 0:
            first, last = one + done, one + done + alike
            again[done] += 1
            again[done + alike] -= 1
            i = next_difference(seq, reference, -one, first, last)
            while i < last:
                mismatches[i - one, seq[i]] -= 1
                i = next_difference(seq, reference, -one, i + 1, last)
        done += alike + 1


@subkernel
def _take_again(
    shown: UInt8s,
    mismatches: Int32s,
    depth: Int32s,
    reads: ReadArrays,
    read: int,
    reference: UInt8s,
    start: int,
    min_base_quality: int,
) -> None:
    """Note what a read shows from ``start`` on, and take from the counts what was noted before."""
    position, base = np.int64(reads.start[read]) - start, reads.base_offset[read]
    for k in range(reads.cigar_offset[read], reads.cigar_offset[read + 1]):
        code, length = unpack(reads.cigar[k])
        first, last = max(0, position), min(position + length, len(reference))
        if first < last and is_aligned(code):
            shift = base - position
            _take_mismatches(shown, mismatches, reads, reference, first, last, shift, min_base_quality)
            _take_bases(shown, depth, reads, first, last, shift, min_base_quality)
        elif code == DELETION:
            for at in range(first, last):
                depth[at] -= shown[at] >> _DELETED & 1
                shown[at] |= 1 << _DELETED
        if consumes_read(code):
            base += length
        if consumes_reference(code):
            position += length


@subkernel
def _take_mismatches(
    shown: UInt8s,
    mismatches: Int32s,
    reads: ReadArrays,
    reference: UInt8s,
    first: int,
    last: int,
    shift: int,
    min_base_quality: int,
) -> None:
    """Take mismatches over ``reference[first:last]`` that were noted; their indexes in the reads are ``shift`` more."""
    end = last + shift
    i = next_difference(reads.seq, reference, -shift, first + shift, end)
    while i < end:
        at, what = i - shift, reads.seq[i]
        if is_known_base(what, reads.qual[i], min_base_quality) and shown[at] >> what & 1:
            mismatches[at, what] -= 1
        i = next_difference(reads.seq, reference, -shift, i + 1, end)


@subkernel
def _take_bases(
    shown: UInt8s, depth: Int32s, reads: ReadArrays, first: int, last: int, shift: int, min_base_quality: int
) -> None:
    """Take bases from the depth that were noted, and note the others; vectorised, as there is no branch.

    Where they lie is as of `_take_mismatches`.
    """
    least = np.uint8(min_base_quality)
    for i in range(last - first):
        at, of_read = np.uint64(first + i), np.uint64(first + shift + i)
        base = reads.seq[of_read]
        is_known = (base < np.uint8(UNKNOWN_BASE)) & (reads.qual[of_read] >= least)
        bit = np.uint8(_bit_of(base) if is_known else 0)
        before = shown[at]
        depth[at] -= np.int32((before & bit) != 0)
        shown[at] = before | bit


@subkernel
def _bit_of(base: int) -> int:
    """The bit of `_take_again` for a base code, both uint8; few processors shift bytes by bytes."""
    bit = np.uint8(1 if base == 0 else 2)
    bit = np.uint8(4) if base == 2 else bit
    return np.uint8(8) if base == 3 else bit
