"""Measure the model of a plugin of its own on worlds that it was never trained on, beside other callers.

The reads are drawn by the numbers, or the profile, that the model was trained by; the contigs and the seed are others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.errors import InputError
from dvplug.evaluate import ClassCounts, Evaluation, evaluate
from dvplug.evaluate.evaluation import Also
from dvplug.genome.reference import Reference
from dvplug.line.region import Region
from dvplug.models import load_model
from dvplug.plugins.loading import installed_plugins
from dvplug.simulate.stated import read_profile
from dvplug.simulate.world import World
from dvplug.system.console import info
from dvplug.train.simulated import (
    BASES,
    OwnWorldPlan,
    WorldInputs,
    WorldSettings,
    make_world,
    plan_worlds,
)
from dvplug_lab import commands
from dvplug_lab.comparison.compared import PEERS
from dvplug_lab.comparison.peers import bcftools, dvplug, freebayes
from dvplug_lab.comparison.sets import NOT_COUNTED, stretches

WorldKind = Literal["ordinary", "crowded"]
KINDS: tuple[WorldKind, ...] = ("ordinary", "crowded")
"""A genome that varies as a human one, and one with stretches in which variants crowd."""
SEED = 977
LONG_RUN = 12
"""bp of homopolymers from which on no sequencer that misreads lengths can be relied on."""
SURE_MAPPING, WINDOW = 30.0, 100
"""Mean mapping quality from which on the reads of a window, of so many bp, count as placed surely."""
ELSEWHERE = "elsewhere"
MOST_DRAWN = 200
"""Worlds that are looked at until one of a kind is found."""


@dataclass(frozen=True)
class PluginMeasures:
    """What is measured, and on what.

    Attributes
    ----------
    technology
        As `dvplug plugins list` names it.
    profile
        How its reads err, learnt (.npz) or stated (.json).
    genome
        FASTA, indexed.
    contigs
        Of it, those that the model was not trained on.
    borrowed
        Other technologies whose models would be taken without this one.
    peers
        Of bcftools and freebayes. On 2 Mb of long reads with 2 % errors freebayes takes 18 CPU minutes.
    megabases, depth
        Of an ordinary world. A crowded one is smaller: it has about as many variants.
    seed
        Another than that of the training.
    workers
        Of dvplug, and threads of the aligner.
    """

    technology: str
    profile: Path
    genome: Path
    contigs: tuple[str, ...]
    borrowed: tuple[str, ...] = ()
    peers: tuple[str, ...] = PEERS
    kinds: tuple[WorldKind, ...] = KINDS
    megabases: float = 2.0
    depth: float = 30.0
    seed: int = SEED
    workers: int = 1

    def measure(self, folder: Path) -> str:
        """Return the table of errors, as Markdown; worlds and calls that lie in the folder are taken as they are.

        Raises
        ------
        DvplugError
            The model was trained on one of the contigs, or a program is absent or fails.
        """
        commands.require(*self.peers)
        require_held_out(self.technology, self.contigs)
        callers = (self.technology, *self.peers, *self.borrowed)
        heads = [f"`{self.technology}`", *self.peers, *(f"the model of `{name}`" for name in self.borrowed)]
        lines = [f"| | {' | '.join(heads)} | of the better of {' and '.join(self.peers)} |"]
        lines.append(f"|---|{'---|' * (len(callers) + 1)}")
        with Reference.open(self.genome) as genome:
            plan = self._plan(genome)
            for kind in self.kinds:
                number, world = find_world(plan, kind)
                place = folder / f"{kind}_{number:03d}"
                folder.mkdir(parents=True, exist_ok=True)
                make_world(plan, genome, number, place)
                found = {caller: self._errors_of(caller, place) for caller in callers}
                lines += rows(world, place, found, len(self.peers))
                info(lines[-2])
        return "\n".join(lines)

    def _plan(self, genome: Reference) -> OwnWorldPlan:
        settings = WorldSettings(
            scale=self.megabases * 1e6 * self.depth / BASES,
            depths=(self.depth, self.depth),
            contigs=self.contigs,
            seed=self.seed,
        ).resolved()
        return plan_worlds(
            read_profile(self.profile), WorldInputs(self.genome), settings, genome, self.workers
        )

    def _errors_of(self, caller: str, place: Path) -> Evaluation:
        """Call a world, unless its calls are there, and count."""
        calls, reference, reads = place / f"{caller}.vcf.gz", place / "ref.fa", place / "reads.bam"
        known = known_regions(place)
        if not calls.exists():
            info(f"{place.name}: {caller}")
            part = place / f"{caller}.part.vcf.gz"
            with Reference.open(reference) as opened:
                where = stretches(known, opened.lengths)
            if caller == "bcftools":
                pipeline = bcftools(reference, reads, part, where, self.technology)
            elif caller == "freebayes":
                targets = place / "called.bed"
                pipeline = freebayes(reference, reads, part, where, targets, self.technology)
            else:
                pipeline = dvplug(caller, reference, reads, part, where, workers=self.workers)
            commands.run(pipeline)
            part.rename(calls)
        return evaluate(
            place / "truth.vcf.gz", calls, known_bed(place), reference, also=Also(strata=easier_strata(place))
        )


def require_held_out(technology: str, contigs: tuple[str, ...]) -> None:
    """Raise InputError unless the model's manifest says that it was not trained on these contigs."""
    plugins = installed_plugins()
    manifest = load_model(plugins, plugins.technology(technology).model).manifest
    text = manifest.training.held_out
    trained = re.split(r"[,;\s]+", text.partition("contigs other than ")[2])
    known = [contig for contig in contigs if contig in trained]
    if known or not any(trained):
        raise InputError(
            f"{manifest.label} may have been trained on {', '.join(known or contigs)}",
            cause=f"held out was: {text}",
            repair="Train with --contigs, and name others here.",
        )


