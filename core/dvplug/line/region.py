"""`Region`: where the line begins. `Partition`: what is worked on at a time. `PartitionRun`: what is handed out."""

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


class Partition(NamedTuple):
    """Targets that lie close together, disjoint and in order: reads over all of them are read once."""

    region: Region  # from the first target to the last
    targets: tuple[Region, ...]

    def __str__(self) -> str:
        """Return the region's literal, and how much of it is meant."""
        return f"{self.region}" if len(self.targets) == 1 else f"{self.region} ({len(self.targets)} targets)"


class PartitionRun(NamedTuple):
    """Small partitions that follow each other, as those of short contigs: one worker gets them together, in order."""

    partitions: tuple[Partition, ...]

    def __str__(self) -> str:
        """Return where it begins and ends."""
        first, last = self.partitions[0], self.partitions[-1]
        return f"{first}" if first is last else f"{first} to {last}"
