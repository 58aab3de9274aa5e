"""Reference bases for comparing haplotypes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class ReferenceBases(Protocol):
    """Anything that gives upper-case reference bases; never asked for what lies beyond a contig."""

    @property
    def lengths(self) -> Mapping[str, int]:
        """Contig name to length in bp."""

    def sequence(self, contig: str, start: int, end: int) -> str:
        """Bases of [start, end), 0-based half-open; every letter that is no A, C, G or T as N."""

    def is_ambiguous(self, contig: str, start: int, end: int) -> bool:
        """Whether one of [start, end) is a letter other than A, C, G, T and N."""


class ContigBases:
    """Bases of one contig, read in blocks: a sweep from left to right asks for many short stretches.

    Parameters
    ----------
    block
        bp that are read at once.
    """

    def __init__(self, reference: ReferenceBases, contig: str, block: int = 1 << 20) -> None:
        self._reference, self._contig, self._block = reference, contig, block
        self._length = reference.lengths[contig]
        self._start = self._end = 0
        self._text = ""

    def __call__(self, start: int, end: int) -> str:
        """Bases of [start, end), cut at the ends of the contig."""
        start, end = max(0, start), min(end, self._length)
        if start >= end:
            return ""
        if start < self._start or end > self._end:
            self._start = max(0, start - self._block // 8)
            self._end = min(self._length, max(end, self._start + self._block))
            self._text = self._reference.sequence(self._contig, self._start, self._end)
        return self._text[start - self._start : end - self._start]
