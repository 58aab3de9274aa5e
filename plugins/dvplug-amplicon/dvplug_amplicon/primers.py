"""The transform: a read that begins or ends in a primer shows the primer's bases there, not the sample's."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from dvplug.hookspecs import RegionContext
from dvplug_amplicon.settings import read_primers

SLACK = 3
"""bp by which a read may begin before its primer, or end behind it."""
UNKNOWN = 4  # base code of what is none of A, C, G, T
_INSERTION, _DELETION, _SKIP, _SOFT_CLIP = 1, 2, 3, 4


def cut_primers(context: RegionContext) -> None:
    """Mask the bases that primers brought along; all reads are kept."""
    path = context.settings.primers
    primers = read_primers(path).get(context.region.contig) if path else None
    if primers is None:
        return
    reads = context.reads
    left = _ends(primers.forward, reads.start.astype(np.int64))
    right = -_ends(-primers.reverse[:, ::-1], -reads.end.astype(np.int64))
    _mask(reads.start, reads.base_offset, reads.cigar, reads.cigar_offset, left, right, reads.seq, reads.qual)


def _ends(primers: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where the longest primer ends in which each read begins, int64[reads]; far to the left if in none.

    ``primers`` is int64[n, 2], starts and ends in any order.
    """
    found = np.full(len(starts), np.iinfo(np.int64).min // 2)
    order = np.argsort(starts, kind="stable")
    for start, end in primers.tolist():
        low, high = np.searchsorted(starts[order], (start - SLACK, end))
        inside = order[low:high]
        found[inside] = np.maximum(found[inside], end)
    return found


@numba.njit(cache=True)
def _mask(
    start: NDArray[np.int32],
    base_offset: NDArray[np.int64],
    cigar: NDArray[np.uint32],
    cigar_offset: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    seq: NDArray[np.uint8],
    qual: NDArray[np.uint8],
) -> None:
    """Mask the bases of each read that are aligned before ``left`` or from ``right`` on, int64[reads]."""
    for read in range(len(start)):
        position, base = np.int64(start[read]), base_offset[read]
        for operation in cigar[cigar_offset[read] : cigar_offset[read + 1]]:
            code, length = operation & 15, np.int64(operation >> 4)
            if code in (_DELETION, _SKIP):
                position += length
            elif code in (_INSERTION, _SOFT_CLIP):
                # An insertion lies before the next base.
                if code == _INSERTION and (position < left[read] or position >= right[read]):
                    seq[base : base + length], qual[base : base + length] = UNKNOWN, 0
                base += length
            elif code in (0, 7, 8):
                for k in range(length):
                    if position + k < left[read] or position + k >= right[read]:
                        seq[base + k], qual[base + k] = UNKNOWN, 0
                position += length
                base += length
