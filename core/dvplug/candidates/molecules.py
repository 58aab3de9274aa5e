"""Both reads of a fragment show one molecule: where they show the same, it counts once.

What is wrong in a molecule before it is sequenced, a slip of the polymerase or a damaged base, both of its reads show.
Where reads are few, two of one molecule make a candidate.
"""

from __future__ import annotations

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.line.read_batch import ReadArrays, ReadBatch
from dvplug.sequence.arrays import Int32s, Int64s, UInt8s
from dvplug.sequence.cigar import DELETION, consumes_read, consumes_reference, is_aligned, unpack
from dvplug.sequence.codes import UNKNOWN_BASE

NO_MATE = -1
_NOTHING, _DELETED = 0, UNKNOWN_BASE + 1
"""What a read tells of a position, beside its base's code plus 1."""


def first_mates(reads: ReadBatch) -> Int64s:
    """The other read of each one's fragment, int64[r]: an index, or `NO_MATE`.

    Told is only that of the second read in the order of the reference. Mates are recognised by
    where their fragment begins and how long it is; of fragments that lie alike, as copies do, the longest first read
    belongs to the longest second one, so that it does not matter which of them reach beyond where the work was cut.
    A read that covers less than half of its fragment has none, nor one whose end realignment moved.
    """
    mate = np.full(len(reads), NO_MATE, np.int64)
    length, start, end = (
        column.astype(np.int64) for column in (reads.fragment_length, reads.start, reads.end)
    )
    near = np.abs(length) < 2 * (end - start)
    first, second = np.flatnonzero((length > 0) & near), np.flatnonzero((length < 0) & near)
    if not len(first) or not len(second):
        return mate
    first = first[np.lexsort((-end[first], start[first], length[first]))]
    begins = length[second] + end[second]
    order = np.lexsort((start[second], begins, -length[second]))
    second, begins = second[order], begins[order]
    own, wanted = length[first] << 40 | start[first], -length[second] << 40 | np.maximum(begins, 0)
    at = np.searchsorted(own, wanted) + np.arange(len(wanted)) - np.searchsorted(wanted, wanted)
    inside = np.minimum(at, len(own) - 1)
    same = (at < len(own)) & (own[inside] == wanted)
    mate[second[same]] = first[inside[same]]
    return mate


@kernel
def count_once(
    mismatches: Int32s,
    depth: Int32s,
    reads: ReadArrays,
    mate: Int64s,
    reference: UInt8s,
    reference_start: int,
    min_base_quality: int,
) -> None:
    """Take one from the counts wherever both reads of a fragment have counted and show the same.

    Parameters
    ----------
    mismatches, depth
        int32[l, 4] and int32[l], of `dvplug.candidates.finder.AlleleCounts`.
    mate
        int64[r], see `first_mates`.
    reference
        uint8[l] base codes from ``reference_start`` on.
    """
    own, other = np.zeros(0, np.uint8), np.zeros(0, np.uint8)
    for read in range(len(mate)):
        if mate[read] < 0:
            continue
        start = max(np.int64(reads.start[read]), np.int64(reads.start[mate[read]]), np.int64(reference_start))
        end = min(reads.end[read], reads.end[mate[read]], reference_start + len(reference))
        if end <= start:
            continue
        if end - start > len(own):
            own, other = np.zeros(2 * (end - start), np.uint8), np.zeros(2 * (end - start), np.uint8)
        _tell(own, reads, read, start, end, min_base_quality)
        _tell(other, reads, mate[read], start, end, min_base_quality)
        for i in range(end - start):
            if own[i] != other[i] or own[i] == _NOTHING:
                continue
            at = start + i - reference_start
            depth[at] -= 1
            if own[i] != _DELETED and own[i] - 1 != reference[at]:
                mismatches[at, own[i] - 1] -= 1


@subkernel
def _tell(told: UInt8s, reads: ReadArrays, read: int, start: int, end: int, min_base_quality: int) -> None:
    """Write what a read tells of the positions from ``start`` up to ``end``."""
    told[: end - start] = _NOTHING
    position, base = np.int64(reads.start[read]), reads.base_offset[read]
    for k in range(reads.cigar_offset[read], reads.cigar_offset[read + 1]):
        code, length = unpack(reads.cigar[k])
        first, last = max(start, position), min(position + length, end)
        if is_aligned(code):
            for at in range(first, last):
                of_read = base + at - position
                if reads.seq[of_read] < UNKNOWN_BASE and reads.qual[of_read] >= min_base_quality:
                    told[at - start] = reads.seq[of_read] + 1
        elif code == DELETION:
            for at in range(first, last):
                told[at - start] = _DELETED
        if consumes_read(code):
            base += length
        if consumes_reference(code):
            position += length
