"""Alignment files to `ReadBatch`es: BAM records are unpacked by a kernel, CRAM records by pysam.

BAM: pysam's index finds the first record of a region, and from there BGZF blocks are read one after another and
their records unpacked straight into arrays (SAM specification, section 4.2), three times faster than attribute by
attribute.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

import numpy as np
import pysam

from dvplug.errors import InputError
from dvplug.kernel import kernel
from dvplug.line.read_batch import ReadArrays, ReadBatch
from dvplug.line.region import Region
from dvplug.sequence.arrays import Int32s, Int64s, UInt8s, UInt16s, UInt32s
from dvplug.sequence.cigar import (
    DIFFERENT,
    LENGTH_SHIFT,
    code_of,
    consumes_read,
    consumes_reference,
    length_of,
    unpack,
)
from dvplug.sequence.codes import SAME_BASE, UNKNOWN_BASE, encode_read_bases
from dvplug.technology import ReadFilter

CHUNK = 1 << 18  # bytes of BAM records, or
CHUNK_READS = 4096  # reads of CRAM, that are decoded at a time
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
_WHOLE = 1 << 32


UNMAPPED, SECONDARY, QC_FAIL, DUPLICATE, SUPPLEMENTARY = 0x4, 0x100, 0x200, 0x400, 0x800
MOST_OPERATIONS = (1 << 16) - 1  # of a CIGAR in a BAM record; longer ones lie in a tag, which pysam reads


def decode(
    file: pysam.AlignmentFile, region: Region, read_filter: ReadFilter, haplotypes: bool, keep_fraction: float
) -> Iterator[ReadBatch]:
    """Yield the reads of one open, indexed file that overlap a region, in order of start, in parts.

    Parameters are those of `dvplug.reads.fetch.fetch_reads`; at least one part comes, if an empty one.

    Raises
    ------
    InputError
        The file breaks off or cannot be decoded.
    """
    below = int(keep_fraction * _WHOLE)
    last = 0
    try:
        for batch in _parts(file, region, read_filter, haplotypes, below):
            last = _require_sound(batch, last)
            yield batch
    except (OSError, ValueError) as error:
        name = _name(file)
        with suppress(OSError):  # of a damaged file even this fails; later, where nothing could catch it
            file.close()
        raise InputError(
            f"cannot read {name} at {region}",
            cause=str(error),
            repair="The file or its index is damaged: check it with `samtools quickcheck` and make the index anew.",
        ) from error


def _parts(
    file: pysam.AlignmentFile, region: Region, read_filter: ReadFilter, haplotypes: bool, below: int
) -> Iterator[ReadBatch]:
    records = file.fetch(region.contig, region.start, region.end)
    if file.is_cram or haplotypes or read_filter.max_read_span > MOST_OPERATIONS:
        yield from _decode_records(records, read_filter, haplotypes, below)
        return
    first = list(islice(records, 1))
    yield from _decode_records(iter(first), read_filter, False, below)
    if first:
        yield from _decode_bam(file, region, read_filter, below)


def _require_sound(batch: ReadBatch, last: int) -> int:
    """Refuse reads that no later step could bear; returns the start of the last one."""
    bad = first_unsound(batch.arrays(), last)
    if bad >= 0:
        raise ValueError(
            f"the read at {batch.start[bad] + 1} has a CIGAR that does not fit its bases, or comes out of order"
        )
    return int(batch.start[-1]) if len(batch) else last


@kernel
def first_unsound(reads: ReadArrays, last: int) -> int:
    """Find the first read that starts before the one before it, or whose CIGAR does not fit its bases; -1 if none.

    Parameters
    ----------
    reads
        As of a `ReadBatch`.
    last
        Start of the read before these.

    A CIGAR consumes as many bases as there are, has no operation but the nine of the SAM specification (section
    1.4.6), and ends before position 2^31.
    """
    for read in range(len(reads.start)):
        bases, end = 0, np.int64(reads.start[read])
        if end < last:
            return read
        last = end
        for k in range(reads.cigar_offset[read], reads.cigar_offset[read + 1]):
            code, length = unpack(reads.cigar[k])
            if code > DIFFERENT:
                return read
            if consumes_read(code):
                bases += length
            if consumes_reference(code):
                end += length
        if bases != reads.base_offset[read + 1] - reads.base_offset[read] or end > 2**31 - 1:
            return read
    return -1


def excluded_flags(read_filter: ReadFilter) -> int:
    """Bits of which none may be set in the SAM flag of a read that counts."""
    return (
        UNMAPPED
        | (0 if read_filter.keep_secondary else SECONDARY)
        | (0 if read_filter.keep_qc_fail else QC_FAIL)
        | (0 if read_filter.keep_duplicates else DUPLICATE)
        | (0 if read_filter.keep_supplementary else SUPPLEMENTARY)
    )


def name_hash(name: str, start: int, flag: int) -> int:
    """A number to sample reads by.

    Names are hashed, not bases: where amplicons make reads alike, an allele's reads would all stay or all go.
    """
    return zlib.crc32(name.encode(), start ^ flag << 16)


def _decode_records(
    records: Iterator[pysam.AlignedSegment], read_filter: ReadFilter, haplotypes: bool, below: int
) -> Iterator[ReadBatch]:
    """Decode pysam's records, attribute by attribute."""
    while True:
        part = list(islice(records, CHUNK_READS))
        yield _batch_of_records(part, read_filter, haplotypes, below)
        if len(part) < CHUNK_READS:
            return


