"""Records of BAM to arrays, by kernels (SAM specification, section 4.2)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dvplug.kernel import kernel, subkernel
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
_REF_ID, _POS, _NAME_LENGTH, _MAPQ, _N_CIGAR_OP, _FLAG, _SEQ_LENGTH, _NEXT_REF_ID, _TLEN, _CORE = (
    4, 8, 12, 13, 16, 18, 20, 24, 32, 36,
)  # fmt: skip
_MISSING_QUALITY = 255  # the first of a record without qualities
_SAME, _A, _C, _G, _T = 0, 1, 2, 4, 8  # BAM's 4-bit codes "=ACMGRSVTWYHKDBN", of which a byte holds two
_CRC = np.zeros((4, 256), np.uint32)  # CRC-32 of each byte (ISO 3309) with none to three zeros behind it
for _byte in range(256):
    _value = _byte
    for _ in range(8):
        _value = _value >> 1 ^ (0xEDB88320 if _value & 1 else 0)
    _CRC[0, _byte] = _value
for _zeros in range(1, 4):
    _CRC[_zeros] = _CRC[_zeros - 1] >> 8 ^ _CRC[0][_CRC[_zeros - 1] & 255]
_CRC_0, _CRC_1, _CRC_2, _CRC_3 = _CRC.copy()
_CG = b"CG"
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
    contigs: int
    """How many the file's header names: a mate lies on one of them, or on none."""


MORE, DONE, DAMAGED = range(3)


def size_of(data: UInt8s) -> int:
    """Bytes of the record that begins uint8[n]."""
    return int(data[:4].view("<u4")[0]) + 4


def contig_of(data: UInt8s) -> int:
    """Index of the contig of the record that begins uint8[n], -1 where it has none."""
    return int(data[_REF_ID : _REF_ID + 4].view("<i4")[0])


class Found(NamedTuple):
    """Records that count in a stretch of BAM."""

    records: Int64s  # [k]: where they begin that pass, have a sequence and a CIGAR, and reach into the region
    ends: Int32s  # [k]: where their alignments end
    bases: int
    operations: int
    used: int
    """Bytes of whole records."""
    state: int
    """Whether more may follow, all wanted records have passed, or one is damaged."""
    left_out: Int32s
    """[n, 3]: start and end of those that do not pass but reach into the region, and what they failed at first."""


class Unpacked(NamedTuple):
    """What is unpacked of records, as `ReadBatch` has it, with room for more."""

    start: Int32s  # [records]
    end: Int32s  # [records]
    flag: UInt16s  # [records]
    mapping_quality: UInt8s  # [records]
    fragment_length: Int32s  # [records]
    name_hash: UInt32s  # [records]
    seq: UInt8s  # [bases]
    qual: UInt8s  # [bases]
    base_offset: Int64s  # [records + 1]
    cigar: UInt32s  # [operations]
    cigar_offset: Int64s  # [records + 1]


@subkernel
def _int32(data: UInt8s, at: int) -> int:
    """A little-endian int32 at this byte of uint8[n]."""
    value = uint32_at(data, at)
    return value - (1 << 32) if value >= 1 << 31 else value


@subkernel
def _uint16(data: UInt8s, at: int) -> int:
    """A little-endian uint16 at this byte of uint8[n]."""
    i = np.uint64(at)
    return np.int64(data[i]) | np.int64(data[i + np.uint64(1)]) << 8


