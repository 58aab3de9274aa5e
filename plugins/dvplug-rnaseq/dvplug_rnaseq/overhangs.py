"""The transform: the last bases of a read that runs past a junction were aligned to the intron, for want of more."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from dvplug.hookspecs import RegionContext
from dvplug_rnaseq.junctions import junctions_of

LONGEST_OVERHANG = 10
"""bp past a junction that an aligner does not take for the next exon."""
UNKNOWN = 4  # base code of what is none of A, C, G, T
_SOFT_CLIP = 4


def mask_overhangs(context: RegionContext) -> None:
    """Mask the ends of reads that reach up to `LONGEST_OVERHANG` bp into an intron that others skip; all are kept."""
    reads = context.reads
    junctions = junctions_of(reads)
    if not len(junctions.start):
        return
    starts, ends = np.unique(junctions.start), np.unique(junctions.end)
    # The last intron that begins before a read's end, and the first that ends behind a read's start.
    from_ = starts[np.maximum(np.searchsorted(starts, reads.end) - 1, 0)]
    until = ends[np.minimum(np.searchsorted(ends, reads.start, side="right"), len(ends) - 1)]
    right = reads.end.astype(np.int64) - from_
    left = until - reads.start.astype(np.int64)
    right = np.where((right > 0) & (right <= LONGEST_OVERHANG), right, 0)
    left = np.where((left > 0) & (left <= LONGEST_OVERHANG), left, 0)
    _mask(reads.base_offset, reads.cigar, reads.cigar_offset, left, right, reads.seq, reads.qual)


@numba.njit(cache=True)
def _mask(
    base_offset: NDArray[np.int64],
    cigar: NDArray[np.uint32],
    cigar_offset: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    seq: NDArray[np.uint8],
    qual: NDArray[np.uint8],
) -> None:
    """Mask so many aligned bases at either end of each read, int64[reads], where they are aligned in one piece."""
    for read in range(len(left)):
        first, last = cigar_offset[read], cigar_offset[read + 1] - 1
        if last < first:
            continue
        for side in range(2):
            count = left[read] if side == 0 else right[read]
            if count == 0:
                continue
            k, step = (first, 1) if side == 0 else (last, -1)
            base = base_offset[read] if side == 0 else base_offset[read + 1] - 1
            while first <= k <= last and (cigar[k] & 15) >= _SOFT_CLIP and (cigar[k] & 15) < 7:
                if cigar[k] & 15 == _SOFT_CLIP:
                    base += step * np.int64(cigar[k] >> 4)
                k += step
            aligned = first <= k <= last and (cigar[k] & 15) in (0, 7, 8)
            if aligned and count < np.int64(cigar[k] >> 4):
                for i in range(count):
                    seq[base + step * i], qual[base + step * i] = UNKNOWN, 0
