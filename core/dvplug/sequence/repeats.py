"""How long homopolymers and tandem repeats are.

All stand on one kernel, `periodic_end`: a homopolymer is a tandem repeat with a period of 1.
"""

from __future__ import annotations

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.sequence.arrays import Float32s, Int64s, UInt8s
from dvplug.sequence.codes import UNKNOWN_BASE

LONGEST_PERIOD, LONGEST_TRACT = 6, 120  # bp of a unit of a tandem repeat, and of the tract that is followed
LONGEST_HOMOPOLYMER = 40  # bp, of `repeat_tracts`; longer ones count as such
SPANNED_FLANK = 3  # bp on either side of the repeat that a read must span
HOMOPOLYMER_SCALE, TANDEM_SCALE = 20, 60  # bp


@subkernel
def periodic_end(codes: UInt8s, first: int, period: int, stop: int) -> int:
    """End of the stretch from ``first`` in which every base is the one ``period`` bp before it.

    Parameters
    ----------
    codes
        uint8[l] base codes; unknown ones repeat like any other.
    period
        bp of the unit, 1 for a homopolymer. The first unit is always in the stretch, even beyond ``stop``.
    stop
        Where to stop looking, at most l.
    """
    end = first + period
    while end < stop and codes[end] == codes[end - period]:
        end += 1
    return end


@kernel
def repeat_end(reference: UInt8s, first: int, shortest_period: int) -> int:
    """End of the longest tandem repeat that begins at ``first``; ``first`` itself where there is none.

    It has two units at least, of ``shortest_period`` to `LONGEST_PERIOD` bp, and is followed for `LONGEST_TRACT` bp.

    Parameters
    ----------
    reference
        uint8[l] base codes.
    """
    farthest, stop = first, min(len(reference), first + LONGEST_TRACT)
    for period in range(shortest_period, LONGEST_PERIOD + 1):
        end = periodic_end(reference, first, period, stop)
        if end - first >= 2 * period:
            farthest = max(farthest, end)
    return farthest


@subkernel
def run_around(codes: UInt8s, at: int, most: int) -> int:
    """Length in bp of the run of equal codes that holds ``at``, followed for ``most`` bp to either side."""
    first = at
    while first > 0 and codes[first - 1] == codes[at] and at - first < most:
        first -= 1
    return periodic_end(codes, at, 1, min(len(codes), at + 1 + most)) - first


@kernel
def repeat_tracts(reference: UInt8s, starts: Int64s) -> Float32s:
    """Homopolymer and tandem repeat at each start, scaled, float32[s, 2]; 0 where there is none.

    The homopolymer is the longest run that holds the start or the base after it; the tandem repeat is the longest
    tract with a period of 2 bp or more that begins at the base after the start.

    Parameters
    ----------
    reference
        uint8[l] base codes.
    starts
        int64[s], offsets into ``reference``.
    """
    tracts = np.zeros((len(starts), 2), np.float32)
    for i in range(len(starts)):
        longest = 0
        for at in (starts[i], starts[i] + 1):
            if at < len(reference) and reference[at] < UNKNOWN_BASE:
                longest = max(longest, run_around(reference, at, LONGEST_HOMOPOLYMER))
        first = starts[i] + 1
        tracts[i, 0] = min(longest, LONGEST_HOMOPOLYMER) / HOMOPOLYMER_SCALE
        tracts[i, 1] = (repeat_end(reference, first, np.int64(2)) - first) / TANDEM_SCALE
    return tracts


@kernel
def repeat_windows(reference: UInt8s, starts: Int64s, ends: Int64s) -> tuple[Int64s, Int64s]:
    """Where a read must lie to show a site's length: int64[s] first and last position plus one, offsets as given.

    The repeat is the longest tract with a period of 1 to `LONGEST_PERIOD` bp that begins right of the anchor; aligners
    put its indels at its left end, or nearly so.

    Parameters
    ----------
    reference
        uint8[l] base codes.
    starts, ends
        int64[s], offsets into ``reference``: the anchors, and the ends of REF.
    """
    low, high = np.empty(len(starts), np.int64), np.empty(len(starts), np.int64)
    for i in range(len(starts)):
        first = starts[i] + 1
        low[i] = starts[i] - SPANNED_FLANK
        # A base alone is a run as well.
        high[i] = max(ends[i], first + 1, repeat_end(reference, first, np.int64(1))) + SPANNED_FLANK
    return low, high


@kernel
def run_lengths(seq: UInt8s, offset: Int64s) -> UInt8s:
    """Length of the run of equal codes that holds each base, uint8[b], 255 at most; runs end where a read does.

    Parameters
    ----------
    seq, offset
        uint8[b], int64[r + 1]: read ``i`` is ``seq[offset[i] : offset[i + 1]]``.
    """
    lengths = np.empty(len(seq), np.uint8)
    for read in range(len(offset) - 1):
        first = offset[read]
        while first < offset[read + 1]:
            end = periodic_end(seq, first, 1, offset[read + 1])
            lengths[first:end] = min(end - first, 255)
            first = end
    return lengths


@kernel
def measure_runs(reference: UInt8s, starts: Int64s) -> tuple[UInt8s, Int64s]:
    """Homopolymer that begins at each start: base code uint8[s], `UNKNOWN_BASE` for none, and length int64[s] in bp.

    There is none at an unknown base or beyond the reference; its length is then 0.

    Parameters
    ----------
    reference
        uint8[l] base codes.
    starts
        int64[s], offsets into ``reference``.
    """
    base = np.full(len(starts), UNKNOWN_BASE, np.uint8)
    length = np.zeros(len(starts), np.int64)
    for i in range(len(starts)):
        first = starts[i]
        if first < len(reference) and reference[first] < UNKNOWN_BASE:
            base[i] = reference[first]
            length[i] = periodic_end(reference, first, 1, len(reference)) - first
    return base, length
