"""Sets of labelled reads of a user's genome: worlds, made one after another, which go on where they were stopped."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field

from dvplug.errors import DvplugError, InputError, Problems
from dvplug.genome.reference import Reference
from dvplug.simulate.drawn_variants import VariantModel
from dvplug.simulate.learn.context import ContextProfile
from dvplug.simulate.learn.reads import LearntReads
from dvplug.simulate.mapping import require_programs
from dvplug.simulate.own_worlds import is_as_learnt, own_world, ranges_for
from dvplug.simulate.stated import read_profile
from dvplug.simulate.world import Library, World, Worlds
from dvplug.simulate.world_ranges import bases_of, kind_of
from dvplug.simulate.world_reads import WorldRun, write_world
from dvplug.system import console
from dvplug.system.workers import require_processes
from dvplug.technology import Frozen
from dvplug.train.begun import Begun, remove_parts
from dvplug.train.world_genome import Piece, draw_person, draw_pieces, pieces_of, stretch_of, variant_model
from dvplug_registry.files import whole_folder

Program = Literal["bwa", "minimap2", "hisat2"]
PROGRAMS: tuple[Program, ...] = ("bwa", "minimap2", "hisat2")
BASES = 30_000_000.0
"""Of the reads of an ordinary world."""
_SEEDS = 10_000  # worlds of one seed of the user


class WorldSettings(Frozen):
    """Which worlds are made."""

    worlds: int = Field(default=1, ge=1, le=_SEEDS)
    scale: float = Field(default=1.0, gt=0, description="times the usual number of reads in each")
    libraries: tuple[Library, ...] = ("whole",)
    depths: tuple[float, float] | None = None
    programs: tuple[Program, ...] = Field(
        default=(), description="aligners; those that are there where none is named"
    )
    contigs: tuple[str, ...] = Field(default=(), description="of the genome; all where none is named")
    seed: int = Field(default=1, ge=0, lt=1 << 32)

    def resolved(self) -> WorldSettings:
        """Return them with the aligners that are there; raises DvplugError where none is, or a depth makes no sense."""
        if self.depths and not 1 <= self.depths[0] <= self.depths[1]:
            low, high = self.depths
            raise InputError(
                f"--depths {low:g} {high:g}", repair="Give two numbers from 1 on, the lower one first."
            )
        if self.programs:
            require_programs([_aligner_of(program) for program in self.programs])
            return self
        there = tuple(program for program in PROGRAMS if shutil.which(program))
        if not there or not shutil.which("samtools"):
            absent = [
                *(["bwa or minimap2"] if not there else []),
                *([] if shutil.which("samtools") else ["samtools"]),
            ]
            raise DvplugError(
                f"{' and '.join(absent)} cannot be found",
                cause="simulated reads are mapped and sorted with them",
                repair="Install them: apt-get install bwa minimap2 samtools, or from bioconda.",
            )
        return self.model_copy(update={"programs": there})


def _aligner_of(program: Program) -> Literal["bwa-mem", "sr", "hisat2"]:
    return "hisat2" if program == "hisat2" else "bwa-mem" if program == "bwa" else "sr"


class WorldInputs(NamedTuple):
    """The genome of a user, and how it varies where that is known."""

    genome: Path
    truth: Path | None = None
    confident: Path | None = None


class OwnWorldPlan(NamedTuple):
    """All that the worlds of a run have in common."""

    learnt: LearntReads
    settings: WorldSettings
    ranges: Worlds
    pieces: list[Piece]
    model: VariantModel
    threads: int

    def seed_of(self, number: int) -> int:
        """Return the seed of all that is drawn for one world."""
        return self.settings.seed * _SEEDS + number

    def world(self, number: int) -> World:
        """Draw what one world is like; nothing is simulated."""
        return own_world(self.ranges, self.learnt, self.seed_of(number), number)


def simulate_worlds(
    profile: Path, inputs: WorldInputs, settings: WorldSettings, out: Path, threads: int
) -> list[Path]:
    """Make a folder of worlds, and return theirs: ``world_000`` and so on.

    Each has ref.fa, reads.bam, truth.vcf.gz, confident.bed (to train on), tune.bed and world.json. They are gathered in
    ``<out>.unfinished``; the same call after an interruption goes on from there. The same seed gives the same worlds,
    with whatever number of threads.

    Raises
    ------
    DvplugError
        ``out`` exists, an input cannot be used, an aligner is absent or fails.
    """
    problems, learnt = Problems(), None
    with problems.collect():
        require_processes(threads, "--threads")
    with problems.collect():
        require_absent(out, "--out")
    with problems.collect():
        learnt = read_profile(profile)
    with problems.collect():
        settings = settings.resolved()
    problems.raise_all()
    assert learnt is not None
    begun = Begun.of(out.with_name(f"{out.name}.unfinished"), settings, (profile, *filter(None, inputs)))
    with Reference.open(inputs.genome) as genome:
        plan = plan_worlds(learnt, inputs, settings, genome, threads)
        begun.enter()
        for number in range(settings.worlds):
            make_world(plan, genome, number, begun.folder / f"world_{number:03d}")
    begun.folder.rename(out)
    return worlds_in(out)


def worlds_in(folder: Path) -> list[Path]:
    """Return the folders of the worlds in a set, in order."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name.startswith("world_"))


