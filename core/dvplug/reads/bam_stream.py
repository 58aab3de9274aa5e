"""The records of an open BAM file, one behind the other, without its index."""

from __future__ import annotations

import numpy as np
import pysam

from dvplug.reads.bam_records import contig_of, size_of
from dvplug.reads.long_reads import LONG
from dvplug.sequence.arrays import UInt8s

CHUNK = 1 << 18
"""Bytes that are read at a time."""
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

    def __init__(self, blocks: pysam.BGZFile) -> None:
        self.passed = -1
        self._blocks = blocks
        self._data, self._used = np.zeros(0, np.uint8), 0
        self._fresh = 0  # bytes of the data that came with the last reading, and where that began
        self._from = 0

    def seek(self, place: int) -> None:
        """Go to the record that begins at a virtual offset."""
        self._blocks.seek(place)
        self._data, self._used, self.passed = np.zeros(0, np.uint8), 0, -1

    def left(self) -> UInt8s:
        """What was read and not skipped, uint8[n], from the beginning of a record on."""
        return self._data[self._used :]

    def skip(self, length: int) -> None:
        """Go on behind whole records of so many bytes."""
        self._used += length

    def read_on(self, length: int = CHUNK) -> bool:
        """Read more; returns whether there was more."""
        self._from = self._blocks.tell()
        read = self._blocks.read(length)
        self._data, self._used = np.frombuffer(self.left().tobytes() + read, np.uint8), 0
        self._fresh = len(read)
        return bool(read)

    def is_long(self) -> bool:
        """Whether the next record, of which not all was read, is a very long one, and `place` can be told."""
        left = self.left()
        return HEAD <= len(left) <= self._fresh and size_of(left) > LONG

    def place(self) -> int:
        """Go back to where the next record begins; returns its virtual offset."""
        before = self._fresh - len(self.left())
        self._blocks.seek(self._from)
        self._blocks.read(before)
        place: int = self._blocks.tell()
        self._data, self._used = self.left()[:HEAD], 0
        return place

    def read_record(self) -> None:
        """Read the record at which `place` was told, and nothing behind it."""
        size = size_of(self.left())
        self._data = self._data[:0]
        self.read_on(size)

    def tell(self) -> int:
        """Virtual offset behind all that was read."""
        place: int = self._blocks.tell()
        return place

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
