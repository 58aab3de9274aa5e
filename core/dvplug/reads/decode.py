"""Alignment files to `ReadBatch`es: BAM records are unpacked by a kernel, CRAM records by pysam.

BAM: pysam's index finds the first record of a region, and from there BGZF blocks are read one after another and
their records unpacked straight into arrays (SAM specification, section 4.2). Where the region follows those that were
read last, on their contig or as the next one whole, nothing need be found.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pysam

from dvplug.errors import InputError
from dvplug.kernel import kernel
from dvplug.line.read_batch import LEFT_OUT, ReadArrays, ReadBatch, ReadTags
from dvplug.line.region import Region
from dvplug.reads.bam_records import DAMAGED, DONE, LARGEST_RECORD, MORE, WHOLE, Wanted, index_records
from dvplug.reads.filters import NO_SEQUENCE, PASSES, FilterNumbers, filter_numbers, why_left_out
from dvplug.reads.groups import ReadGroups
from dvplug.reads.long_reads import LONG, LongRead, LongReads
from dvplug.reads.opened import OpenedReads
from dvplug.reads.tag_values import TagTypeError, tags_of_records
from dvplug.reads.tail import NONE_LEFT_OUT, Tail, count_left_out
from dvplug.sequence.arrays import Int32s, Int64s, UInt8s
from dvplug.sequence.cigar import (
    DIFFERENT,
    LENGTH_SHIFT,
    consumes_read,
    consumes_reference,
    reference_spans,
    unpack,
)
from dvplug.sequence.codes import encode_read_bases
from dvplug.technology import ReadFilter, ReadTag

CHUNK_READS = 4096  # of CRAM, that are decoded at a time
MOST_HAPLOTYPES = 255
MOST_READS = 1 << 16  # of BAM, that a batch holds, and a few more


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
    tags
        Those that are decoded.
    """

    read_filter: ReadFilter
    groups: ReadGroups
    below: int
    counted: Region
    tags: tuple[ReadTag, ...] = ()

    def asked(self) -> Hashable:
        """What tells whether reads that were decoded are those that are wanted now."""
        return self.read_filter, self.below, self.tags

    def numbers(self, start: int, contigs: int) -> Wanted:
        """Return it for a kernel; ``start`` is where the region begins, ``contigs`` how many the header names."""
        numbers = filter_numbers(self.read_filter)
        return Wanted(numbers, self.groups.arrays(), start, self.below, contigs)


def decode(
    file: OpenedReads,
    region: Region,
    read_filter: ReadFilter,
    haplotypes: bool,
    keep_fraction: float,
    counted: Region,
    tags: tuple[ReadTag, ...] = (),
) -> Iterator[ReadBatch]:
    """Yield the reads of one open, indexed file that overlap a region, in order of start, in parts.

    Parameters are those of `dvplug.reads.fetch.fetch_reads`; at least one part comes, if an empty one.

    Raises
    ------
    InputError
        The file breaks off or cannot be decoded, or a tag is of another type than it was asked for as.
    """
    choice = ReadChoice(read_filter, file.groups, int(keep_fraction * WHOLE), counted, tags)
    last = 0
    with file.told_of_damage(region):
        try:
            for batch in _parts(file, region, choice, haplotypes):
                last = _require_sound(batch, last)
                yield batch
        except TagTypeError as error:
            raise InputError(
                f"a tag in {file.name} at {region} is not as the technology takes it",
                cause=str(error),
                repair="Use a plugin that is for these reads, or mend the tags.",
            ) from error