def require_absent(out: Path, option: str) -> None:
    """Raise InputError where an output exists already."""
    if out.exists():
        raise InputError(f"{option} {out} exists already", repair="Name another folder, or remove it.")


def plan_worlds(
    learnt: LearntReads, inputs: WorldInputs, settings: WorldSettings, genome: Reference, threads: int
) -> OwnWorldPlan:
    """Look at all that worlds need; raises DvplugError, or `ManyProblems`."""
    problems = Problems()
    ranges, pieces, model = None, None, None
    with problems.collect():
        ranges = ranges_for(learnt, settings.libraries, settings.depths, settings.programs)
    with problems.collect():
        longest = ranges.length_factors[1] if ranges else 1.0
        pieces = pieces_of(genome.lengths, settings.contigs, mean_length(learnt, longest))
    with problems.collect():
        model = variant_model(genome, inputs.truth, inputs.confident)
    problems.raise_all()
    assert ranges is not None
    assert pieces is not None
    assert model is not None
    return OwnWorldPlan(learnt, settings, ranges, pieces, model, threads)


def mean_length(learnt: LearntReads, factor: float = 1.0) -> float:
    """Mean bp of single reads that are ``factor`` times as long as those learnt from; 0 of pairs."""
    profile = learnt.profile
    return float(profile.length.mean()) * factor if isinstance(profile, ContextProfile) else 0.0


def make_world(plan: OwnWorldPlan, genome: Reference, number: int, folder: Path) -> None:
    """Make one world, unless it is there; raises DvplugError where a program that maps fails."""
    if folder.exists():
        return
    remove_parts(folder)
    seed = plan.seed_of(number)
    world = plan.world(number)
    console.info(f"world {number + 1} of {plan.settings.worlds}: {_described(world)}")
    rng = np.random.default_rng(seed)
    contigs = draw_pieces(plan.pieces, genome, rng)
    stretch = stretch_of(contigs, world, mean_length(plan.learnt, world.machine.length_factor))
    bases = bases_of(world, BASES * plan.settings.scale)
    noise = kind_of(plan.learnt.profile).noise
    own = is_as_learnt(number)
    run = WorldRun(folder.name, world, noise, bases, plan.learnt.platform, stretch, own)
    with whole_folder(folder) as made:
        person = draw_person(contigs, plan.model, world, rng)
        write_world(made, person, run, plan.learnt.profile, rng, plan.threads)
        with suppress(OSError):
            (made / "mapping.log").unlink()


def _described(world: World) -> str:
    library, machine = world.library, world.machine
    length = f", {machine.read_length} bp" if machine.paired else ""
    return f"{library.kind}, {library.depth:.0f}x{length}, mapped with {world.mapping.aligner}"
