"""Compare dvplug with bcftools and freebayes on the same reads, by the same truth.

    python tools/compare_callers.py
    python tools/compare_callers.py --sets hg002_illumina path/to/simulated --thin 15 30 --out DIR --json FILE

All three call the same regions (those in which the truth is whole, widened), and `dvplug.evaluate` counts for
all three. bcftools is not filtered, freebayes is by QUAL > 20.
"""

from __future__ import annotations

import csv
import json as json_format
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import pysam
from cyclopts import App, Parameter
from rich.table import Table

from dvplug.errors import InputError
from dvplug.evaluate import ClassCounts, Evaluation, evaluate
from dvplug.evaluate.judged import calibration, precision_recall, read_judged, strata
from dvplug.genome.reference import Reference
from dvplug.line.region import Region
from dvplug.system.console import info, stdout, warn
from dvplug_lab.comparison import peers
from dvplug_lab.comparison.candidates import count_candidates
from dvplug_lab.comparison.errors import CallError, depth_at, explain
from dvplug_lab.comparison.sets import (
    ValidationSet,
    as_long_as_aligned,
    confident_regions,
    find_set,
    mean_depth,
    real_sets,
    stretches,
    thinned,
)
from dvplug_lab.script import run

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
OURS, PEERS = "dvplug", ("bcftools", "freebayes")
app = App(help_format="plaintext")


@dataclass
class Compared:
    """All callers on one set at one depth."""

    name: str
    depth: float
    of: dict[str, Evaluation] = field(default_factory=dict)
    errors: list[CallError] = field(default_factory=list)
    candidates: dict[str, ClassCounts] = field(default_factory=dict)
    curves: dict[str, Any] = field(default_factory=dict)
    strata: dict[str, Any] = field(default_factory=dict)
    calibration: list[dict[str, Any]] = field(default_factory=list)

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

    def as_dict(self) -> dict[str, Any]:
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


@app.default
def compare_callers(
    *,
    sets: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    thin: Annotated[list[float], Parameter(consume_multiple=True)] = [15.0],  # noqa: B006
    callers: Annotated[list[str], Parameter(consume_multiple=True)] = [*PEERS, OURS],  # noqa: B006
    model: str | None = None,
    tech: str = "illumina-wgs",
    workers: int = 1,
    shared: Path = SHARED,
    out: Path | None = None,
    json: Path | None = None,
) -> None:
    """Compare dvplug with bcftools and freebayes on the same reads, by the same truth.

    For dvplug also: what its candidates alone would allow, every error, and whether its GQ is true. For all: precision
    against recall by QUAL, and counts by length of homopolymer and by depth.

    Parameters
    ----------
    sets
        A real set, such as hg002_illumina or hg002_hifi; a folder with ref.fa, reads.bam, truth.vcf.gz and
        confident.bed; or a BED file in such a folder, to be used in place of its confident.bed. By default the real
        sets of ``tech``.
    thin
        Mean depths to thin the reads to, beside the full depth; 0 for none.
    callers
        Which of bcftools, freebayes and dvplug to run.
    model
        Model of dvplug, in place of the technology's own.
    tech
        Technology of the reads of folders.
    workers
        Worker processes of dvplug; the peers run so many regions at a time.
    shared
        Folder of the real data.
    out
        Folder to keep all VCFs in, with those of FP and FN per caller; a temporary one by default. Peers are not run
        again where their VCF lies there and is newer than the reads.
    json
        File to write all figures to.
    """
    unknown = sorted({*callers} - {*PEERS, OURS})
    if unknown:
        raise InputError(f"'{unknown[0]}' is no caller that this script runs")
    peers.require(*(caller for caller in PEERS if caller in callers))
    found, results = [find_set(name, shared, tech) for name in sets or real_sets(tech)], []
    with TemporaryDirectory(prefix="compare-callers-") as temporary:
        folder = out or Path(temporary)
        for chosen in (as_long_as_aligned(chosen, folder) for chosen in found):
            for at_depth, depth in depths(chosen, thin, folder):
                compared = Compared(at_depth.name, depth)
                for caller in callers:
                    run_caller(compared, at_depth, caller, folder / at_depth.name, model, workers)
                results.append(compared)
                report(compared)
                if depth_is_full(at_depth, chosen):
                    check_with_vcfeval(compared, shared / "oracle" / "vcfeval_counts.tsv")
    if json:
        json.write_text(json_format.dumps([compared.as_dict() for compared in results], indent=2) + "\n")


