"""Very long reads that were decoded, kept for the next regions: a read of 2 Mb lies over twenty or forty of them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import pysam

from dvplug.line.read_batch import ReadBatch
from dvplug.line.region import Region

LONG = 1 << 18
"""Bases of a read, and bytes of a BAM record, from which on it is kept."""
MOST_KEPT = 1 << 27
"""Bytes of reads that are kept for one file."""


class LongRead(NamedTuple):
    """A read, alone, and what tells that it is the one."""

    batch: ReadBatch
    after: int = 0  # virtual offset of the record behind it in the file, where it was found by its own
    record: pysam.AlignedSegment | None = None  # where it was found by that


class LongReads:
    """The very long reads of one file that may reach into the regions to come.

    Attributes
    ----------
    size
        Bytes that they take.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, LongRead] = {}
        self._asked: Hashable = None
        self.size = 0

    def begin(self, region: Region, asked: Hashable) -> None:
        """Forget what the regions from this one on do not need.

        Parameters
        ----------
        asked
            What is asked of reads: those that were decoded for something else are of no use.
        """
        asked = region.contig, asked
        if asked != self._asked:
            self._kept, self._asked = {}, asked
        if self._kept:
            self._kept = {key: read for key, read in self._kept.items() if read.batch.end[0] > region.start}
        self.size = sum(map(_size, self._kept.values()))

    def get(self, key: Hashable) -> LongRead | None:
        """Return a read that was kept."""
        return self._kept.get(key)

    def keep(self, key: Hashable, read: LongRead) -> None:
        """Keep a read where there is room; a batch of another number of reads is none."""
        if len(read.batch) == 1 and self.size + _size(read) <= MOST_KEPT:
            self._kept[key] = read
            self.size += _size(read)


def _size(read: LongRead) -> int:
    batch = read.batch
    return (batch.seq.nbytes + batch.qual.nbytes + batch.cigar.nbytes) * (1 if read.record is None else 2)
