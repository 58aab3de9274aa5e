"""Figure 2A: precision against recall of several callers, and of any VCF that a user gives; a picture and a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dvplug.errors import InputError, near_misses
from dvplug.evaluate import Evaluation, evaluate
from dvplug.evaluate.judged import precision_recall, read_judged
from dvplug.evaluate.subsets import KINDS
from dvplug_lab import commands
from dvplug_lab.comparison import peers
from dvplug_lab.comparison.callers import run_peer, where_to_call
from dvplug_lab.comparison.compared import OURS, PEERS
from dvplug_lab.comparison.pictures import draw_precision_recall
from dvplug_lab.comparison.sets import (
    ValidationSet,
    as_long_as_aligned,
    confident_regions,
    find_set,
    mean_depth,
)
from dvplug_lab.reproduction.replicates import person
from dvplug_lab.reproduction.results import Row, Setting
from dvplug_lab.reproduction.samples import sequenced

SIMULATED = "simulated"
SETS = {
    "na12878_illumina": "NA12878, real 2x101",
    "hg002_illumina": "HG002, real 2x150",
    SIMULATED: "simulated person, 2x150",
}
"""What is called, and what it is for people. The first are reads of the library of the paper's figure."""
RECALL = 0.95
"""At which precision is told."""
Curve = list[list[float]]


@dataclass(frozen=True)
class Given:
    """A VCF of a user, and of which of `SETS` it has the calls."""

    caller: str
    vcf: Path
    of_set: str

    @classmethod
    def parse(cls, text: str, of_set: str) -> Given:
        """Read NAME=FILE; raises InputError where it is none, or the file or the set is not there."""
        caller, _, file = text.partition("=")
        if not caller or not file:
            raise InputError(
                f"'{text}' is no VCF of a caller", repair="Write NAME=FILE, as --vcf gatk=gatk.vcf.gz."
            )
        if caller in (OURS, *PEERS):
            raise InputError(f"'{caller}' is called here itself", repair="Give the VCF another name.")
        if not Path(file).is_file():
            raise InputError(f"--vcf {caller}: '{file}' does not exist", repair="Correct the path.")
        if of_set not in SETS:
            raise InputError(f"'{of_set}' is none of the sets of Figure 2A", repair=near_misses(of_set, SETS))
        return cls(caller, Path(file), of_set)


def measure(setting: Setting) -> list[Row]:
    """Call all sets with all callers, draw the curves, and return what they say."""
    commands.require("freebayes")
    rows: list[Row] = []
    measured = []
    for name, label in SETS.items():
        place = setting.reads / "curves" / name
        place.mkdir(parents=True, exist_ok=True)
        chosen = _find(name, setting, place)
        curves: dict[str, dict[str, Curve]] = {}
        for caller, calls in _called(chosen, name, setting, place):
            judged = place / f"{caller}.judged"
            found = evaluate(chosen.truth, calls, chosen.confident, chosen.reference, out_dir=judged)
            curves[caller] = precision_recall(read_judged(judged, chosen.reference), found)
            rows += _rows(label, caller, found, curves[caller])
        depth = round(mean_depth(chosen.reads, confident_regions(chosen)))
        measured.append({"set": label, "depth": depth, "precision_recall": curves})
    draw_precision_recall(measured, setting.picture)
    return rows


def _find(name: str, setting: Setting, place: Path) -> ValidationSet:
    if name != SIMULATED:
        return as_long_as_aligned(find_set(name, setting.shared), place)
    genome, reads = person(setting), place / "reads.bam"
    if not reads.with_suffix(".bam.bai").exists():
        to = {genome.reference: reads}
        sequenced(genome, to, setting.shared, setting.reads, seed=100, threads=setting.threads)
    return ValidationSet(name, "illumina-wgs", genome.reference, reads, genome.truth, genome.confident)


def _called(chosen: ValidationSet, name: str, setting: Setting, place: Path) -> Iterator[tuple[str, Path]]:
    """Yield each caller's name and VCF; those of peers are not made again."""
    where = where_to_call(chosen, confident_regions(chosen))
    for caller in (OURS, *PEERS):
        calls = place / f"{caller}.vcf.gz"
        if caller == OURS:
            files = (chosen.reference, chosen.reads, calls)
            commands.run(peers.dvplug(chosen.tech, *files, where, workers=setting.threads))
        elif not calls.exists():
            run_peer(chosen, caller, calls, where, setting.threads)
        yield caller, calls
    for one in setting.vcfs:
        if one.of_set == name:
            yield one.caller, one.vcf


def _rows(label: str, caller: str, found: Evaluation, curves: Mapping[str, Curve]) -> Iterator[Row]:
    for kind, counts in zip(KINDS, (found.snp, found.indel), strict=True):
        yield {
            "reads": label,
            "caller": caller,
            "type": kind,
            "recall": _rounded(counts.recall),
            "precision": _rounded(counts.precision),
            "F1": _rounded(counts.f1),
            "best F1 by QUAL": _rounded(best_f1(curves[kind])),
            f"precision at recall {RECALL:g}": _rounded(precision_at(curves[kind], RECALL)),
        }


def best_f1(curve: Curve) -> float | None:
    """Return the highest F1 of a curve's points [score, recall, precision]; None of an empty one."""
    return max((2 * r * p / (r + p) if r + p else 0.0 for _, r, p in curve), default=None)


def precision_at(curve: Curve, recall: float) -> float | None:
    """Return the highest precision of the points of a curve that have this recall; None where none has."""
    return max((p for _, r, p in curve if r >= recall), default=None)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
