"""How many reads agree with the reference at each base, and how many do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.line.read_batch import OneRead, ReadArrays, ReadBatch, one_read
from dvplug.line.region import Region
from dvplug.sequence.arrays import Int32s, UInt8s, UInt32s
from dvplug.sequence.cigar import (
    DELETION,
    INSERTION,
    code_of,
    consumes_read,
    consumes_reference,
    is_aligned,
    unpack,
)
from dvplug.sequence.comparison import is_known_base


class DepthArrays(NamedTuple):
    """The arrays of `ReferenceDepths`."""

    agree: Int32s
    differ: Int32s
    reference: UInt8s


@dataclass(frozen=True)
class ReferenceDepths:
    """How many reads agree with each base of a region, and how many do not."""

    region: Region
    reference: UInt8s  # over bases of the region: codes
    agree: Int32s
    differ: Int32s  # another base, deleted, or an indel begins after the base

    def arrays(self) -> DepthArrays:
        """Return the arrays for a kernel."""
        return DepthArrays(self.agree, self.differ, self.reference)


def reference_depths(
    reads: ReadBatch, reference: UInt8s, reference_start: int, region: Region, min_base_quality: int
) -> ReferenceDepths:
    """Count the reads for and against the reference at each base of ``region``, unless that was done before.

    Parameters
    ----------
    reference
        uint8[l], base codes from ``reference_start`` on; must cover the region.
    min_base_quality
        phred; bases below it are not counted.
    """
    first, last = region.start - reference_start, region.end - reference_start
    own, before = reference[first:last], reads.against
    if before is not None and before.covers(region.start, region.end, min_base_quality):
        inside = slice(region.start - before.start, region.end - before.start)
        differ = before.differ[inside]
        return ReferenceDepths(region, own, before.depth[inside] - differ, differ)
    agree, differ = _count(reads.arrays(), own, region.start, min_base_quality)
    return ReferenceDepths(region, own, agree, differ)


@kernel(vectorised=True)
def _count(reads: ReadArrays, reference: UInt8s, first: int, min_base_quality: int) -> tuple[Int32s, Int32s]:
    """Reads that agree and that differ at each base, int32[l] both.

    Parameters
    ----------
    reference
        uint8[l], codes of the bases to count at.
    first
        0-based position of the first of them.
    min_base_quality
        phred; bases below it are not counted.
    """
    agree = np.zeros(len(reference), np.int32)
    differ = np.zeros(len(reference), np.int32)
    for i in range(len(reads.start)):
        if reads.end[i] > first and reads.start[i] < first + len(reference):
            _add_read(agree, differ, one_read(reads, i), reference, first, min_base_quality)
    return agree, differ


@subkernel
def _add_read(
    agree: Int32s, differ: Int32s, read: OneRead, reference: UInt8s, first: int, min_base_quality: int
) -> None:
    """Add one read to the counts of `_count`."""
    position, base = read.start - first, 0
    for k in range(len(read.cigar)):
        code, length = unpack(read.cigar[k])
        begin, end = max(position, 0), min(position + length, len(reference))
        if is_aligned(code):
            _add_bases(agree, differ, read, reference, begin, end, base - position, min_base_quality)
            anchor = position + length - 1
            if 0 <= anchor < len(reference) and _begins_indel(read.cigar, k + 1):
                shift = base - position
                base_there = read.seq[anchor + shift]
                is_known = is_known_base(base_there, read.qual[anchor + shift], min_base_quality)
                if is_known and base_there == reference[anchor]:
                    agree[anchor] -= 1
                    differ[anchor] += 1
        elif code == DELETION:
            for at in range(begin, end):
                differ[at] += 1
        if consumes_reference(code):
            position += length
        if consumes_read(code):
            base += length


@subkernel
def _add_bases(
    agree: Int32s,
    differ: Int32s,
    read: OneRead,
    reference: UInt8s,
    first: int,
    last: int,
    shift: int,
    min_base_quality: int,
) -> None:
    """Add the bases of a read over ``reference[first:last]``, ``shift`` further on in it, without a branch."""
    for i in range(last - first):
        at, base = np.uint64(first + i), np.uint64(first + shift + i)
        counts = np.int32(is_known_base(read.seq[base], read.qual[base], min_base_quality))
        agrees = counts & np.int32(read.seq[base] == reference[at])
        agree[at] += agrees
        differ[at] += counts - agrees


@subkernel
def _begins_indel(cigar: UInt32s, k: int) -> bool:
    """Whether operation ``k`` of uint32[o] is there and is an insertion or a deletion."""
    return k < len(cigar) and (code_of(cigar[k]) == INSERTION or code_of(cigar[k]) == DELETION)
