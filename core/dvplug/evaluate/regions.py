"""Regions that variants are counted in: where the truth is complete, and strata of the genome."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping

from dvplug.genome.bed import read_bed
from dvplug.system.locations import StrPath


class ConfidentRegions:
    """Merged intervals per contig, 0-based half-open.

    Parameters
    ----------
    intervals
        (contig, start, end), in any order, overlapping or not.
    """

    def __init__(self, intervals: Iterable[tuple[str, int, int]]) -> None:
        self._starts: dict[str, list[int]] = {}
        self._ends: dict[str, list[int]] = {}
        for contig, start, end in sorted(intervals):
            starts, ends = self._starts.setdefault(contig, []), self._ends.setdefault(contig, [])
            if ends and start <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            else:
                starts.append(start)
                ends.append(end)

    @classmethod
    def from_bed(cls, path: StrPath, lengths: Mapping[str, int]) -> ConfidentRegions:
        """Read a BED file of these contigs; raises InputError as `dvplug.genome.bed.read_bed` does."""
        return cls(read_bed(path, lengths))

    @property
    def contigs(self) -> list[str]:
        """Contigs that have an interval, sorted."""
        return list(self._starts)

    @property
    def size(self) -> int:
        """Bases in the intervals."""
        return sum(sum(ends) - sum(self._starts[contig]) for contig, ends in self._ends.items())

    def intersection(self, other: ConfidentRegions) -> ConfidentRegions:
        """What lies in both."""
        return ConfidentRegions(
            (contig, start, end) for contig in self._starts for start, end in self._shared(other, contig)
        )

    def without(self, other: ConfidentRegions) -> ConfidentRegions:
        """What does not lie in the other."""
        left = []
        for contig in self._starts:
            shared = iter([*self._shared(other, contig), None])
            gap = next(shared)
            for start, end in zip(self._starts[contig], self._ends[contig], strict=True):
                at = start
                while gap is not None and gap[1] <= end:
                    left.append((contig, at, gap[0]))
                    at, gap = gap[1], next(shared)
                left.append((contig, at, end))
        return ConfidentRegions((contig, start, end) for contig, start, end in left if start < end)

    def _shared(self, other: ConfidentRegions, contig: str) -> Iterator[tuple[int, int]]:
        mine = list(zip(self._starts[contig], self._ends[contig], strict=True))
        others = list(zip(other._starts.get(contig, ()), other._ends.get(contig, ()), strict=True))
        a = b = 0
        while a < len(mine) and b < len(others):
            start, end = max(mine[a][0], others[b][0]), min(mine[a][1], others[b][1])
            if start < end:
                yield start, end
            if mine[a][1] < others[b][1]:
                a += 1
            else:
                b += 1

    def contain(self, contig: str, start: int, end: int) -> bool:
        """Whether one interval holds all of [start, end); an empty stretch is the point `start`."""
        ends = self._ends.get(contig)
        if ends is None:
            return False
        at = bisect_right(self._starts[contig], start) - 1
        return at >= 0 and max(end, start + 1) <= ends[at]

    def overlap(self, contig: str, start: int, end: int) -> bool:
        """Whether an interval shares a base with [start, end), or holds the bases on both sides of an empty one."""
        ends = self._ends.get(contig)
        if ends is None:
            return False
        at = bisect_left(self._starts[contig], end) - 1
        return at >= 0 and ends[at] > start
