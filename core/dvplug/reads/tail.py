"""`Tail`: the reads of one region that may lie over the next one too, which are then not decoded again."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from dvplug.line.read_batch import LEFT_OUT, ReadBatch
from dvplug.line.region import Region
from dvplug.sequence.arrays import Int32s, Int64s

MOST_COPIED = 1 << 22
"""Bytes of a tail that are kept beside the batch that it is of."""
NONE_LEFT_OUT = np.zeros((0, 3), np.int32)
NOWHERE = 1 << 31
"""Behind all positions."""


class Tail(NamedTuple):
    """The reads of a BAM file that reach over a position, as far as they were read."""

    asked: Hashable
    """What was asked of them."""
    contig: str
    start: int
    """What they reach over."""
    end: int
    """None that starts before is missing."""
    batch: ReadBatch
    left_out: Int32s
    """[n, 3]: those that do not count, by start, end, and index in `LEFT_OUT`."""
    place: int
    """Virtual offset of the record behind them in the file."""

    def serves(self, region: Region, asked: Hashable) -> bool:
        """Whether the reads of a region are these, and what follows them in the file."""
        return (
            asked == self.asked
            and region.contig == self.contig
            and self.start <= region.start <= self.end <= region.end
        )

    def over(self, start: int) -> Tail:
        """Return those that reach over a position, copied where they are not all."""
        reads, left_out = _reaching(self.batch, start), self.left_out
        batch = self.batch if len(reads) == len(self.batch) else self.batch.take(reads)
        return self._replace(start=start, batch=batch, left_out=left_out[left_out[:, 1] > start])

    def size(self, start: int) -> int:
        """Bytes of the bases that reach over a position."""
        reads = _reaching(self.batch, start)
        return int(2 * (self.batch.base_offset[reads + 1] - self.batch.base_offset[reads]).sum())


def _reaching(batch: ReadBatch, start: int) -> Int64s:
    """Which reads reach over a position, int64[n]; one without aligned bases lies on that where it starts."""
    return np.flatnonzero((batch.end > start) | (batch.start >= start))


def kept(
    tail: Tail | None, next_start: int, shared: ReadBatch | None, most: int = MOST_COPIED
) -> Tail | None:
    """Return what is kept of a tail until the next region is asked for.

    Parameters
    ----------
    next_start
        What the reads of the next region will reach over, if it lies beside this one.
    shared
        A batch that stays in memory until then: if it is that of the tail, to keep it costs nothing.
    most
        Bytes that may be copied else.
    """
    if tail is None:
        return None
    start = max(next_start, tail.start)
    if tail.size(start) <= most:
        return tail.over(start)
    return tail if tail.batch is shared else None


def count_left_out(left_out: Sequence[Int32s], counted: Region) -> Int64s:
    """Count those that lie over a region, int64[len(LEFT_OUT)]."""
    start, end, why = np.concatenate([NONE_LEFT_OUT, *left_out]).T
    return np.bincount(why[(start < counted.end) & (end > counted.start)], minlength=len(LEFT_OUT))
