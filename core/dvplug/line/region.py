"""`Region`: where the line begins."""

from __future__ import annotations

from typing import NamedTuple


class Region(NamedTuple):
    """Bases [start, end) of a contig, 0-based."""

    contig: str
    start: int
    end: int

    def __str__(self) -> str:
        """Return the 1-based literal, such as ``chr20:1001-2000``."""
        return f"{self.contig}:{self.start + 1}-{self.end}"
