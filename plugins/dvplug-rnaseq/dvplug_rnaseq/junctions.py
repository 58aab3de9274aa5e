"""Where reads skip introns, and which strand is transcribed there."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from dvplug.hookspecs import ReadBatch

LEAST_READS = 2
"""Reads that skip an intron: one alone may be aligned wrongly."""
FORWARD, REVERSE, UNKNOWN = 1, -1, 0
_A, _C, _G, _T = range(4)
_SKIP = 3
_REFERENCE = (0, 2, 3, 7, 8)  # operations of a CIGAR that pass over the reference


class Junctions(NamedTuple):
    """Introns that `LEAST_READS` or more skip, in order of start."""

    start: NDArray[np.int64]  # [junctions], first base of the intron
    end: NDArray[np.int64]  # [junctions], first base behind it
    reads: NDArray[np.int64]  # [junctions], that skip it


def junctions_of(reads: ReadBatch) -> Junctions:
    """Gather the introns that these reads skip."""
    found = _skips(reads.start, reads.cigar, reads.cigar_offset)
    introns, counts = np.unique(found, axis=0, return_counts=True)
    kept = counts >= LEAST_READS
    return Junctions(introns[kept, 0], introns[kept, 1], counts[kept])


@numba.njit(cache=True)
def _skips(
    start: NDArray[np.int32], cigar: NDArray[np.uint32], cigar_offset: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Where each operation N begins and ends, int64[operations, 2]."""
    count = 0
    for k in range(len(cigar)):
        count += (cigar[k] & 15) == _SKIP
    out = np.empty((count, 2), np.int64)
    n = 0
    for read in range(len(start)):
        position = np.int64(start[read])
        for k in range(cigar_offset[read], cigar_offset[read + 1]):
            code, length = cigar[k] & 15, np.int64(cigar[k] >> 4)
            if code == _SKIP:
                out[n, 0], out[n, 1] = position, position + length
                n += 1
            if code in _REFERENCE:
                position += length
    return out


def strands_of(junctions: Junctions, reference: NDArray[np.uint8], reference_start: int) -> NDArray[np.int64]:
    """Which strand each intron is of, int64[junctions]: GT ... AG is `FORWARD`, CT ... AC `REVERSE`.

    One end is enough, where the other lies beyond the reference at hand (uint8[bp] from ``reference_start`` on).
    """
    first, second = (_base(reference, junctions.start + k - reference_start) for k in (0, 1))
    last_but_one, last = (_base(reference, junctions.end - k - reference_start) for k in (2, 1))
    begins = np.where(second == _T, np.where(first == _G, FORWARD, np.where(first == _C, REVERSE, 0)), 0)
    ends = np.where(last_but_one == _A, np.where(last == _G, FORWARD, np.where(last == _C, REVERSE, 0)), 0)
    return np.sign(begins + ends).astype(np.int64)


def _base(reference: NDArray[np.uint8], at: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Bases of places in the reference, none (4) outside."""
    inside = (at >= 0) & (at < len(reference))
    return np.where(inside, reference[np.where(inside, at, 0)], 4) if len(reference) else np.full(len(at), 4)
