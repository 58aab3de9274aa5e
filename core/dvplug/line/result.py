"""`RegionResult`: what one region gave."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from dvplug.line.record import VcfRecord

STAGES = ("decode", "realign", "count", "encode", "infer", "write")


@dataclass
class RegionResult:
    """What one region gave: VCF lines or records, and counts for the summary; CPU seconds by stage."""

    lines: list[str] = field(default_factory=list)
    gvcf_lines: list[str] = field(default_factory=list)
    records: list[VcfRecord] = field(default_factory=list)
    filters: Counter[str] = field(default_factory=Counter)
    regions: int = 0
    reads: int = 0
    skipped_no_sequence: int = 0
    candidates: int = 0
    images: int = 0
    seconds: Counter[str] = field(default_factory=Counter)

    def add(self, other: RegionResult) -> None:
        """Add what follows: its lines and counts."""
        self.lines += other.lines
        self.gvcf_lines += other.gvcf_lines
        self.records += other.records
        self.filters.update(other.filters)
        self.regions += other.regions
        self.reads += other.reads
        self.skipped_no_sequence += other.skipped_no_sequence
        self.candidates += other.candidates
        self.images += other.images
        self.seconds.update(other.seconds)


class Stopwatch:
    """Adds the CPU seconds since the last stop to a stage."""

    def __init__(self, seconds: Counter[str]) -> None:
        self.seconds = seconds
        self.last = time.process_time()

    def stop(self, stage: str) -> None:
        """End a stage."""
        now = time.process_time()
        self.seconds[stage] += now - self.last  # type: ignore[assignment]
        self.last = now
