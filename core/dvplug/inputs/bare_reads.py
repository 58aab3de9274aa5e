"""Where the reads of a BAM file lie, and nothing else of them: many at a time, where pysam makes an object of each.

By numpy alone, since a kernel takes longer to load than this does to run (SAM specification, section 4.2).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pysam

from dvplug.reads.blocks import Blocks
from dvplug.sequence.arrays import Int64s

_CHUNK = 1 << 20  # bytes that are looked at together, at least
_HEAD = 36  # bytes of a record before its name
_SIZE = struct.Struct("<i").unpack_from
_SPANS = np.isin(np.arange(16), (0, 2, 3, 7, 8))  # which operations of a CIGAR consume the reference


class BareReads(NamedTuple):
    """Records of BAM in their order; int64[n] each."""

    contig: Int64s
    start: Int64s
    end: Int64s  # as pysam's `reference_end`; 0 without a CIGAR
    flag: Int64s
    mapping_quality: Int64s

    def part(self, last: int) -> BareReads:
        """Those before one of them."""
        return BareReads(*(column[:last] for column in self))


def bare_reads(alignments: pysam.AlignmentFile, contig: int | None) -> Iterator[BareReads]:
    """Yield the records that follow the one that was read last, in parts.

    Parameters
    ----------
    alignments
        A BAM file on this machine.
    contig
        The one that they are of, whose end is theirs; None for all that follow.

    Raises
    ------
    OSError
        The file is damaged or breaks off.
    """
    place = alignments.tell()
    with closing(Blocks(Path(os.fsdecode(alignments.filename)))) as blocks:
        blocks.seek(place >> 16)
        data, at, more = blocks.read(), place & 0xFFFF, True
        while more:
            data = data[at:]
            size = len(data) + _CHUNK
            while more and len(data) < size:
                block = blocks.read()
                data += block
                more = bool(block)
            offsets, at = _offsets(data)
            if not more and at < len(data):
                raise OSError("it ends within a record")
            reads = _fields(data, offsets)
            if contig is not None and len(other := np.flatnonzero(reads.contig != contig)):
                reads, more = reads.part(int(other[0])), False
            yield reads


def _offsets(data: bytearray) -> tuple[Int64s, int]:
    """Where whole records begin, and what is behind them."""
    found, at, end = [], 0, len(data)
    while at + 4 <= end:
        size = 4 + _SIZE(data, at)[0]
        if size < _HEAD:
            raise OSError("a record is damaged")
        if at + size > end:
            break
        found.append(at)
        at += size
    return np.array(found, np.int64), at


def _fields(data: bytearray, offsets: Int64s) -> BareReads:
    """Read fields of the records that begin at these bytes."""
    content = np.frombuffer(data, np.uint8)
    words = content[offsets[:, None] + np.arange(_HEAD)].view("<u4").astype(np.int64)  # [n, 9]
    size, operations = words[:, 0] + 4, words[:, 4] & 0xFFFF
    cigar = _HEAD + (words[:, 3] & 0xFF)
    if (cigar + 4 * operations > size).any():
        raise OSError("a record is damaged")
    before = np.cumsum(operations) - operations
    each = np.repeat(offsets + cigar - 4 * before, operations) + 4 * np.arange(operations.sum())
    packed = content[each[:, None] + np.arange(4)].view("<u4").ravel()
    until = np.append(0, np.cumsum(np.where(_SPANS[packed & 15], packed >> 4, 0).astype(np.int64)))
    start = words[:, 2].astype(np.int32).astype(np.int64)
    span = np.maximum(until[before + operations] - until[before], 1)
    return BareReads(
        words[:, 1].astype(np.int32).astype(np.int64),
        start,
        np.where(operations > 0, start + span, 0),
        words[:, 4] >> 16,
        words[:, 3] >> 8 & 0xFF,
    )