def _batch_of_records(
    records: list[pysam.AlignedSegment], read_filter: ReadFilter, haplotypes: bool, below: int
) -> ReadBatch:
    excluded = excluded_flags(read_filter)
    chosen = [
        r
        for r in records
        if not r.flag & excluded
        and r.mapping_quality >= read_filter.min_mapping_quality
        and (below >= _WHOLE or zlib.crc32(r.query_name.encode()) < below)
    ]
    whole = [r for r in chosen if r.query_sequence and r.cigartuples]
    missing = bytes([read_filter.missing_base_quality])
    seqs = [r.query_sequence for r in whole]
    qualities = [
        missing * len(seq) if r.query_qualities is None else r.query_qualities
        for r, seq in zip(whole, seqs, strict=True)
    ]
    cigars = [[length << LENGTH_SHIFT | code for code, length in r.cigartuples] for r in whole]
    tags = [r.get_tag("HP") if haplotypes and r.has_tag("HP") else 0 for r in whole]
    return ReadBatch(
        np.array([r.reference_start for r in whole], np.int32),
        np.array([r.reference_end for r in whole], np.int32),
        np.array([r.flag for r in whole], np.uint16),
        np.array([r.mapping_quality for r in whole], np.uint8),
        np.array([r.template_length for r in whole], np.int32),
        np.array(tags, np.uint8),
        np.array([name_hash(r.query_name, r.reference_start, r.flag) for r in whole], np.uint32),
        encode_read_bases("".join(seqs).encode()),
        np.frombuffer(bytearray().join(qualities), np.uint8),
        _offsets(map(len, seqs)),
        np.array([operation for cigar in cigars for operation in cigar], np.uint32),
        _offsets(map(len, cigars)),
        len(chosen) - len(whole),
    )


def _name(file: pysam.AlignmentFile) -> str:
    return file.filename.decode() if isinstance(file.filename, bytes) else str(file.filename)


def _offsets(lengths: Iterable[int]) -> Int64s:
    return np.concatenate(([0], np.cumsum(list(lengths)))).astype(np.int64)


def _decode_bam(
    file: pysam.AlignmentFile, region: Region, read_filter: ReadFilter, below: int
) -> Iterator[ReadBatch]:
    """Decode what follows the record that ``file`` read last."""
    contig = file.get_tid(region.contig)
    rest = b""
    with pysam.BGZFile(_name(file)) as stream:
        stream.seek(file.tell())
        while True:
            read = stream.read(CHUNK)
            data = np.frombuffer(rest + read, np.uint8)
            records, used, state, without_sequence = index_records(
                data, contig, region.end, excluded_flags(read_filter), read_filter.min_mapping_quality, below
            )
            if state == _DAMAGED or (not read and used < len(data)):
                raise OSError("a record is damaged or cut short")
            yield unpacked(data, records, read_filter.missing_base_quality, without_sequence)
            if state == _DONE or not read:
                return
            rest = data[used:].tobytes()


_MORE, _DONE, _DAMAGED = range(3)