def find_world(plan: OwnWorldPlan, kind: WorldKind) -> tuple[int, World]:
    """Return the first world of a kind whose reads are as those of the profile; none is simulated for that."""
    for number in range(0, MOST_DRAWN, 2):
        world = plan.world(number)
        if is_of(world, kind):
            return number, world
    raise InputError(f"none of {MOST_DRAWN} worlds is {kind}", repair="Take another --seed.")


def is_of(world: World, kind: WorldKind) -> bool:
    """Whether the person of a world is of a kind."""
    share = world.person.dense_share
    return share == 0 if kind == "ordinary" else 0.1 < share < 1


def known_bed(place: Path) -> Path:
    """Return a BED of all of a world's sequence in which the truth is known: nothing of it was trained or tuned on."""
    known = place / "known.bed"
    if not known.exists():
        lines = [
            line
            for name in ("confident.bed", "tune.bed")
            for line in (place / name).read_text().splitlines(keepends=True)
        ]
        known.write_text("".join(sorted(lines, key=lambda line: (line.split()[0], int(line.split()[1])))))
    return known


def known_regions(place: Path) -> list[Region]:
    """Return what `known_bed` holds."""
    fields = (line.split() for line in known_bed(place).read_text().splitlines())
    return [Region(contig, int(start), int(end)) for contig, start, end, *_ in fields]


def easier_strata(place: Path) -> Path:
    """Return a list of one stratum: where reads are placed surely, and homopolymers are shorter than `LONG_RUN`."""
    strata, bed = place / "strata.tsv", place / "elsewhere.bed"
    if not strata.exists():
        with (
            Reference.open(place / "ref.fa") as reference,
            pysam.AlignmentFile(str(place / "reads.bam")) as reads,
            bed.open("w") as out,
        ):
            for contig, length in reference.lengths.items():
                hard = in_long_runs(reference.codes(contig, 0, length))
                hard |= placed_unsurely(reads, contig, length)
                edges = np.flatnonzero(np.diff(np.concatenate(([1], hard, [1])).astype(np.int8)))
                out.writelines(f"{contig}\t{start}\t{end}\n" for start, end in edges.reshape(-1, 2))
        strata.write_text(f"{ELSEWHERE}\t{bed.name}\n")
    return strata


