"""Records of BAM to arrays, by kernels (SAM specification, section 4.2)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.line.read_batch import LEFT_OUT, ReadBatch
from dvplug.reads.filters import PASSES, UNMAPPED, FilterNumbers, why_left_out
from dvplug.reads.groups import GroupArrays, group_counts
from dvplug.reads.tags import (
    ARRAY_HEAD,
    ARRAY_TYPE,
    NO_TAG,
    TAG_HEAD,
    UNREADABLE,
    array_count,
    find_tag,
    uint32_at,
)
from dvplug.sequence.arrays import Int32s, Int64s, UInt8s, UInt16s, UInt32s
from dvplug.sequence.cigar import LENGTH_SHIFT, SOFT_CLIP, code_of, consumes_reference, length_of
from dvplug.sequence.codes import SAME_BASE, UNKNOWN_BASE

LARGEST_RECORD = 1 << 30
# Where the fields of a BAM record lie, in bytes from its leading block size, and where its name begins.
_REF_ID, _POS, _NAME_LENGTH, _MAPQ, _N_CIGAR_OP, _FLAG, _SEQ_LENGTH, _TLEN, _CORE = (
    4,
    8,
    12,
    13,
    16,
    18,
    20,
    32,
    36,
)
_MISSING_QUALITY = 255  # the first of a record without qualities
_BASE = np.full(
    16, UNKNOWN_BASE, np.uint8
)  # of BAM's 4-bit codes "=ACMGRSVTWYHKDBN", of which a byte holds two
_BASE[[0, 1, 2, 4, 8]] = (SAME_BASE, 0, 1, 2, 3)
_HIGH_BASE, _LOW_BASE = np.repeat(_BASE, 16), np.tile(_BASE, 16)
_CRC = np.zeros(256, np.uint32)  # CRC-32 of each byte (ISO 3309), to hash names as zlib.crc32 does
for _byte in range(256):
    _value = _byte
    for _ in range(8):
        _value = _value >> 1 ^ (0xEDB88320 if _value & 1 else 0)
    _CRC[_byte] = _value
_C, _G = b"CG"
_INT32, _UINT32 = b"iI"
_MOST_OPERATIONS = 1 << 29  # that htslib takes from the tag
WHOLE = 1 << 32
"""What the CRC-32 of every name is below."""


class Wanted(NamedTuple):
    """Which records of BAM count, as kernels take it."""

    filter: FilterNumbers
    groups: GroupArrays
    start: int
    """What they must reach over, 0-based."""
    below: int
    """What the CRC-32 of a name must be below."""
    counted_start: int
    counted_end: int
    """Records that overlap these positions are counted where they do not pass."""


MORE, DONE, DAMAGED = range(3)


def size_of(data: UInt8s) -> int:
    """Bytes of the record that begins uint8[n]."""
    return int(data[:4].view("<u4")[0]) + 4


def contig_of(data: UInt8s) -> int:
    """Index of the contig of the record that begins uint8[n], -1 where it has none."""
    return int(data[_REF_ID : _REF_ID + 4].view("<i4")[0])


def unpacked(
    data: UInt8s,
    records: Int64s,
    missing_base_quality: int,
    left_out: Int64s,
) -> ReadBatch:
    """Unpack the BAM records that begin at these offsets of ``data``."""
    fields = record_fields(data, records)
    seq, qual, cigar, end = unpack_records(data, records, fields, missing_base_quality)
    return ReadBatch(
        fields.start,
        end,
        fields.flag,
        fields.mapping_quality,
        fields.fragment_length,
        np.zeros(len(records), np.uint8),
        fields.name_hash,
        seq,
        qual,
        fields.base_offset,
        cigar,
        fields.cigar_offset,
        left_out,
    )


class RecordFields(NamedTuple):
    """Numbers of BAM records, as `ReadBatch` has them."""

    start: Int32s  # [records]
    flag: UInt16s  # [records]
    mapping_quality: UInt8s  # [records]
    fragment_length: Int32s  # [records]
    name_hash: UInt32s  # [records]
    base_offset: Int64s  # [records + 1]
    cigar_offset: Int64s  # [records + 1]


@subkernel
def _int32(data: UInt8s, at: int) -> int:
    """A little-endian int32 at this byte of uint8[n]."""
    value = uint32_at(data, at)
    return value - (1 << 32) if value >= 1 << 31 else value


@subkernel
def _uint16(data: UInt8s, at: int) -> int:
    """A little-endian uint16 at this byte of uint8[n]."""
    return np.int64(data[at]) | np.int64(data[at + 1]) << 8


@subkernel
def _crc32(data: UInt8s, first: int, last: int, value: int) -> int:
    """CRC-32 of the bytes [first, last) of uint8[n], going on from ``value``, as `zlib.crc32`."""
    crc = np.uint32(value) ^ np.uint32(0xFFFFFFFF)
    for i in range(first, last):
        crc = np.uint32(crc >> np.uint32(8)) ^ _CRC[(crc ^ np.uint32(data[i])) & np.uint32(0xFF)]
    return np.int64(crc ^ np.uint32(0xFFFFFFFF))


class PlacedCigar(NamedTuple):
    """Where the CIGAR of a BAM record lies."""

    first: int  # byte
    operations: int
    """How many, of four bytes each; `UNREADABLE` where the record's tags cannot be read."""