def depths(
    chosen: ValidationSet, targets: Sequence[float], folder: Path
) -> list[tuple[ValidationSet, float]]:
    """Return the set and its thinned copies, each with its mean depth."""
    confident = confident_regions(chosen)
    full = mean_depth(chosen.reads, confident)
    found = [(chosen, full)]
    for target in targets:
        if not 0 < target < full:
            if target:
                warn(f"{chosen.name} has a mean depth of {full:.0f}: it cannot be thinned to {target:g}.")
            continue
        name = f"{chosen.name}_{target:g}x"
        (folder / name).mkdir(parents=True, exist_ok=True)
        where = where_to_call(chosen, confident)
        reads = folder / name / "reads.bam"
        if not is_newer(reads, chosen.reads):
            thinned(chosen.reads, target / full, where, reads)
        found.append((replace(chosen, name=name, reads=reads), mean_depth(reads, confident)))
    return found


def is_newer(made: Path, source: Path) -> bool:
    """Tell whether a file is there and was made after its source."""
    return made.exists() and made.stat().st_mtime > source.stat().st_mtime


def depth_is_full(at_depth: ValidationSet, chosen: ValidationSet) -> bool:
    """Tell whether no reads were left out."""
    return at_depth.reads == chosen.reads


def where_to_call(chosen: ValidationSet, confident: Sequence[Region]) -> list[Region]:
    """Return the regions that every caller is given."""
    with Reference.open(chosen.reference) as reference:
        return stretches(confident, reference.lengths)


def run_caller(
    compared: Compared, chosen: ValidationSet, caller: str, folder: Path, model: str | None, workers: int
) -> None:
    """Call, evaluate, and for dvplug explain the errors; adds to ``compared``."""
    folder.mkdir(parents=True, exist_ok=True)
    calls = folder / f"{caller}.vcf.gz"
    where = where_to_call(chosen, confident_regions(chosen))
    info(f"{chosen.name}, {compared.depth:.1f}x: {caller}")
    if caller == OURS:
        command = peers.dvplug(
            chosen.tech, chosen.reference, chosen.reads, calls, where,
            model=model, workers=workers, keep_ref_calls=True,
        )  # fmt: skip
        peers.run(command)
    elif not is_newer(calls, chosen.reads):
        run_peer(chosen, caller, calls, where, workers)
    judged = folder / caller
    result = evaluate(chosen.truth, calls, chosen.confident, chosen.reference, out_dir=judged)
    compared.of[caller] = result
    with pysam.AlignmentFile(str(chosen.reads), reference_filename=str(chosen.reference)) as alignments:
        one_by_one = read_judged(judged, chosen.reference, depth_of=partial(depth_at, alignments))
    compared.curves[caller] = precision_recall(one_by_one, result)
    compared.strata[caller] = strata(one_by_one)
    if caller == OURS:
        compared.calibration = calibration(one_by_one)
        compared.candidates = count_candidates(chosen, where, folder, workers)
        compared.errors = list(explain(judged, calls, chosen.truth, chosen.reads, chosen.reference))


def run_peer(chosen: ValidationSet, caller: str, calls: Path, where: Sequence[Region], workers: int) -> None:
    """Run bcftools or freebayes, several regions at a time, and join their VCFs."""
    folder = calls.parent
    plain = peers.plain_fasta(chosen.reference, folder.parent)

    def call(number: int, region: Region) -> Path:
        part = folder / f"{caller}.{number}.vcf.gz"
        if caller == "bcftools":
            peers.run(peers.bcftools(plain, chosen.reads, part, [region], chosen.tech))
        else:
            peers.run(
                peers.freebayes(
                    plain, chosen.reads, part, [region], folder / f"called.{number}.bed", chosen.tech
                )
            )
        return part

    with ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(call, range(len(where)), where))
    whole = folder / f"{caller}.whole.vcf.gz"
    peers.run([["bcftools", "concat", "-Oz", "-o", str(whole), *map(str, parts)]])
    whole.rename(calls)
    for part in parts:
        part.unlink()


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


if __name__ == "__main__":
    run(app)
