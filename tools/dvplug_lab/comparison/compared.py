"""What a comparison found: all callers on one set at one depth, for people and as JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from dvplug.evaluate import ClassCounts, Evaluation
from dvplug.evaluate.judged import CalibrationBand
from dvplug.system.console import info, warn
from dvplug.system.rich_console import stdout
from dvplug_lab.comparison.errors import CallError

OURS, PEERS = "dvplug", ("bcftools", "freebayes")


@dataclass
class Compared:
    """All callers on one set at one depth."""

    name: str
    depth: float
    of: dict[str, Evaluation] = field(default_factory=dict)
    errors: list[CallError] = field(default_factory=list)
    candidates: dict[str, ClassCounts] = field(default_factory=dict)
    curves: dict[str, dict[str, list[list[float]]]] = field(default_factory=dict)
    strata: dict[str, dict[str, dict[str, dict[str, list[int]]]]] = field(default_factory=dict)
    calibration: list[CalibrationBand] = field(default_factory=list)

    def wrong(self, caller: str) -> int:
        """False positives and false negatives of a caller, SNPs and indels together."""
        return sum(counts.fp + counts.fn for counts in (self.of[caller].snp, self.of[caller].indel))

    @property
    def ratio(self) -> float | None:
        """Errors of dvplug, of those of the better peer; None without either, or when the peer has none."""
        peers_wrong = [self.wrong(caller) for caller in PEERS if caller in self.of]
        if OURS not in self.of or not peers_wrong or not min(peers_wrong):
            return None
        return self.wrong(OURS) / min(peers_wrong)

    def as_dict(self) -> dict[str, object]:
        """Everything, for JSON."""
        return {
            "set": self.name,
            "depth": round(self.depth, 1),
            "callers": {
                name: {**result.as_dict(), "errors": self.wrong(name)} for name, result in self.of.items()
            },
            "ratio_to_better_peer": self.ratio,
            "candidates": {kind: counts.as_dict() for kind, counts in self.candidates.items()},
            "precision_recall": self.curves,
            "calibration": self.calibration,
            "strata": self.strata,
            "dvplug_errors": [error.as_dict() for error in self.errors],
        }


def report(compared: Compared) -> None:
    """Print the table of one set at one depth, and dvplug's errors."""
    table = Table(title=f"{compared.name}, mean depth {compared.depth:.1f}", title_justify="left")
    for name in ("caller", "class", "TP", "FP", "FN", "precision", "recall", "F1", "FP+FN"):
        table.add_column(name, justify="left" if name in ("caller", "class") else "right")
    for caller, result in compared.of.items():
        table.add_row(caller, "SNP", *row(result.snp), str(compared.wrong(caller)))
        table.add_row("", "INDEL", *row(result.indel), "")
    stdout.print(table)
    if compared.ratio is not None:
        stdout.print(f"dvplug's errors, of the better peer's: {compared.ratio:.2f}")
    for error in compared.errors:
        stdout.print(f"  {error}", markup=False)


def row(counts: ClassCounts) -> list[str]:
    """Return the cells of one class; TP are those of the truth."""
    figures = (counts.precision, counts.recall, counts.f1)
    return [
        *map(str, (counts.tp_truth, counts.fp, counts.fn)),
        *("-" if figure is None else f"{figure:.4f}" for figure in figures),
    ]


def check_with_vcfeval(compared: Compared, counts: Path) -> None:
    """Say whether the peers' counts are those that RTG vcfeval gave for the same callers, where it was run.

    One count of difference per cell is known: where a variant can be matched in several ways, the two choose
    differently.
    """
    if not counts.is_file():
        return
    with counts.open() as lines:
        known = [line for line in csv.DictReader(lines, delimiter="\t") if line["set"] == compared.name]
    for line in known:
        if line["caller"] in compared.of:
            largest, text = difference(line, compared.of[line["caller"]])
            tell = warn if largest > 1 else info
            tell(f"{compared.name}, {line['caller']}, {line['class']}: {text}")


def difference(line: dict[str, str], result: Evaluation) -> tuple[int, str]:
    """Return the largest difference of our counts from one line of vcfeval's, and how they differ."""
    counts = result.snp if line["class"] == "snp" else result.indel
    pairs = {"tp_baseline": counts.tp_truth, "fp": counts.fp, "tp_call": counts.tp_query, "fn": counts.fn}
    apart = {name: ours - int(line[name]) for name, ours in pairs.items() if ours != int(line[name])}
    if not apart:
        return 0, "as vcfeval counted"
    return max(map(abs, apart.values())), "of vcfeval's counts, " + ", ".join(
        f"{name} {line[name]} is {pairs[name]} here" for name in apart
    )


def write_json(results: Sequence[Compared], path: Path) -> None:
    """Write all figures, which `dvplug_lab.model_card` reads."""
    path.write_text(json.dumps([compared.as_dict() for compared in results], indent=2) + "\n")
