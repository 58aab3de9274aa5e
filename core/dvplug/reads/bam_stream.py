"""The records of an open BAM file, one behind the other, without its index."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np

from dvplug.reads.bam_records import contig_of, size_of
from dvplug.reads.blocks import MOST_INFLATED, Blocks
from dvplug.reads.long_reads import LONG
from dvplug.sequence.arrays import UInt8s

CHUNK = 1 << 17
"""Bytes that are read at a time, at least; twice as many each time, as more is wanted of the same place."""
MOST_AT_ONCE = 1 << 20
"""Bytes that are read at a time, at most, but for very long records: so many stay in a processor's cache."""
ROOM = MOST_AT_ONCE + (1 << 18)
"""Bytes of the buffer, but for very long records."""
HEAD = 36
"""Bytes of a record before its name."""
NO_CONTIG = 1 << 31
"""Behind all contigs: reads without a place, and the end of the file."""


class BamStream:
    """Where a BAM file is being read.

    Attributes
    ----------
    passed
        The contig whose reads have all gone by, and none of a later one; -1 where that is not known.
    """

    def __init__(self, blocks: Blocks) -> None:
        self.passed = -1
        self._blocks = blocks
        self._data = np.empty(ROOM, np.uint8)
        self._used = self._filled = 0
        self._at_once = CHUNK
        # Of each block in the data: where it begins there, which may be before it, and in the file.
        self._begins: list[int] = []
        self._places: list[int] = []

    def seek(self, place: int) -> None:
        """Go to the record that begins at a virtual offset; what is in memory is not read again."""
        self.passed = -1
        block, within = place >> 16, place & 0xFFFF
        known = bisect_left(self._places, block)
        if known < len(self._places) and self._places[known] == block:
            at = self._begins[known] + within
            if 0 <= at <= self._filled:
                self._used = at
                return
        self._blocks.seek(block)
        self._at_once = CHUNK
        self._used = self._filled = 0
        self._begins, self._places = [], []
        if within:
            self._read_block()
            if within > self._filled:
                raise OSError("a record is damaged or cut short")
            self._used = within

    def left(self) -> UInt8s:
        """What was read and not skipped, uint8[n], from the beginning of a record on; until more is read."""
        return self._data[self._used : self._filled]

    def skip(self, length: int) -> None:
        """Go on behind whole records of so many bytes."""
        self._used += length

    def read_on(self, least: int = 0) -> bool:
        """Read more, so many bytes at least; returns whether there was more."""
        length = max(least, self._at_once)
        self._at_once = min(2 * self._at_once, MOST_AT_ONCE)
        self._make_room(length + MOST_INFLATED)
        before = self._filled
        while self._filled < before + length and self._read_block():
            pass
        return self._filled > before

    def _make_room(self, length: int) -> None:
        if self._filled + length <= len(self._data):
            return
        first, kept = self._used, self.left()
        room = max(ROOM, len(kept) + length)
        data = self._data if len(self._data) == room else np.empty(room, np.uint8)
        data[: len(kept)] = kept
        self._data, self._used, self._filled = data, 0, len(kept)
        gone = max(0, bisect_right(self._begins, first) - 1)
        self._begins = [begin - first for begin in self._begins[gone:]]
        self._places = self._places[gone:]

    def _read_block(self) -> bool:
        place = self._blocks.next
        block = self._blocks.read()
        if not block:
            return False
        end = self._filled + len(block)
        self._data[self._filled : end] = np.frombuffer(block, np.uint8)
        self._begins.append(self._filled)
        self._places.append(place)
        self._filled = end
        return True

    def is_long(self) -> bool:
        """Whether the next record is a very long one."""
        left = self.left()
        return len(left) >= HEAD and size_of(left) > LONG

    def place(self) -> int:
        """Virtual offset of the next record."""
        if self._used == self._filled:
            return self._blocks.next << 16
        block = bisect_right(self._begins, self._used) - 1
        return self._places[block] << 16 | self._used - self._begins[block]

    def record(self) -> UInt8s:
        """The next record alone, uint8[n], less where the file ends before."""
        size = size_of(self.left())
        missing = size - len(self.left())
        if missing > 0:
            self.read_on(missing)
        return self.left()[:size]

    def next_contig(self) -> int:
        """Contig of the next record."""
        left = self.left()
        if len(left) < HEAD and not self.read_on():
            return NO_CONTIG
        contig = contig_of(self.left())
        return contig if contig >= 0 else NO_CONTIG

    def leads_to(self, contig: int) -> bool:
        """Whether the first read of a contig, if it has any, is the next one."""
        return 0 <= self.passed < contig <= self.next_contig()