@subkernel
def placed_cigar(data: UInt8s, at: int) -> PlacedCigar:
    """Find the CIGAR of the BAM record that begins at this byte of uint8[n].

    One of more than 65,535 operations does not fit into its field: it lies in the tag CG, of type B,I, and its field
    has a placeholder, whose first operation clips all bases of the read (SAM specification, section 4.2.2). Whatever
    htslib takes for such a record is taken for one: the first operation decides, and a tag that holds fewer operations
    than the field is left alone.
    """
    first, operations = at + _CORE + np.int64(data[at + _NAME_LENGTH]), _uint16(data, at + _N_CIGAR_OP)
    bases = _int32(data, at + _SEQ_LENGTH)
    if operations == 0 or uint32_at(data, first) != bases << LENGTH_SHIFT | SOFT_CLIP:
        return PlacedCigar(first, operations)
    tags, last = first + 4 * operations + (bases + 1) // 2 + bases, at + 4 + _int32(data, at)
    tag = find_tag(data, tags, last, _C, _G)
    if tag == UNREADABLE:
        return PlacedCigar(first, UNREADABLE)
    value = tag + TAG_HEAD
    if tag == NO_TAG or data[tag + 2] != ARRAY_TYPE or (data[value] != _INT32 and data[value] != _UINT32):
        return PlacedCigar(first, operations)
    count = array_count(data, value)
    if count < operations or count >= _MOST_OPERATIONS:
        return PlacedCigar(first, operations)
    return PlacedCigar(value + ARRAY_HEAD, count)


@subkernel
def _is_before(data: UInt8s, at: int, other: int) -> bool:
    """Whether the record at a byte of uint8[n], if there is one, should come before the other; unplaced ones last."""
    if at + _CORE > len(data):
        return False
    contig, other_contig = _int32(data, at + _REF_ID), _int32(data, other + _REF_ID)
    if contig != other_contig:
        return contig >= 0 and (other_contig < 0 or contig < other_contig)
    return contig >= 0 and _int32(data, at + _POS) < _int32(data, other + _POS)


