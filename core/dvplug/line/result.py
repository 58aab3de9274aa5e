"""`RegionResult`: what one region gave. `Counts`: how much of what, in one region or in all. `Stopwatch`: how long."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from dvplug.line.phase_table import PhaseTable
from dvplug.line.record import VcfRecord
from dvplug.line.reference_blocks import RegionGvcf

STAGES = ("decode", "realign", "count", "encode", "infer", "write")


@dataclass
class Counts:
    """How much there was of what, and CPU seconds by stage: of a part of a region, of a region or of a whole run."""

    filters: Counter[str] = field(default_factory=Counter)  # records by FILTER
    regions: int = 0
    reads: int = 0
    tagged: int = 0  # reads whose haplotype their tags tell, where they are asked
    left_out: Counter[str] = field(default_factory=Counter)  # reads that do not count, by name in `LEFT_OUT`
    candidates: int = 0
    images: int = 0
    settled: int = 0  # of the images, not drawn: their features were enough for the model's first stage
    found: int = 0  # candidates in the reads, without those that the user proposed
    covered: int = 0  # bp of what is called that reads lie on
    known: int = 0  # bp of what is called that the reference knows, where a gVCF is written
    depths: int = 0  # reads over each of them, added up: bases of low quality left out
    outside: Counter[str] = field(default_factory=Counter)
    """Images in which a feature lay outside of what the network was trained on, and was given as usual; by feature."""
    seconds: Counter[str] = field(default_factory=Counter)  # by name in `STAGES`

    def add(self, other: Counts) -> None:
        """Add what another part, or region, counted."""
        self.regions += other.regions
        self.reads += other.reads
        self.tagged += other.tagged
        self.candidates += other.candidates
        self.images += other.images
        self.settled += other.settled
        self.found += other.found
        self.covered += other.covered
        self.known += other.known
        self.depths += other.depths
        for name in ("filters", "left_out", "outside", "seconds"):
            if counted := getattr(other, name):  # most are empty, and there may be very many regions
                getattr(self, name).update(counted)


@dataclass(frozen=True)
class RegionResult:
    """What one region gave: VCF lines, or records where no VCF is written, and what was counted on the way."""

    lines: list[str] = field(default_factory=list)
    gvcf: RegionGvcf | None = None
    records: list[VcfRecord] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    phase: PhaseTable | None = None
    """Of the heterozygous calls, where reads tell phase: what is still to be joined with other regions'."""


class Stopwatch:
    """Adds the CPU seconds since the last stop to a stage.

    Parameters
    ----------
    seconds
        By stage; what is measured is added.
    """

    def __init__(self, seconds: Counter[str]) -> None:
        self.seconds = seconds
        self.last = time.process_time()

    def stop(self, stage: str) -> None:
        """End a stage."""
        now = time.process_time()
        self.seconds[stage] += now - self.last  # type: ignore[assignment]
        self.last = now
