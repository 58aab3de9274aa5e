"""Alignment files to `ReadBatch`es: BAM records are unpacked by a kernel, CRAM records by pysam.

BAM: pysam's index finds the first record of a region, and from there BGZF blocks are read one after another and
their records unpacked straight into arrays (SAM specification, section 4.2). Where the region follows those that were
read last, on their contig or as the next one whole, nothing need be found.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import pysam

from dvplug.errors import InputError
from dvplug.kernel import kernel
from dvplug.line.read_batch import LEFT_OUT, ReadArrays, ReadBatch
from dvplug.line.region import Region
from dvplug.reads.bam_records import DAMAGED, DONE, LARGEST_RECORD, MORE, WHOLE, Wanted, index_records
from dvplug.reads.filters import NO_SEQUENCE, PASSES, FilterNumbers, filter_numbers, why_left_out
from dvplug.reads.groups import ReadGroups
from dvplug.reads.long_reads import LONG, LongRead, LongReads
from dvplug.reads.opened import OpenedReads
from dvplug.sequence.arrays import Int64s, UInt8s
from dvplug.sequence.cigar import (
    DIFFERENT,
    LENGTH_SHIFT,
    consumes_read,
    consumes_reference,
    reference_spans,
    unpack,
)
from dvplug.sequence.codes import encode_read_bases
from dvplug.technology import ReadFilter

CHUNK_READS = 4096  # of CRAM, that are decoded at a time
MOST_HAPLOTYPES = 255
MOST_READS = 1 << 15  # of BAM, that a batch holds, and a few more


class ReadChoice(NamedTuple):
    """Which reads of a file are decoded, and where those are counted that are not.

    Attributes
    ----------
    read_filter, groups
        What is asked of an alignment.
    below
        What the CRC-32 of a name must be below.
    counted
        Where reads are counted that are left out.
    """

    read_filter: ReadFilter
    groups: ReadGroups
    below: int
    counted: Region

    def numbers(self, start: int) -> Wanted:
        """Return it for a kernel; ``start`` is where the region begins."""
        numbers = filter_numbers(self.read_filter)
        return Wanted(numbers, self.groups.arrays(), start, self.below, self.counted.start, self.counted.end)


def decode(
    file: OpenedReads,
    region: Region,
    read_filter: ReadFilter,
    haplotypes: bool,
    keep_fraction: float,
    counted: Region,
) -> Iterator[ReadBatch]:
    """Yield the reads of one open, indexed file that overlap a region, in order of start, in parts.

    Parameters are those of `dvplug.reads.fetch.fetch_reads`; at least one part comes, if an empty one.

    Raises
    ------
    InputError
        The file breaks off or cannot be decoded.
    """
    choice = ReadChoice(read_filter, file.groups, int(keep_fraction * WHOLE), counted)
    last = 0
    try:
        for batch in _parts(file, region, choice, haplotypes):
            last = _require_sound(batch, last)
            yield batch
    except (OSError, ValueError) as error:
        name = file.name
        file.close()  # now, since later nothing could catch what a damaged file says to that
        raise InputError(
            f"cannot read {name} at {region}",
            cause=str(error),
            repair="The file or its index is damaged: check it with `samtools quickcheck` and make the index anew.",
        ) from error


def _parts(file: OpenedReads, region: Region, choice: ReadChoice, haplotypes: bool) -> Iterator[ReadBatch]:
    file.long_reads.begin(region, (choice.read_filter, choice.below, haplotypes))
    if file.alignments.is_cram or haplotypes:
        records = file.alignments.fetch(region.contig, region.start, region.end)
        yield from _decode_records(records, file.long_reads, choice, haplotypes)
        return
    first = _go_to(file, region)
    if first is None:
        yield _batch_of_records([], choice, False)
        return
    file.builder.begin()
    for batch in _decode_records(iter(first), file.long_reads, choice, False):
        file.builder.put(batch)
    yield from _BamRegion(file, region, choice).batches()


def _go_to(file: OpenedReads, region: Region) -> list[pysam.AlignedSegment] | None:
    """Go to the first record of BAM in a region, or behind it, which is then returned; None where there is none."""
    stream, contig = file.stream(), file.alignments.get_tid(region.contig)
    place = stream.trail.place_before(contig, region.start)
    if place is not None:
        stream.seek(place)
        return []
    if region.start == 0 and stream.leads_to(contig):
        stream.trail.begin(contig, stream.place(), 0)
        return [] if stream.next_contig() == contig else None
    # pysam tells where a record ends, not where it begins.
    first = list(islice(file.alignments.fetch(region.contig, region.start, region.end), 1))
    if not first:
        return None
    stream.seek(file.alignments.tell())
    reach = first[0].reference_end or first[0].reference_start + 1
    stream.trail.begin(contig, stream.place(), max(reach, region.start))
    return first


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


def name_hash(name: str, start: int, flag: int) -> int:
    """A number to sample reads by.

    Names are hashed, not bases: where amplicons make reads alike, an allele's reads would all stay or all go.
    """
    return zlib.crc32(name.encode(), start ^ flag << 16)


def _decode_records(
    records: Iterator[pysam.AlignedSegment], long_reads: LongReads, choice: ReadChoice, haplotypes: bool
) -> Iterator[ReadBatch]:
    """Decode pysam's records, attribute by attribute; very long ones once."""
    part: list[pysam.AlignedSegment] = []
    for record in records:
        is_long = record.query_length > LONG
        if part and (is_long or len(part) == CHUNK_READS):
            yield _batch_of_records(part, choice, haplotypes)
            part = []
        if not is_long:
            part.append(record)
            continue
        key = record.query_name, record.flag, record.reference_start
        known = long_reads.get(key)
        if known is None or known.record != record:
            known = LongRead(_batch_of_records([record], choice, haplotypes), record=record)
            long_reads.keep(key, known)
        yield known.batch
    yield _batch_of_records(part, choice, haplotypes)


