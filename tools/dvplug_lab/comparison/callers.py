"""Run all callers on the same reads and regions, at several depths, and judge them by the same truth."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pysam

from dvplug.errors import InputError
from dvplug.evaluate import evaluate
from dvplug.evaluate.judged import calibration, precision_recall, read_judged, strata
from dvplug.genome.reference import Reference
from dvplug.line.region import Region
from dvplug.system.console import info, warn
from dvplug_lab import commands
from dvplug_lab.comparison import peers
from dvplug_lab.comparison.candidates import count_candidates
from dvplug_lab.comparison.compared import OURS, PEERS, Compared, check_with_vcfeval, report
from dvplug_lab.comparison.errors import depth_at, explain
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


@dataclass(frozen=True)
class CallerComparison:
    """What is compared, and how.

    Attributes
    ----------
    tech
        Technology of the reads of folders, whose real sets are taken where none are named.
    callers
        Which of bcftools, freebayes and dvplug to run.
    thin
        Mean depths to thin the reads to, beside the full depth; 0 for none.
    model
        Model of dvplug, in place of the technology's own.
    workers
        Worker processes of dvplug; the peers run so many regions at a time.
    """

    tech: str
    callers: Sequence[str] = (*PEERS, OURS)
    thin: Sequence[float] = (15.0,)
    model: str | None = None
    workers: int = 1

    def run(self, sets: Sequence[str], shared: Path, out: Path | None) -> list[Compared]:
        """Run the callers on real sets or folders (see `find_set`); prints what is found, set by set.

        VCFs are kept in ``out`` where it is given, and peers are not run again where theirs lie there and are newer
        than the reads.
        """
        unknown = sorted({*self.callers} - {*PEERS, OURS})
        if unknown:
            raise InputError(f"'{unknown[0]}' is no caller that this script runs")
        commands.require(*(caller for caller in PEERS if caller in self.callers))
        found, results = [find_set(name, shared, self.tech) for name in sets or real_sets(self.tech)], []
        with TemporaryDirectory(prefix="compare-callers-") as temporary:
            folder = out or Path(temporary)
            for chosen in (as_long_as_aligned(chosen, folder) for chosen in found):
                for at_depth, depth in depths(chosen, self.thin, folder):
                    compared = Compared(at_depth.name, depth)
                    for caller in self.callers:
                        place = folder / at_depth.name
                        run_caller(compared, at_depth, caller, place, self.model, self.workers)
                    results.append(compared)
                    report(compared)
                    if depth_is_full(at_depth, chosen):
                        check_with_vcfeval(compared, shared / "oracle" / "vcfeval_counts.tsv")
        return results


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
        commands.run(command)
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
            commands.run(peers.bcftools(plain, chosen.reads, part, [region], chosen.tech))
        else:
            commands.run(
                peers.freebayes(
                    plain, chosen.reads, part, [region], folder / f"called.{number}.bed", chosen.tech
                )
            )
        return part

    with ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(call, range(len(where)), where))
    whole = folder / f"{caller}.whole.vcf.gz"
    commands.run([["bcftools", "concat", "-Oz", "-o", str(whole), *map(str, parts)]])
    whole.rename(calls)
    for part in parts:
        part.unlink()
