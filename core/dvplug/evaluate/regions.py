"""Confident regions: the parts of the genome in which the truth is complete."""

from __future__ import annotations

import gzip
import zlib
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path

from dvplug.errors import InputError


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
    def from_bed(cls, path: Path) -> ConfidentRegions:
        """Read a BED file, plain or gzipped; raises InputError for a missing, malformed or empty one."""
        if not path.is_file():
            raise InputError(f"confident regions '{path}' do not exist")
        intervals = []
        opener = gzip.open if path.suffix == ".gz" else open
        try:
            with opener(path, "rt") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip() and not line.startswith(("#", "track", "browser")):
                        intervals.append(_interval(line, f"{path}:{number}"))
        except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
            raise InputError(f"confident regions '{path}' cannot be read", cause=str(error)) from error
        if not intervals:
            raise InputError(f"confident regions '{path}' hold no interval")
        return cls(intervals)

    @property
    def contigs(self) -> list[str]:
        """Contigs that have an interval, sorted."""
        return list(self._starts)

    def contain(self, contig: str, start: int, end: int) -> bool:
        """Whether one interval holds all of [start, end); an empty stretch is the point `start`."""
        ends = self._ends.get(contig)
        if ends is None:
            return False
        at = bisect_right(self._starts[contig], start) - 1
        return at >= 0 and max(end, start + 1) <= ends[at]

    def overlap(self, contig: str, start: int, end: int) -> bool:
        """Whether an interval shares a base with [start, end); an empty stretch is the point `start`."""
        ends = self._ends.get(contig)
        if ends is None:
            return False
        at = bisect_right(self._starts[contig], max(end, start + 1) - 1) - 1
        return at >= 0 and ends[at] > start


def _interval(line: str, where: str) -> tuple[str, int, int]:
    fields = line.split()
    try:
        contig, start, end = fields[0], int(fields[1]), int(fields[2])
    except (IndexError, ValueError):
        raise InputError(f"{where} is not a BED line: {line.strip()!r}") from None
    if not 0 <= start <= end:
        raise InputError(f"{where} has an impossible interval: {start}-{end}")
    return contig, start, end