def in_long_runs(codes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell of each base of uint8[bp] whether it lies in a homopolymer of `LONG_RUN` bp or more, or beside one."""
    edges = np.concatenate(([0], np.flatnonzero(np.diff(codes)) + 1, [len(codes)]))
    found = np.zeros(len(codes), bool)
    for start, end in pairwise(edges):
        if end - start >= LONG_RUN:
            found[max(start - 1, 0) : end + 1] = True
    return found


def placed_unsurely(reads: pysam.AlignmentFile, contig: str, length: int) -> NDArray[np.bool_]:
    """Tell of each base whether the mean mapping quality of the reads in its window is below `SURE_MAPPING`."""
    windows = length // WINDOW + 1
    count, quality = np.zeros(windows + 1), np.zeros(windows + 1)
    for read in reads.fetch(contig):
        if not read.flag & NOT_COUNTED:
            first, last = read.reference_start // WINDOW, (read.reference_end or 0) // WINDOW + 1
            for sums, value in ((count, 1), (quality, read.mapping_quality)):
                sums[first] += value
                sums[min(last, windows)] -= value
    mean = np.cumsum(quality)[:-1] / np.maximum(np.cumsum(count)[:-1], 1)
    return np.repeat(mean < SURE_MAPPING, WINDOW)[:length]


def rows(world: World, place: Path, found: dict[str, Evaluation], peers: int) -> Iterator[str]:
    """Write the lines of a world: false/missed SNPs; false/missed indels (all): everywhere, and in the easier part.

    ``found`` is of the plugin's technology first, then of so many peers, then of others.
    """
    known = sum(region.end - region.start for region in known_regions(place)) / 1e6
    crowded = f", of which {world.person.dense_share:.0%} is crowded" if world.person.dense_share else ""
    whole = {name: (each.snp, each.indel) for name, each in found.items()}
    easier = {
        name: (each.strata[ELSEWHERE].counts("SNP"), each.strata[ELSEWHERE].counts("INDEL"))
        for name, each in found.items()
    }
    yield _row(f"{known:.2f} Mb{crowded}; {world.mapping.aligner}", whole, peers)
    yield _row(f"of it, homopolymers below {LONG_RUN} bp where reads are placed surely", easier, peers)


def _row(about: str, found: dict[str, tuple[ClassCounts, ClassCounts]], peers: int) -> str:
    ours, *others = found.values()
    snps, indels = (counts.tp_truth + counts.fn for counts in ours)
    cells = [
        f"{_pair(snp)}; {_pair(indel)} ({_errors(snp) + _errors(indel):,})" for snp, indel in found.values()
    ]
    better = others[:peers]
    of_snps, of_indels = (
        _share(_errors(ours[kind]), min(_errors(each[kind]) for each in better)) for kind in (0, 1)
    )
    shares = f"SNPs {of_snps}, indels {of_indels}"
    return f"| {about}: {snps:,} SNPs, {indels:,} indels | {' | '.join(cells)} | {shares} |"


def _errors(counts: ClassCounts) -> int:
    return counts.fp + counts.fn


def _pair(counts: ClassCounts) -> str:
    return f"{counts.fp}/{counts.fn}"


def _share(ours: int, theirs: int) -> str:
    return f"{ours / theirs:.2f}" if theirs else "-"


def describe(measures: PluginMeasures) -> Iterator[str]:
    """Say in lines how the figures were made."""
    yield "Errors: false/missed SNPs; false/missed indels (together)."
    yield f"{measures.depth:g}x; contigs {', '.join(measures.contigs)}; seed {measures.seed}."
