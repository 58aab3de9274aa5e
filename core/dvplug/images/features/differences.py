"""How much reads differ from the reference: each of them, and all of them around a site."""

from __future__ import annotations

import numpy as np

from dvplug.kernel import kernel
from dvplug.line.read_batch import ReadArrays
from dvplug.sequence.arrays import Float64s, Int32s, Int64s, UInt8s
from dvplug.sequence.cigar import DELETION, INSERTION, consumes_read, consumes_reference, is_aligned, unpack
from dvplug.sequence.comparison import next_difference

NEARBY = 500  # bp on either side of the site
# Reads of a copy that the reference lacks differ at 2-5 % of the positions, a person's own alleles at 0.1 %.
NEARBY_SCALE = float(np.log1p(50.0))
FEWEST_DIFFERENT, ONE_IN = 3, 5  # reads that make a position count as such: so many, and one in so many


@kernel(vectorised=True)
def count_differences(
    reads: ReadArrays, reference: UInt8s, reference_start: int
) -> tuple[Int32s, Int32s, Int64s]:
    """Count differences from the reference by read and by position.

    Parameters
    ----------
    reference, reference_start
        uint8[l] base codes, and the 0-based position of the first.

    Returns
    -------
    differences
        int32[r]: mismatching bases plus indels.
    mismatches, depth
        int32[l], int64[l]: reads with another base there, and reads with any base there.
    """
    differences = np.zeros(len(reads.start), np.int32)
    mismatches = np.zeros(len(reference), np.int32)
    steps = np.zeros(len(reference) + 1, np.int32)  # of the depth, from each position to the next
    for read in range(len(reads.start)):
        position = np.int64(reads.start[read]) - reference_start
        base = reads.base_offset[read]
        for k in range(reads.cigar_offset[read], reads.cigar_offset[read + 1]):
            code, length = unpack(reads.cigar[k])
            if is_aligned(code):
                first, last = max(0, -position), min(length, len(reference) - position)
                if first < last:
                    steps[position + first] += 1
                    steps[position + last] -= 1
                    last += base
                    i = next_difference(reads.seq, reference, position - base, base + first, last)
                    while i < last:
                        differences[read] += 1
                        mismatches[position - base + i] += 1
                        i = next_difference(reads.seq, reference, position - base, i + 1, last)
                position += length
                base += length
            elif consumes_read(code):
                differences[read] += code == INSERTION
                base += length
            elif consumes_reference(code):
                differences[read] += code == DELETION
                position += length
    depth, reads_over = np.empty(len(reference), np.int64), 0
    for i in range(len(reference)):
        reads_over += steps[i]
        depth[i] = reads_over
    return differences, mismatches, depth


def nearby_differences(mismatches: Int32s, depth: Int64s, starts: Int64s) -> Float64s:
    """Positions within `NEARBY` bp of each start where reads differ, scaled, float64[s].

    Parameters
    ----------
    mismatches, depth
        As of `count_differences`.
    starts
        Offsets into them.
    """
    several = np.flatnonzero(mismatches >= FEWEST_DIFFERENT)  # few of all
    differs = several[ONE_IN * mismatches[several] >= depth[several]]
    near = np.searchsorted(differs, starts + NEARBY, "right") - np.searchsorted(differs, starts - NEARBY)
    return np.log1p(near) / NEARBY_SCALE