@subkernel
def _crc32(name: UInt8s, value: int) -> int:
    """CRC-32 of uint8[n], going on from ``value``, as `zlib.crc32`; four bytes at a time."""
    crc, low = np.uint32(value) ^ np.uint32(0xFFFFFFFF), np.uint32(0xFF)
    for word in range(len(name) // 4):
        at = np.uint64(4 * word)
        crc ^= np.uint32(uint32_at(name, at))
        crc = (
            _CRC_3[crc & low]
            ^ _CRC_2[crc >> np.uint32(8) & low]
            ^ _CRC_1[crc >> np.uint32(16) & low]
            ^ _CRC_0[crc >> np.uint32(24)]
        )
    for i in range(len(name) // 4 * 4, len(name)):
        crc = np.uint32(crc >> np.uint32(8)) ^ _CRC_0[(crc ^ np.uint32(name[np.uint64(i)])) & low]
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
    tag = find_tag(data, tags, last, _CG[0], _CG[1])
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
def tags_of(data: UInt8s, at: int) -> tuple[int, int]:
    """Where the tags of the record that begins at this byte of uint8[n] begin and end."""
    names, operations = np.int64(data[at + _NAME_LENGTH]), _uint16(data, at + _N_CIGAR_OP)
    bases = _int32(data, at + _SEQ_LENGTH)
    return at + _CORE + names + 4 * operations + (bases + 1) // 2 + bases, at + 4 + _int32(data, at)


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
def index_records(data: UInt8s, contig: int, end: int, most: int, wanted: Wanted) -> Found:
    """Find the records in a stretch of BAM that count.

    Parameters
    ----------
    data
        uint8[n], from the beginning of a record on.
    contig, end
        Index of the contig; no record that starts at ``end`` or after it is wanted.
    most
        Bytes of a record; a longer one is left, with what follows.
    wanted
        Which records count.
    """
    records = np.empty(len(data) // _CORE + 1, np.int64)
    ends, left_out = np.empty(len(records), np.int32), np.empty((len(records), 3), np.int32)
    n, n_left_out, at, before, bases_found, operations_found = 0, 0, 0, np.int64(-1), 0, 0
    state = MORE
    while at + _CORE <= len(data):
        size = _int32(data, at)
        names, operations = np.int64(data[at + _NAME_LENGTH]), _uint16(data, at + _N_CIGAR_OP)
        bases = _int32(data, at + _SEQ_LENGTH)
        tags = _CORE + names + 4 * operations + (bases + 1) // 2 + bases
        mate = _int32(data, at + _NEXT_REF_ID)
        if bases < 0 or size + 4 < tags or size > LARGEST_RECORD or not -1 <= mate < wanted.contigs:
            state = DAMAGED
            break
        if at + 4 + size > len(data) or size > most:
            break
        start = np.int64(_int32(data, at + _POS))
        if _int32(data, at + _REF_ID) != contig or start >= end:
            # One that lies there by damage is told by the next: what follows it is not lost without a word.
            state = DAMAGED if _is_before(data, at + 4 + size, at) else DONE
            break
        cigar = placed_cigar(data, at)
        counts = _group_counts(data, at + tags, at + 4 + size, wanted.groups)
        if start < before or cigar.operations == UNREADABLE or counts == UNREADABLE:
            state = DAMAGED  # the file is sorted, or has no index
            break
        before = start
        flag, mapping_quality = _uint16(data, at + _FLAG), np.int64(data[at + _MAPQ])
        why = why_left_out(flag, mapping_quality, counts == 1, bases > 0 and operations > 0, wanted.filter)
        read_end = _end(data, start, cigar.first, 0 if flag & UNMAPPED else cigar.operations)
        reach = max(read_end, start + 1)
        if reach <= wanted.start:
            pass
        elif why != PASSES:
            left_out[n_left_out, 0], left_out[n_left_out, 1], left_out[n_left_out, 2] = start, reach, why
            n_left_out += 1
        elif wanted.below >= WHOLE or _crc32(data[at + _CORE : at + _CORE + names - 1], 0) < wanted.below:
            records[n], ends[n] = at, read_end
            n += 1
            bases_found += bases
            operations_found += cigar.operations
        at += 4 + size
    left = left_out[:n_left_out].copy()
    return Found(records[:n], ends[:n], bases_found, operations_found, at, state, left)


@subkernel
def _group_counts(data: UInt8s, first: int, last: int, groups: GroupArrays) -> int:
    """As `group_counts`, without a look at the tags where all records count."""
    if len(groups.offset) == 1 and not groups.wanted:
        return 1
    return group_counts(data, first, last, groups)


@subkernel
def _end(data: UInt8s, start: int, first: int, operations: int) -> int:
    """Where the alignment of a record ends whose CIGAR lies from this byte of uint8[n] on."""
    end = start
    for k in range(operations):
        operation = np.uint32(uint32_at(data, first + 4 * k))
        if consumes_reference(code_of(operation)):
            end += length_of(operation)
    return end


@kernel(vectorised=True)
def unpack_records(data: UInt8s, found: Found, missing: int, out: Unpacked, n: int) -> None:
    """Unpack records behind those of ``out``.

    Parameters
    ----------
    data, found
        uint8[b] of BAM, and which of its records.
    missing
        Quality of the bases of a read without.
    out
        With room for them; ``base_offset[n]`` and ``cigar_offset[n]`` are set.
    n
        How many are there.
    """
    for i in range(len(found.records)):
        at, cigar = found.records[i], placed_cigar(data, found.records[i])
        name, bases = at + _CORE, _int32(data, at + _SEQ_LENGTH)
        name_length = np.int64(data[at + _NAME_LENGTH])
        start, flag = _int32(data, at + _POS), _uint16(data, at + _FLAG)
        out.start[n], out.end[n], out.flag[n] = start, found.ends[i], flag
        out.mapping_quality[n], out.fragment_length[n] = data[at + _MAPQ], _int32(data, at + _TLEN)
        # The name ends with a zero.
        out.name_hash[n] = _crc32(data[name : name + name_length - 1], start ^ flag << 16)
        first, operation = out.base_offset[n], out.cigar_offset[n]
        for k in range(cigar.operations):
            out.cigar[operation + k] = np.uint32(uint32_at(data, cigar.first + 4 * k))
        packed = name + name_length + 4 * _uint16(data, at + _N_CIGAR_OP)
        quality = packed + (bases + 1) // 2
        _unpack_bases(data[packed:quality], out.seq[first : first + bases])
        _copy_qualities(data[quality : quality + bases], missing, out.qual[first : first + bases])
        n += 1
        out.base_offset[n], out.cigar_offset[n] = first + bases, operation + cigar.operations


@subkernel
def _unpack_bases(packed: UInt8s, out: UInt8s) -> None:
    """Unpack BAM's codes, uint8[(b + 1) // 2], to base codes, uint8[b]; without tables, so that it is vectorised."""
    for k in range(len(out) // 2):
        pair = packed[np.uint64(k)]
        out[np.uint64(2 * k)] = _base_code(np.uint8(pair >> 4))
        out[np.uint64(2 * k + 1)] = _base_code(np.uint8(pair & 15))
    if len(out) & 1:
        out[len(out) - 1] = _base_code(np.uint8(packed[len(out) // 2] >> 4))


@subkernel
def _base_code(packed: int) -> int:
    """Base code of a code of BAM, both uint8."""
    code = np.uint8(UNKNOWN_BASE)
    code = np.uint8(SAME_BASE) if packed == _SAME else code
    code = np.uint8(0) if packed == _A else code
    code = np.uint8(1) if packed == _C else code
    code = np.uint8(2) if packed == _G else code
    return np.uint8(3) if packed == _T else code


@subkernel
def _copy_qualities(given: UInt8s, missing: int, out: UInt8s) -> None:
    """Copy qualities, uint8[b]; where the first says that there are none, put ``missing``."""
    if len(given) > 0 and given[0] == _MISSING_QUALITY:
        for k in range(len(out)):
            out[np.uint64(k)] = missing
    else:
        for k in range(len(out)):
            out[np.uint64(k)] = given[np.uint64(k)]
