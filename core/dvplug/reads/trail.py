"""`Trail`: where the reads lie that went by last, so that the next region's need not be looked for."""

from __future__ import annotations

from bisect import bisect_right


class Trail:
    """Places in a file that was read along a contig, and how far the reads before each of them reach."""

    def __init__(self) -> None:
        self._contig = -1
        self._until = 0  # all reads that start before have gone by
        self._places: list[int] = []
        self._reaches: list[int] = []

    def begin(self, contig: int, place: int, reach: int) -> None:
        """Begin at a place of the file, behind reads of a contig that end at ``reach`` at the latest."""
        self._contig, self._until, self._places, self._reaches = contig, 0, [place], [reach]

    def go_on(self, place: int, reach: int) -> None:
        """Come to a place, behind reads that end at ``reach`` at the latest."""
        self._places.append(place)
        self._reaches.append(max(reach, self._reaches[-1]))

    def end(self, until: int) -> None:
        """Have passed all reads that start before a position."""
        self._until = until

    def place_before(self, contig: int, start: int) -> int | None:
        """Return a place behind which all reads lie that reach over a position, and begin there; None if unknown."""
        known = bisect_right(self._reaches, start) - 1
        if contig != self._contig or start > self._until or known < 0:
            return None
        self.begin(contig, self._places[known], self._reaches[known])
        return self._places[0]
