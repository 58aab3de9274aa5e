"""Places in CIGARs that move on with the sites that are looked at, from left to right.

A read of 2 Mb has a hundred thousand operations. Were they gone through from the first one for each site, time would
grow by the square of the read's length.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dvplug.kernel import subkernel
from dvplug.sequence.arrays import Int32s, Int64s, UInt32s
from dvplug.sequence.cigar import consumes_read, consumes_reference, is_aligned, unpack


class Cursors(NamedTuple):
    """A place in the CIGAR of each read: its first operation, or one that aligns bases."""

    operation: Int64s  # [r]: index into the CIGARs of all reads
    position: Int64s  # [r]: 0-based reference position where it begins
    base: Int64s  # [r]: index in the read of its first base


@subkernel
def first_places(start: Int32s, cigar_offset: Int64s) -> Cursors:
    """Begin with the first operations.

    Parameters
    ----------
    start, cigar_offset
        int32[r], int64[r + 1], of a `ReadBatch`.
    """
    n = len(start)
    cursors = Cursors(np.empty(n, np.int64), np.empty(n, np.int64), np.zeros(n, np.int64))
    for read in range(n):
        cursors.operation[read], cursors.position[read] = cigar_offset[read], start[read]
    return cursors


@subkernel
def move_on(cursors: Cursors, read: int, cigar: UInt32s, last: int, at: int) -> None:
    """Move the cursor of one read to the last operation that aligns bases and begins at or before a position.

    Where there is none behind it, it stays.

    Parameters
    ----------
    cigar, last
        uint32[o] of all reads; one past the read's last operation.
    at
        The position, 0-based; no lower one may be asked for later.
    """
    k, position, base = cursors.operation[read], cursors.position[read], cursors.base[read]
    while k < last and position <= at:
        code, length = unpack(cigar[k])
        if is_aligned(code):
            cursors.operation[read], cursors.position[read], cursors.base[read] = k, position, base
        if consumes_read(code):
            base += length
        if consumes_reference(code):
            position += length
        k += 1