def _parts(file: OpenedReads, region: Region, choice: ReadChoice, haplotypes: bool) -> Iterator[ReadBatch]:
    file.long_reads.begin(region, (choice.asked(), haplotypes))
    if file.alignments.is_cram or haplotypes:
        records = file.alignments.fetch(region.contig, region.start, region.end)
        yield from _decode_records(records, file.long_reads, choice, haplotypes)
        return
    yield from _BamRegion(file, region, choice).batches()


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
    phased = [_haplotype(r) if haplotypes else 0 for r in whole]
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
        np.array(phased, np.uint8),
        np.array([name_hash(r.query_name, r.reference_start, r.flag) for r in whole], np.uint32),
        encode_read_bases("".join(seqs).encode()),
        np.frombuffer(bytearray().join(qualities), np.uint8),
        _offsets(map(len, seqs)),
        operations,
        cigar_offset,
        left_out,
        tags=ReadTags(tags_of_records(whole, choice.tags)),
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
        self.file, self.region, self.choice = file, region, choice
        self.stream, self.builder = file.stream(), file.builder
        self.contig = file.alignments.get_tid(region.contig)
        self.wanted = choice.numbers(region.start, file.alignments.nreferences)
        self.left_out: list[Int32s] = []
        self.builder.begin(choice.tags)

    def batches(self) -> Iterator[ReadBatch]:
        """Decode the reads of the region: those that are known from the last one, then what comes in the file."""
        if not self._begin():
            yield self._batch()
            return
        stream, parts = self.stream, 1
        while self._is_going_on():
            if len(self.builder) >= MOST_READS:
                yield self._batch()
                parts += 1
        stream.passed = self.contig if stream.next_contig() != self.contig else -1
        left_out = np.concatenate([NONE_LEFT_OUT, *self.left_out])
        batch = self._batch()
        if parts == 1:
            asked, region = self.choice.asked(), self.region
            self.file.tail = Tail(asked, *region, batch, left_out, stream.place())
        yield batch

    def _begin(self) -> bool:
        """Go to the first record that is not known; returns whether there are any."""
        file, region, stream = self.file, self.region, self.stream
        tail, file.tail = file.tail, None
        if tail is not None and tail.serves(region, self.choice.asked()):
            tail = tail.over(region.start)
            self.builder.put(tail.batch)
            self.left_out.append(tail.left_out)
            stream.seek(tail.place)
            return True
        if region.start == 0 and stream.leads_to(self.contig):
            return stream.next_contig() == self.contig
        # pysam tells where a record ends, not where it begins.
        first = next(file.alignments.fetch(*region), None)
        if first is None:
            return False
        stream.seek(file.alignments.tell())
        self._put(first)
        return True

    def _put(self, record: pysam.AlignedSegment) -> None:
        """Decode a record of pysam's."""
        for batch in _decode_records(iter([record]), self.file.long_reads, self.choice, False):
            self.builder.put(batch)
        why = _why(record, self.choice, self.wanted.filter)
        if why != PASSES:
            start = record.reference_start
            self.left_out.append(np.array([[start, record.reference_end or start + 1, why]], np.int32))

    def _batch(self) -> ReadBatch:
        left_out, self.left_out = self.left_out, []
        return self.builder.batch(count_left_out(left_out, self.choice.counted))

    def _is_going_on(self) -> bool:
        """Decode the records in memory, and the next one if it is very long; returns whether more may follow."""
        stream = self.stream
        if not len(stream.left()) and not stream.read_on():
            return False
        state = self._take(stream.left(), LONG)
        if state == MORE and stream.is_long():
            state = self._take_long()
        elif state == MORE and len(stream.left()) and not stream.read_on():
            raise _damaged()
        return state == MORE

    def _take(self, data: UInt8s, most: int) -> int:
        """Decode what counts of the next records, uint8[n], none longer than ``most`` bytes; returns the state."""
        found = index_records(data, self.contig, self.region.end, most, self.wanted)
        if found.state == DAMAGED:
            raise _damaged()
        self.builder.add(data, found, self.choice.read_filter.missing_base_quality)
        self.left_out.append(found.left_out)
        self.stream.skip(found.used)
        return found.state

    def _take_long(self) -> int:
        """Decode the next record, a very long one, unless it is known; returns the state."""
        stream, known = self.stream, self.file.long_reads
        place = stream.place()
        if (read := known.get(place)) is None:
            before = len(self.builder)
            state = self._take(stream.record(), LARGEST_RECORD + 4)
            if state == MORE and stream.place() == place:
                raise _damaged()
            if len(self.builder) > before:
                known.keep(place, LongRead(self.builder.last(), stream.place()))
            return state
        if read.batch.start[0] >= self.region.end:
            return DONE
        stream.seek(read.after)
        self.builder.put(read.batch)
        return MORE


def _damaged() -> OSError:
    return OSError("a record is damaged or cut short")
