"""`ReadBuilder`: where records of BAM are unpacked, stretch after stretch, until they make a `ReadBatch`."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from dvplug.line.read_batch import LEFT_OUT, ReadBatch, ReadTags, TagValues
from dvplug.reads.bam_records import Found, Unpacked, unpack_records
from dvplug.reads.tag_values import tags_in_bam, tags_of_records
from dvplug.sequence.arrays import Int64s, UInt8s
from dvplug.technology import ReadTag

_LEAST = 1 << 12
_SPARE = 1.5  # of the last batch: to copy all into more room takes longer than to give back what is not used
_WORTH_KEEPING = 0.75  # of the room: if less is used, the rest is given back
NO_COUNTS = np.zeros(len(LEFT_OUT), np.int64)


class Sizes(NamedTuple):
    """How many there are, or have room."""

    reads: int
    bases: int
    operations: int


class ReadBuilder:
    """The reads of one batch, and then those of the next, for which as much room is made, and some to spare.

    Where there is too little room, all is copied; much room that is not used is given back.
    """

    def __init__(self) -> None:
        self._last = Sizes(0, 0, 0)
        self.begin()

    def begin(self, tags: tuple[ReadTag, ...] | None = None) -> None:
        """Forget what was added; from now on these tags are decoded, too, or those that were."""
        self._tags = tags if tags is not None else getattr(self, "_tags", ())
        self._tag_parts: list[dict[str, TagValues]] = []
        self._sizes, self._room = Sizes(0, 0, 0), Sizes(-1, -1, -1)
        self._out = _empty(Sizes(0, 0, 0))

    def __len__(self) -> int:
        return self._sizes.reads

    def add(self, data: UInt8s, found: Found, missing_base_quality: int) -> None:
        """Unpack the records that were found in a stretch of BAM, uint8[n]."""
        before = self._grow(len(found.records), found.bases, found.operations)
        unpack_records(data, found, missing_base_quality, self._out, before.reads)
        if self._tags:
            self._tag_parts.append(tags_in_bam(data, found.records, self._tags))

    def put(self, batch: ReadBatch) -> None:
        """Copy the reads of a batch without haplotypes."""
        reads, bases, operations = self._grow(len(batch), len(batch.seq), len(batch.cigar))
        for name in ("start", "end", "flag", "mapping_quality", "fragment_length", "name_hash"):
            getattr(self._out, name)[reads : self._sizes.reads] = getattr(batch, name)
        self._out.seq[bases : self._sizes.bases] = batch.seq
        self._out.qual[bases : self._sizes.bases] = batch.qual
        self._out.cigar[operations : self._sizes.operations] = batch.cigar
        self._out.base_offset[reads : self._sizes.reads + 1] = batch.base_offset + bases
        self._out.cigar_offset[reads : self._sizes.reads + 1] = batch.cigar_offset + operations
        if self._tags:
            self._tag_parts.append(batch.tags)

    def _grow(self, reads: int, bases: int, operations: int) -> Sizes:
        """Make room for so many more; returns how many there were."""
        before = self._sizes
        after = Sizes(before.reads + reads, before.bases + bases, before.operations + operations)
        if any(size > room for size, room in zip(after, self._room, strict=True)):
            self._widen(after)
        self._sizes = after
        return before

    def _widen(self, sizes: Sizes) -> None:
        wanted = zip(sizes, self._last, (2 * room for room in self._room), strict=True)
        self._room = Sizes(
            *(max(_LEAST, int(_SPARE * max(size, last)), twice) for size, last, twice in wanted)
        )
        wider = _empty(self._room)
        filled = self._filled()
        for name in Unpacked._fields:
            old = getattr(filled, name)
            getattr(wider, name)[: len(old)] = old
        self._out = wider

    def _filled(self) -> Unpacked:
        """What there is, without the room behind it."""
        out, (reads, bases, operations) = self._out, self._sizes
        return Unpacked(
            out.start[:reads], out.end[:reads], out.flag[:reads], out.mapping_quality[:reads],
            out.fragment_length[:reads], out.name_hash[:reads], out.seq[:bases], out.qual[:bases],
            out.base_offset[: reads + 1], out.cigar[:operations], out.cigar_offset[: reads + 1],
        )  # fmt: skip

    def last(self) -> ReadBatch:
        """Return a copy of the read that was added last, alone."""
        last = _batch(self._filled(), NO_COUNTS).take(np.array([len(self) - 1]))
        return replace(last, tags=_last_tags(self._tag_parts[-1])) if self._tags else last

    def batch(self, left_out: Int64s) -> ReadBatch:
        """Return the reads that were added, with the numbers of those left out; and begin anew."""
        filled = self._filled()
        for name in Unpacked._fields:
            one, used = getattr(self._out, name), len(getattr(filled, name))
            if used < _WORTH_KEEPING * len(one):
                one.resize(used, refcheck=False)  # where it lies: what is behind is given back
        batch = _batch(self._filled(), left_out)
        if self._tags:
            batch = replace(batch, tags=self._joined_tags())
        self._last = Sizes(*map(max, self._sizes, (last - last // 8 for last in self._last)))
        self.begin()
        return batch

    def _joined_tags(self) -> ReadTags:
        none = tags_of_records((), self._tags)
        return ReadTags(
            {
                name: TagValues.concatenate([none[name], *(part[name] for part in self._tag_parts)])
                for name in none
            }
        )


def _last_tags(tags: dict[str, TagValues]) -> ReadTags:
    return ReadTags({name: tag.take(np.array([len(tag.present) - 1])) for name, tag in tags.items()})


def _batch(one: Unpacked, left_out: Int64s) -> ReadBatch:
    return ReadBatch(
        one.start, one.end, one.flag, one.mapping_quality, one.fragment_length,
        np.zeros(len(one.start), np.uint8), one.name_hash, one.seq, one.qual, one.base_offset,
        one.cigar, one.cigar_offset, left_out,
    )  # fmt: skip


def _empty(room: Sizes) -> Unpacked:
    reads, bases, operations = room
    return Unpacked(
        np.empty(reads, np.int32), np.empty(reads, np.int32), np.empty(reads, np.uint16), np.empty(reads, np.uint8),
        np.empty(reads, np.int32), np.empty(reads, np.uint32), np.empty(bases, np.uint8), np.empty(bases, np.uint8),
        np.zeros(reads + 1, np.int64), np.empty(operations, np.uint32), np.zeros(reads + 1, np.int64),
    )  # fmt: skip
