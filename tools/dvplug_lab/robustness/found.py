"""What a measurement of robustness found, as data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dvplug_lab.comparison.compared import OURS

FACTOR, MORE = 1.5, 2
"""A shift may cost so many times the errors of the reads as they are, and so many more."""
AS_IS = "as they are"


@dataclass(frozen=True)
class Errors:
    """False positives and false negatives of one caller on one set of reads, and how much of the truth it has."""

    snp_fp: int
    snp_fn: int
    indel_fp: int
    indel_fn: int
    snp_tp: int
    indel_tp: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.snp_fp + self.snp_fn + self.indel_fp + self.indel_fn

    @property
    def snp_recall(self) -> float:
        """Share of the SNPs that were found; 0 where there are none."""
        return self.snp_tp / max(self.snp_tp + self.snp_fn, 1)

    @property
    def snp_precision(self) -> float:
        """Share of the found SNPs that are true; 0 where none was found."""
        return self.snp_tp / max(self.snp_tp + self.snp_fp, 1)


@dataclass(frozen=True)
class ReadsMeasured:
    """All callers on the same reads.

    Attributes
    ----------
    set, reads
        Of whom the reads are, and what was done to them; `AS_IS`.
    depth
        Mean, of the confident regions.
    errors
        By caller; None where it refused the reads or failed.
    sure
        By SNP and INDEL: the share of the truth that dvplug has with PASS and a GQ of 20 or more.
    """

    set: str
    reads: str
    depth: float
    errors: dict[str, Errors | None]
    sure: dict[str, float | None]

    def faults(self, as_is: ReadsMeasured | None) -> list[str]:
        """Return what speaks against the model here; ``as_is`` is of the same set, without the shift."""
        ours, theirs = self.errors.get(OURS), self.errors.get("bcftools")
        if ours is None:
            return ["not called"]
        found = []
        plain = as_is.errors.get(OURS) if as_is and self.reads != AS_IS else None
        if plain and ours.total > FACTOR * plain.total + MORE:
            found.append(f"more than {FACTOR:g} x {plain.total} + {MORE}")
        if theirs and ours.total > theirs.total:
            found.append("above bcftools")
        return found


@dataclass(frozen=True)
class GqBand:
    """Calls of one type whose GQ lies in [low, high): how many, how many wrong, how many by their GQ."""

    type: str
    low: int
    high: int
    calls: int
    wrong: int
    claimed: float


@dataclass(frozen=True)
class Counted:
    """So many of so many."""

    count: int
    of: int


@dataclass(frozen=True)
class TruthFree:
    """A count that needs no truth set, by caller; ``of`` is in ``unit``."""

    check: str
    unit: str
    counts: dict[str, Counted]
    more_is_better: bool = False
    for_comparison: bool = False
    """It says how the others are to be read, and is neither passed nor failed."""

    @property
    def passed(self) -> bool | None:
        """Tell whether dvplug does no worse than bcftools; None where that is not asked."""
        ours, theirs = (self.counts[name].count / max(self.counts[name].of, 1) for name in (OURS, "bcftools"))
        return None if self.for_comparison else ours >= theirs if self.more_is_better else ours <= theirs


@dataclass
class Robustness:
    """Everything about one model."""

    tech: str
    model: str
    shifted: list[ReadsMeasured] = field(default_factory=list)
    libraries: list[ReadsMeasured] = field(default_factory=list)
    flow: list[ReadsMeasured] = field(default_factory=list)
    truth_free: list[TruthFree] = field(default_factory=list)
    gq: list[GqBand] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_is(self, chosen: str) -> ReadsMeasured | None:
        """Return the figures of a set without a shift, where they were measured."""
        return next((one for one in self.shifted if (one.set, one.reads) == (chosen, AS_IS)), None)

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")
