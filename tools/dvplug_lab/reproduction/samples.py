"""Samples of known genomes: Illumina reads simulated of two haplotypes at an even depth, mapped, with their truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.genome.bed import read_bed
from dvplug.simulate.depths import SHOULDER, DepthBlocks, ripple
from dvplug.simulate.genome import Codes, known_intervals, write_bed, write_fasta
from dvplug.simulate.learn.profile import Profile
from dvplug.simulate.mapping import Mapper, mapping
from dvplug.simulate.sample import duplicated, subtract
from dvplug.simulate.variants import PhasedVariant, write_truth
from dvplug_lab.read_sets import PLATFORMS, SETS, ReadSet
from dvplug_lab.training_reads.build import profile_of, sequence
from dvplug_lab.training_reads.plans import Plan, ends, not_sequenced

DEPTH = 30.0
RECIPE = next(one for one in SETS if one.name == "illumina_held_out")
"""The reads of the model card's figures. Its seed says how places err, alike in all reads of a genome."""
Variants = Mapping[str, list[PhasedVariant]]


@dataclass(frozen=True)
class Genome:
    """A genome on disk: its reference, what is true of the sample, and where that counts."""

    folder: Path
    contigs: Mapping[str, Codes]
    variants: Variants

    @property
    def reference(self) -> Path:
        """FASTA."""
        return self.folder / "ref.fa"

    @property
    def truth(self) -> Path:
        """VCF."""
        return self.folder / "truth.vcf.gz"

    @property
    def confident(self) -> Path:
        """BED."""
        return self.folder / "confident.bed"


def write_genome(
    folder: Path,
    contigs: Mapping[str, Codes],
    variants: Variants,
    confident: Sequence[tuple[str, int, int]] | None = None,
) -> Genome:
    """Write reference, truth and confident regions; by default all that is known, not duplicated, and off the ends."""
    folder.mkdir(parents=True, exist_ok=True)
    found, lengths = Genome(folder, contigs, variants), {name: len(codes) for name, codes in contigs.items()}
    write_fasta(found.reference, dict(contigs))
    write_truth(found.truth, dict(variants), lengths, "sample")
    if confident is None:
        known = [one for name, codes in contigs.items() for one in known_intervals(name, codes)]
        confident = subtract(known, duplicated(dict(contigs)) + ends(lengths))
    write_bed(found.confident, list(confident))
    return found


class _All:
    """Several mappers that are given the same reads."""

    def __init__(self, mappers: Sequence[Mapper]) -> None:
        self.mappers = mappers

    def write(self, text: NDArray[np.uint8]) -> None:
        for mapper in self.mappers:
            mapper.write(text)

    def close(self) -> None:
        raise AssertionError("each is closed by itself")

    abandon = close


@dataclass(frozen=True)
class Reads:
    """What reads are made: their errors, and how deep they are."""

    recipe: ReadSet = RECIPE
    depth: float = DEPTH
    blocks: Callable[[int, np.random.Generator], DepthBlocks] | None = None
    """Of a contig of so many bp, where not all of it is as deep."""

    def plan(self, length: int, rng: np.random.Generator) -> Plan:
        """How deep a contig is sequenced."""
        even = DepthBlocks(np.array([0]), np.array([self.depth]))
        blocks = self.blocks(length, rng) if self.blocks else even
        return Plan(blocks, ripple(length, rng))


AS_OF_THE_CARDS = Reads()


class Sequenced(NamedTuple):
    """How deep each contig was sequenced; and bp by which reads lie behind where fragments begin, of captures."""

    plans: Mapping[str, Plan]
    shift: int


def sequenced(
    genome: Genome,
    to: Mapping[Path, Path],
    shared: Path,
    work: Path,
    *,
    seed: int,
    threads: int,
    reads: Reads = AS_OF_THE_CARDS,
) -> Sequenced:
    """Sequence a genome, by default to `DEPTH` with the errors of real HiSeq X reads, and map these.

    Parameters
    ----------
    to
        BAM to write, by the reference that the reads are mapped to.
    work
        Where the profile of the real reads is kept.
    seed
        Of the reads.
    """
    rng, recipe = np.random.default_rng(seed), reads.recipe
    profile = profile_of(shared, work, recipe)
    if isinstance(profile, Profile):
        profile = profile.scaled(
            clip=recipe.clip_factor, indel=recipe.indel_factor, copies=recipe.copies_factor, rng=rng
        )
    plans = {name: reads.plan(len(codes), rng) for name, codes in genome.contigs.items()}
    copies = {name: (codes, genome.variants[name]) for name, codes in genome.contigs.items()}
    platform = PLATFORMS[recipe.technology]
    with ExitStack() as open_ones:
        mappers = [
            open_ones.enter_context(mapping(recipe.aligner, reference, bam, "sample", platform, threads))
            for reference, bam in to.items()
        ]
        sequence(_All(mappers), profile, recipe, copies, plans, rng)
    half = int(profile.fragment.mean()) // 2 if isinstance(profile, Profile) else 0
    return Sequenced(plans, half if reads.blocks else 0)


def write_targets(genome: Genome, made: Sequenced, out: Path) -> None:
    """Write where a genome counts that was not sequenced everywhere: its targets, without their shoulders."""
    lengths = {name: len(codes) for name, codes in genome.contigs.items()}
    without = [
        hole
        for name, n in lengths.items()
        for hole in not_sequenced(name, n, made.plans[name], SHOULDER, made.shift)
    ]
    whole: list[tuple[str, int, int]] = [*read_bed(genome.confident, lengths)]
    write_bed(out, subtract(whole, without))
