"""Which reads are of one molecule: both of a fragment, and those of its copies.

What is wrong in a molecule before it is sequenced, a slip of the polymerase or a damaged base, all its reads show.
Told by where fragments lie, before realignment moves the ends of reads, as duplicates are (samtools markdup, Picard):
names would have to be compared, and of copies they differ.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dvplug.kernel import kernel
from dvplug.line.read_batch import ALONE, FIRST_OF_PAIR, REVERSE, ReadArrays, ReadBatch
from dvplug.sequence.arrays import Int32s, Int64s

LEAST_DISTINCT = 0.25
"""Of a run's fragments; where fewer lie apart from all others, as of amplicons, lying alike tells nothing."""
_MOST_LENGTH = (1 << 23) - 1


def with_molecules(reads: ReadBatch, copies_told: bool) -> ReadBatch:
    """Return the reads with their molecules told.

    Parameters
    ----------
    reads
        As they are aligned. One without a fragment length is a molecule of its own.
    copies_told
        Whether fragments that lie exactly alike are one molecule. If not, each of them is one: the longest first read
        belongs to the longest second one, so that it does not matter which reach beyond where the work was cut.
    """
    if not reads.fragment_length.any():
        return reads  # single reads, such as long ones
    place = places(reads)
    if not copies_told:
        longest = np.where(reads.fragment_length > 0, -reads.end.astype(np.int64), reads.start)
        order = np.lexsort((longest, reads.fragment_length < 0, place))
        place = _in_pairs(place, reads.fragment_length, order)
    return replace(reads, molecule=place)


def places(reads: ReadBatch) -> Int64s:
    """A number per read, int64[r], equal for those of fragments that lie exactly alike; `ALONE` where it is not told.

    Where they begin, how long they are, and which strand their first read is of (SAM 1.4, TLEN).
    """
    return _places(reads.arrays())


@kernel
def _places(reads: ReadArrays) -> Int64s:
    """As `places`."""
    place = np.full(len(reads.start), ALONE)
    for i in range(len(place)):
        length, flag = np.int64(reads.fragment_length[i]), reads.flag[i]
        begin = np.int64(reads.start[i]) if length > 0 else reads.end[i] + length
        if length != 0 and begin >= 0:
            forward = ((flag & FIRST_OF_PAIR) != 0) != ((flag & REVERSE) != 0)
            place[i] = begin << 24 | min(abs(length), _MOST_LENGTH) << 1 | forward
    return place


@kernel
def _in_pairs(place: Int64s, fragment_length: Int32s, order: Int64s) -> Int64s:
    """Tell the k-th pair of those that lie alike from the others, int64[r].

    ``order`` has the reads by place, first ones before second ones.
    """
    molecule = np.full(len(place), ALONE)
    at = 0
    while at < len(order):
        first, here = at, place[order[at]]
        while at < len(order) and place[order[at]] == here:
            at += 1
        second = first
        while second < at and fragment_length[order[second]] > 0:
            second += 1
        if here != ALONE:
            for k in range(min(second - first, at - second)):
                molecule[order[first + k]] = molecule[order[second + k]] = order[first + k]
    return molecule
