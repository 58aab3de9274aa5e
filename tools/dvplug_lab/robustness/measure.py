"""Measure a model: shifts, unusual libraries, flow reads, and what needs no truth."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from dvplug.errors import InputError
from dvplug.system.console import info
from dvplug_lab import commands
from dvplug_lab.comparison.compared import OURS, PEERS
from dvplug_lab.comparison.sets import confident_regions, find_set, hard_sets, mean_depth, real_sets
from dvplug_lab.read_sets import EXTRA, PLATFORMS, sets_of
from dvplug_lab.robustness.calling import MeasuredModel
from dvplug_lab.robustness.cases import SHIFTS_OF, Case, find_cases
from dvplug_lab.robustness.counting import count_all, gq_bands
from dvplug_lab.robustness.flow_reads import RATES, make_flow_set, panel_qualities
from dvplug_lab.robustness.found import AS_IS, ReadsMeasured, Robustness
from dvplug_lab.robustness.page import errors_text
from dvplug_lab.robustness.truth_free import Place, check_without_truth
from dvplug_lab.shifts.libraries import amplicons, dense
from dvplug_lab.training_reads.build import is_made

Part = Literal["shifts", "libraries", "flow", "truth-free"]
PARTS: tuple[Part, ...] = ("shifts", "libraries", "flow", "truth-free")
SPACINGS = (30, 40, 60, 110)
AMPLICONS, AMPLICON_DEPTHS = (150, 250, 400), (30, 60, 300, 3000)
CALLERS = (*PEERS, OURS)


@dataclass(frozen=True)
class RobustnessRun:
    """What is measured, and where.

    Attributes
    ----------
    model
        Folder of a model; None for the technology's own.
    out
        Keeps shifted reads and what other callers say of them.
    held_out
        Folder with the simulated read sets of `dvplug_lab.read_sets`, where they were made.
    sets
        Only these; by default all real ones of the technology, and those held out that are there.
    """

    tech: str
    model: Path | None
    out: Path
    shared: Path
    held_out: Path | None = None
    sets: Sequence[str] = ()
    parts: Sequence[Part] = PARTS
    workers: int = 2

    @cached_property
    def measured(self) -> MeasuredModel:
        """The model; raises ModelError when it is damaged."""
        return MeasuredModel.of(self.tech, self.model)

    def set_names(self) -> list[str]:
        """Return the sets to shift, as `find_set` takes them."""
        if self.sets:
            return list(self.sets)
        made = [
            str(self.held_out / chosen.name)
            for chosen in sets_of(self.tech)
            if self.held_out and chosen.held_out and is_made(chosen, self.held_out)
        ]
        return [*real_sets(self.tech), *hard_sets(self.tech), *made]


def measure_robustness(run: RobustnessRun) -> Robustness:
    """Measure everything that a run asks for; raises InputError for an unknown technology or absent data."""
    if run.tech not in SHIFTS_OF:
        raise InputError(
            f"there are no shifts for '{run.tech}'", repair=f"Choose one of {', '.join(SHIFTS_OF)}."
        )
    commands.require(*PEERS)
    found = Robustness(run.tech, run.measured.label)
    if "shifts" in run.parts:
        _measure_shifts(run, found)
    if "libraries" in run.parts and PLATFORMS[run.tech] == "ILLUMINA":
        found.libraries += _measured(_library_cases(run), run)
    if "flow" in run.parts and run.tech == "ion":
        found.flow += _measured(_flow_cases(run), run)
    if "truth-free" in run.parts:
        found.truth_free += check_without_truth(run.tech, Place(run.shared, run.out, run.measured))
    return found


def _measure_shifts(run: RobustnessRun, found: Robustness) -> None:
    judged = []
    names = run.set_names()
    if not names:
        found.notes.append("No reads with a truth were at hand to be shifted.")
    for name in names:
        cases = list(find_cases(name, run.shared, run.tech, run.out, CALLERS, SHIFTS_OF[run.tech]))
        for one, calls in count_all(cases, run.measured, run.workers):
            _tell(one)
            found.shifted.append(one)
            judged += calls if one.reads == AS_IS else []
    found.gq += gq_bands(judged)


def _measured(cases: Iterable[Case], run: RobustnessRun) -> Iterator[ReadsMeasured]:
    for one, _ in count_all(list(cases), run.measured, run.workers):
        _tell(one)
        yield one


def _tell(one: ReadsMeasured) -> None:
    info(f"{one.set}, {one.reads}: " + ", ".join(f"{who} {errors_text(e)}" for who, e in one.errors.items()))


def _library_cases(run: RobustnessRun) -> Iterator[Case]:
    """Yield libraries with crowded SNPs and of amplicons, made where they are not there."""
    fasta = _extra(run)
    for spacing in SPACINGS:
        place = run.out / f"dense{spacing}"
        if not (place / "reads.bam.bai").exists():
            dense(place, fasta, spacing)
        yield _plain_case(run, place, f"a SNP every {spacing} bp", ("bcftools", OURS))
    for length in AMPLICONS:
        for depth in AMPLICON_DEPTHS:
            place = run.out / f"amplicons{length}_{depth}x"
            if not (place / "reads.bam.bai").exists():
                amplicons(place, fasta, length, depth)
            yield _plain_case(run, place, f"amplicons of {length} bp, {depth} reads", ("bcftools", OURS))


def _flow_cases(run: RobustnessRun) -> Iterator[Case]:
    """Yield flow reads at each rate of errors, with either kind of qualities."""
    fasta, panel = _extra(run), panel_qualities(run.shared)
    for rate in RATES:
        for whose, qualities in (("own", []), ("real", panel)):
            place = run.out / f"flow_{whose}_{rate:g}"
            if not (place / "reads.bam.bai").exists():
                shutil.rmtree(place, ignore_errors=True)
                make_flow_set(place, fasta, rate, qualities)
            yield _plain_case(run, place, f"{100 * rate:g} % of flows wrong, {whose} qualities", CALLERS)


def _plain_case(run: RobustnessRun, place: Path, name: str, callers: Sequence[str]) -> Case:
    chosen = replace(find_set(str(place), run.shared, run.tech), name=name)
    full = mean_depth(chosen.reads, confident_regions(chosen))
    return Case(chosen, chosen, full, AS_IS, place / run.tech, callers)


def _extra(run: RobustnessRun) -> Path:
    fasta = run.shared / EXTRA
    if not fasta.is_file():
        raise InputError(f"{fasta} is missing", repair="Say with --shared where it is.")
    return fasta