def _batch_of_records(records: list[pysam.AlignedSegment], choice: ReadChoice, haplotypes: bool) -> ReadBatch:
    numbers, left_out = filter_numbers(choice.read_filter), np.zeros(len(LEFT_OUT), np.int64)
    whole = []
    for record in records:
        why = _why(record, choice, numbers)
        if why == PASSES:
            if choice.below >= WHOLE or zlib.crc32(record.query_name.encode()) < choice.below:
                whole.append(record)
        elif _overlaps(record, choice.counted):
            left_out[why] += 1
    missing = bytes([choice.read_filter.missing_base_quality])
    seqs = [r.query_sequence for r in whole]
    qualities = [
        missing * len(seq) if r.query_qualities is None else r.query_qualities
        for r, seq in zip(whole, seqs, strict=True)
    ]
    cigars = [[length << LENGTH_SHIFT | code for code, length in r.cigartuples] for r in whole]
    tags = [_haplotype(r) if haplotypes else 0 for r in whole]
    start = np.array([r.reference_start for r in whole], np.int32)
    operations = np.array([operation for cigar in cigars for operation in cigar], np.uint32)
    cigar_offset = _offsets(map(len, cigars))
    return ReadBatch(
        start,
        # Not pysam's end: that is one base further where no base is aligned.
        (start + reference_spans(operations, cigar_offset)).astype(np.int32),
        np.array([r.flag for r in whole], np.uint16),
        np.array([r.mapping_quality for r in whole], np.uint8),
        np.array([r.template_length for r in whole], np.int32),
        np.array(tags, np.uint8),
        np.array([name_hash(r.query_name, r.reference_start, r.flag) for r in whole], np.uint32),
        encode_read_bases("".join(seqs).encode()),
        np.frombuffer(bytearray().join(qualities), np.uint8),
        _offsets(map(len, seqs)),
        operations,
        cigar_offset,
        left_out,
    )


def _why(record: pysam.AlignedSegment, choice: ReadChoice, numbers: FilterNumbers) -> int:
    """What it is left out for, as of `why_left_out`."""
    in_group = choice.groups.everything or choice.groups.has(
        record.get_tag("RG") if record.has_tag("RG") else None
    )
    why = int(why_left_out(record.flag, record.mapping_quality, in_group, True, numbers))
    return why if why != PASSES or (record.query_sequence and record.cigartuples) else NO_SEQUENCE


def _haplotype(record: pysam.AlignedSegment) -> int:
    """The tag HP; 0 without one, and where it is no number that `ReadBatch` can hold."""
    value = record.get_tag("HP") if record.has_tag("HP") else 0
    return value if isinstance(value, int) and 0 <= value <= MOST_HAPLOTYPES else 0


def _overlaps(record: pysam.AlignedSegment, region: Region) -> bool:
    start = record.reference_start
    return start < region.end and (record.reference_end or start + 1) > region.start


def _offsets(lengths: Iterable[int]) -> Int64s:
    return np.concatenate(([0], np.cumsum(list(lengths)))).astype(np.int64)


class _BamRegion:
    """A region of a BAM file, whose records are decoded as they come."""

    def __init__(self, file: OpenedReads, region: Region, choice: ReadChoice) -> None:
        self.stream, self.builder, self.long_reads = file.stream(), file.builder, file.long_reads
        self.contig, self.end = file.alignments.get_tid(region.contig), region.end
        self.wanted = choice.numbers(region.start)
        self.missing_base_quality = choice.read_filter.missing_base_quality

    def batches(self) -> Iterator[ReadBatch]:
        """Decode the records that come next, up to the last one of the region."""
        stream, state = self.stream, MORE
        while state == MORE and (len(stream.left()) or stream.read_on()):
            state = self._take(stream.left(), LONG)
            if state == MORE and stream.is_long():
                if len(self.builder):
                    yield self.builder.batch()
                batch, state = self._long_read()
                yield batch
            elif state == MORE and len(stream.left()) and not stream.read_on():
                raise _damaged()
            if len(self.builder) >= MOST_READS:
                yield self.builder.batch()
        stream.trail.end(self.end)
        stream.passed = self.contig if stream.next_contig() != self.contig else -1
        yield self.builder.batch()

    def _take(self, data: UInt8s, most: int) -> int:
        """Decode what counts of the next records, uint8[n], none longer than ``most`` bytes; returns the state."""
        found = index_records(data, self.contig, self.end, most, self.wanted)
        if found.state == DAMAGED:
            raise _damaged()
        self.builder.add(data, found, self.missing_base_quality)
        self.stream.skip(found.used)
        self.stream.trail.go_on(self.stream.place(), found.reach)
        return found.state

    def _long_read(self) -> tuple[ReadBatch, int]:
        """Decode the next record, a very long one, unless it is known; also the state."""
        place = self.stream.place()
        if known := self.long_reads.get(place):
            if known.batch.start[0] >= self.end:
                return known.batch.part(0, 0), DONE
            self.stream.seek(known.after)
            self.stream.trail.go_on(known.after, int(known.batch.end[0]))
            return known.batch, MORE
        state = self._take(self.stream.record(), LARGEST_RECORD + 4)
        batch, after = self.builder.batch(), self.stream.place()
        if state == MORE and after == place:
            raise _damaged()
        self.long_reads.keep(place, LongRead(batch, after))
        return batch, state


def _damaged() -> OSError:
    return OSError("a record is damaged or cut short")