def unpacked(
    data: UInt8s,
    records: Int64s,
    missing_base_quality: int,
    without_sequence: int,
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
        without_sequence,
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


@kernel
def _int32(data: UInt8s, at: int) -> int:
    """A little-endian int32 at this byte of uint8[n]."""
    value = (
        np.int64(data[at])
        | np.int64(data[at + 1]) << 8
        | np.int64(data[at + 2]) << 16
        | np.int64(data[at + 3]) << 24
    )
    return value - (1 << 32) if value >= 1 << 31 else value


@kernel
def _uint16(data: UInt8s, at: int) -> int:
    """A little-endian uint16 at this byte of uint8[n]."""
    return np.int64(data[at]) | np.int64(data[at + 1]) << 8


@kernel
def _crc32(data: UInt8s, first: int, last: int, value: int) -> int:
    """CRC-32 of the bytes [first, last) of uint8[n], going on from ``value``, as `zlib.crc32`."""
    crc = np.uint32(value) ^ np.uint32(0xFFFFFFFF)
    for i in range(first, last):
        crc = np.uint32(crc >> np.uint32(8)) ^ _CRC[(crc ^ np.uint32(data[i])) & np.uint32(0xFF)]
    return np.int64(crc ^ np.uint32(0xFFFFFFFF))


@kernel
def index_records(
    data: UInt8s, contig: int, end: int, excluded: int, min_mapping_quality: int, below: int
) -> tuple[Int64s, int, int, int]:
    """Find the records in a stretch of BAM that count.

    Parameters
    ----------
    data
        uint8[n], from the beginning of a record on.
    contig, end
        Index of the contig; no record that starts at ``end`` or after it is wanted.
    excluded, min_mapping_quality, below
        Bits of SAM flags, least mapping quality, and what the CRC-32 of names must be below.

    Returns
    -------
    records
        int64[k], where the records begin that pass and have a sequence and a CIGAR.
    used
        Bytes of whole records.
    state
        Whether more may follow, all wanted records have passed, or one is damaged.
    without_sequence
        Records that pass but have no sequence or no CIGAR.
    """
    records = np.empty(len(data) // _CORE + 1, np.int64)
    n, at, without_sequence = 0, 0, 0
    while at + _CORE <= len(data):
        size = _int32(data, at)
        names, operations = np.int64(data[at + _NAME_LENGTH]), _uint16(data, at + _N_CIGAR_OP)
        bases = _int32(data, at + _SEQ_LENGTH)
        if (
            bases < 0
            or size < 32 + names + 4 * operations + (bases + 1) // 2 + bases
            or size > LARGEST_RECORD
        ):
            return records[:n], at, _DAMAGED, without_sequence
        if at + 4 + size > len(data):
            break
        if _int32(data, at + _REF_ID) != contig or _int32(data, at + _POS) >= end:
            return records[:n], at, _DONE, without_sequence
        if (
            _uint16(data, at + _FLAG) & excluded == 0
            and data[at + _MAPQ] >= min_mapping_quality
            and (below >= _WHOLE or _crc32(data, at + _CORE, at + _CORE + names - 1, 0) < below)
        ):
            if bases > 0 and operations > 0:
                records[n] = at
                n += 1
            else:
                without_sequence += 1
        at += 4 + size
    return records[:n], at, _MORE, without_sequence


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
        fields.cigar_offset[i + 1] = fields.cigar_offset[i] + _uint16(data, at + _N_CIGAR_OP)
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
        at = records[i] + _CORE + data[records[i] + _NAME_LENGTH]
        end = np.int64(fields.start[i])
        for k in range(cigar_offset[i], cigar_offset[i + 1]):
            cigar[k] = np.uint32(_int32(data, at) & 0xFFFFFFFF)
            if consumes_reference(code_of(cigar[k])):
                end += length_of(cigar[k])
            at += 4
        ends[i] = end
        first, bases = base_offset[i], base_offset[i + 1] - base_offset[i]
        for k in range(bases // 2):
            pair = data[at + k]
            seq[first + 2 * k] = _HIGH_BASE[pair]
            seq[first + 2 * k + 1] = _LOW_BASE[pair]
        if bases & 1:
            seq[first + bases - 1] = _HIGH_BASE[data[at + bases // 2]]
        at += (bases + 1) // 2
        if data[at] == _MISSING_QUALITY:
            qual[first : first + bases] = missing
        else:
            qual[first : first + bases] = data[at : at + bases]
    return seq, qual, cigar, ends