@kernel
def index_records(data: UInt8s, contig: int, end: int, wanted: Wanted) -> tuple[Int64s, int, int, Int64s]:
    """Find the records in a stretch of BAM that count.

    Parameters
    ----------
    data
        uint8[n], from the beginning of a record on.
    contig, end
        Index of the contig; no record that starts at ``end`` or after it is wanted.
    wanted
        Which records count.

    Returns
    -------
    records
        int64[k], where the records begin that pass, have a sequence and a CIGAR, and reach into the region.
    used
        Bytes of whole records.
    state
        Whether more may follow, all wanted records have passed, or one is damaged.
    left_out
        int64[len(LEFT_OUT)], how many did not pass, by what they failed at first.
    """
    records, left_out = np.empty(len(data) // _CORE + 1, np.int64), np.zeros(len(LEFT_OUT), np.int64)
    n, at, before = 0, 0, np.int64(-1)
    while at + _CORE <= len(data):
        size = _int32(data, at)
        names, operations = np.int64(data[at + _NAME_LENGTH]), _uint16(data, at + _N_CIGAR_OP)
        bases = _int32(data, at + _SEQ_LENGTH)
        tags = _CORE + names + 4 * operations + (bases + 1) // 2 + bases
        if bases < 0 or size + 4 < tags or size > LARGEST_RECORD:
            return records[:n], at, DAMAGED, left_out
        if at + 4 + size > len(data):
            break
        if _int32(data, at + _REF_ID) != contig or _int32(data, at + _POS) >= end:
            # One that lies there by damage is told by the next: what follows it is not lost without a word.
            state = DAMAGED if _is_before(data, at + 4 + size, at) else DONE
            return records[:n], at, state, left_out
        start, cigar = np.int64(_int32(data, at + _POS)), placed_cigar(data, at)
        if start < before or cigar.operations == UNREADABLE:  # the file is sorted, or has no index
            return records[:n], at, DAMAGED, left_out
        before = start
        groups = wanted.groups
        counts = 1 if len(groups.offset) == 1 and not groups.wanted else 0
        if not counts:
            counts = group_counts(data, at + tags, at + 4 + size, groups)
            if counts == UNREADABLE:
                return records[:n], at, DAMAGED, left_out
        flag, mapping_quality = _uint16(data, at + _FLAG), np.int64(data[at + _MAPQ])
        why = why_left_out(flag, mapping_quality, counts == 1, bases > 0 and operations > 0, wanted.filter)
        sampled = wanted.below >= WHOLE or _crc32(data, at + _CORE, at + _CORE + names - 1, 0) < wanted.below
        if why == PASSES and sampled and _reaches(data, at, cigar, wanted.start):
            records[n] = at
            n += 1
        elif why != PASSES:
            aligned = PlacedCigar(cigar.first, 0 if flag & UNMAPPED else cigar.operations)
            if _int32(data, at + _POS) < wanted.counted_end:
                left_out[why] += _reaches(data, at, aligned, wanted.counted_start)
        at += 4 + size
    return records[:n], at, MORE, left_out


@subkernel
def _reaches(data: UInt8s, at: int, cigar: PlacedCigar, position: int) -> bool:
    """Whether the record at a byte of uint8[n] does not end before a position.

    Behind a read of 2 Mb lie all those that begin within it, and most of them end before the region.
    """
    start = _int32(data, at + _POS)
    return start >= position or _end(data, start, cigar.first, cigar.operations) > position


@subkernel
def _end(data: UInt8s, start: int, first: int, operations: int) -> int:
    """Where the alignment of a record ends whose CIGAR lies from this byte of uint8[n] on; a base where it has none."""
    end = start
    for k in range(operations):
        operation = np.uint32(uint32_at(data, first + 4 * k))
        if consumes_reference(code_of(operation)):
            end += length_of(operation)
    return max(end, start + 1)


@kernel
def record_fields(data: UInt8s, records: Int64s) -> RecordFields:
    """Read the numbers of each record.

    Parameters
    ----------
    data, records
        uint8[n] of BAM, int64[k] where the records begin.
    """
    n = len(records)
    fields = RecordFields(
        np.empty(n, np.int32), np.empty(n, np.uint16), np.empty(n, np.uint8), np.empty(n, np.int32),
        np.empty(n, np.uint32), np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64),
    )  # fmt: skip
    for i in range(n):
        at = records[i]
        start, flag = _int32(data, at + _POS), _uint16(data, at + _FLAG)
        fields.start[i], fields.flag[i], fields.mapping_quality[i] = start, flag, data[at + _MAPQ]
        fields.fragment_length[i] = _int32(data, at + _TLEN)
        end_of_name = at + _CORE + data[at + _NAME_LENGTH] - 1  # which ends with a zero
        fields.name_hash[i] = _crc32(data, at + _CORE, end_of_name, start ^ flag << 16)
        fields.base_offset[i + 1] = fields.base_offset[i] + _int32(data, at + _SEQ_LENGTH)
        fields.cigar_offset[i + 1] = fields.cigar_offset[i] + placed_cigar(data, at).operations
    return fields


@kernel
def unpack_records(
    data: UInt8s, records: Int64s, fields: RecordFields, missing: int
) -> tuple[UInt8s, UInt8s, UInt32s, Int32s]:
    """Unpack base codes uint8[b], qualities uint8[b], CIGAR uint32[o], and the reads' ends, int32[k].

    Parameters
    ----------
    data, records, fields
        uint8[n] of BAM, int64[k] where the records begin, and their numbers.
    missing
        Quality of the bases of a read without.
    """
    base_offset, cigar_offset = fields.base_offset, fields.cigar_offset
    seq, qual = np.empty(base_offset[-1], np.uint8), np.empty(base_offset[-1], np.uint8)
    cigar = np.empty(cigar_offset[-1], np.uint32)
    ends = np.empty(len(records), np.int32)
    for i in range(len(records)):
        at, end = placed_cigar(data, records[i]).first, np.int64(fields.start[i])
        for k in range(cigar_offset[i], cigar_offset[i + 1]):
            cigar[k] = np.uint32(uint32_at(data, at))
            if consumes_reference(code_of(cigar[k])):
                end += length_of(cigar[k])
            at += 4
        ends[i] = end
        at = (
            records[i] + _CORE + data[records[i] + _NAME_LENGTH] + 4 * _uint16(data, records[i] + _N_CIGAR_OP)
        )
        first, bases = base_offset[i], base_offset[i + 1] - base_offset[i]
        for k in range(bases // 2):
            pair = data[at + k]
            seq[first + 2 * k] = _HIGH_BASE[pair]
            seq[first + 2 * k + 1] = _LOW_BASE[pair]
        if bases & 1:
            seq[first + bases - 1] = _HIGH_BASE[data[at + bases // 2]]
        at += (bases + 1) // 2
        absent = data[at] == _MISSING_QUALITY
        for k in range(bases):
            qual[first + k] = missing if absent else data[at + k]
    return seq, qual, cigar, ends
