"""A wide world to train in: for each technology many small read sets, each a world of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from dvplug.simulate.locus_noise import LocusNoise
from dvplug.simulate.world import World, Worlds, draw_world
from dvplug_lab.read_sets import (
    EXOME,
    EXTRA,
    HELD_OUT,
    HIFI_NOISE,
    HISEQ2000,
    HISEQ2000_NOISE,
    HISEQX,
    HISEQX_NOISE,
    MAIN,
    PGM,
    PGM_NOISE,
    R10_2022,
    R10_2024,
    R10_NOISE,
    SEQUEL,
    SEQUEL2,
    ReadSet,
)

EXTRA_CONTIGS = (
    "chr1_10M", "chr1_26M", "chr3_10M", "chr4_105M", "chr4_54M", "chr5_1M", "chr5_68M", "chr7_4M", "chr7_55M",
)  # fmt: skip
"""Contigs of `EXTRA` that may be trained on."""
assert not set(EXTRA_CONTIGS) & set(HELD_OUT)
MOST_COVERED = 2.5e6
MOST_CROWDED = 2_500
"""bp that a world covers at most, and examples of its first shard that are to be more than an ordinary genome has:
shallow worlds, and those whose genome differs everywhere, would else outnumber all others."""
USUAL_PER_BP = 0.0026
"""Examples per bp of an ordinary genome: variants and false candidates."""
AMPLICON_BASES = 2.0
"""Times more bases for a library of amplicons, which is deep."""


@dataclass(frozen=True)
class WorldSet(ReadSet):
    """One folder of reads of a world."""

    world: World = field(kw_only=True)
    contigs: tuple[str, ...] = field(kw_only=True)
    """Of ``fasta``: what is mapped to, and where stretches are sequenced."""
    bases: float = field(kw_only=True)
    """Of all reads together: the deeper, the less sequence is covered."""


@dataclass(frozen=True)
class Source:
    """Real reads that a machine is learnt from."""

    bam: str
    noise: LocusNoise
    fasta: str | None = None


@dataclass(frozen=True)
class WorldPlan:
    """The worlds of a technology: how many, of how many bases, from which ranges and machines."""

    worlds: Worlds
    count: int
    bases: float
    seed: int
    sources: tuple[Source, ...]


_B37 = "reference/b37.chr20_regions.fa.gz"
_PAIRED = (
    Source(HISEQX, HISEQX_NOISE, _B37),
    Source(HISEQ2000, HISEQ2000_NOISE, _B37),
    Source(EXOME, HISEQ2000_NOISE, _B37),
)
PLANS: dict[str, WorldPlan] = {
    "illumina-wgs": WorldPlan(
        Worlds(
            kinds=("whole", "whole", "whole", "whole", "amplicons"),
            depths=(5.0, 300.0),
            single_p=0.25,
            pair_aligners=("bwa-mem", "bwa-mem", "sr", "sr", "bwa-aln"),
            single_aligners=("bwa-mem-single", "sr"),
        ),
        90, 60e6, 11_000, _PAIRED,
    ),
    "illumina-wes": WorldPlan(
        Worlds(
            kinds=("captured", "captured", "amplicons"),
            depths=(5.0, 300.0),
            single_p=0.25,
            pair_aligners=("bwa-mem", "bwa-mem", "sr", "sr", "bwa-aln"),
            single_aligners=("bwa-mem-single", "sr"),
        ),
        60, 60e6, 17_000, _PAIRED,
    ),
    "pacbio": WorldPlan(
        Worlds(
            depths=(5.0, 150.0),
            single_p=1.0,
            length_factors=(0.3, 1.5),
            single_aligners=("map-hifi",),
            duplicates=(0.002, 0.05),
        ),
        50, 60e6, 14_000, (Source(SEQUEL2, HIFI_NOISE, MAIN), Source(SEQUEL, HIFI_NOISE, MAIN)),
    ),
    "ont": WorldPlan(
        Worlds(
            depths=(5.0, 150.0),
            single_p=1.0,
            length_factors=(0.2, 2.0),
            run_factors=(0.3, 2.0),
            other_factors=(0.4, 2.0),
            single_aligners=("map-ont",),
            duplicates=(0.002, 0.05),
        ),
        40, 60e6, 15_000, (Source(R10_2022, R10_NOISE, MAIN), Source(R10_2024, R10_NOISE)),
    ),
    "ion": WorldPlan(
        Worlds(
            kinds=("whole", "amplicons"),
            depths=(5.0, 300.0),
            single_p=1.0,
            length_factors=(0.5, 2.3),
            run_factors=(0.3, 2.0),
            single_aligners=("bwa-mem-single", "sr"),
        ),
        50, 60e6, 16_000, (Source(PGM, PGM_NOISE),),
    ),
}  # fmt: skip


def examples_per_bp(world: World) -> float:
    """Return about how many candidates a world has per bp that is covered."""
    return USUAL_PER_BP + crowded_per_bp(world)


def crowded_per_bp(world: World) -> float:
    """Return about how many of them are of stretches where variants crowd."""
    low, high = world.person.dense_spacing
    return world.person.dense_share / float(np.sqrt(low * high))


@cache
def worlds_of(technology: str) -> tuple[WorldSet, ...]:
    """Return the world sets of a technology: one half on chr20 with real genomes, one on other sequence."""
    plan = PLANS[technology]
    return tuple(_world_set(technology, plan, number) for number in range(plan.count))


def _world_set(technology: str, plan: WorldPlan, number: int) -> WorldSet:
    seed = plan.seed + number
    world = draw_world(plan.worlds, seed)
    rng = np.random.default_rng([seed, 20])
    source = plan.sources[number // 2 % len(plan.sources)]
    real = number % 2 == 0
    some = sorted(rng.choice(EXTRA_CONTIGS, 3, replace=False).tolist())
    depth = world.library.depth
    return WorldSet(
        f"{technology.replace('-', '_')}_world_{number:03d}",
        source.bam,
        MAIN if real else EXTRA,
        seed,
        source.noise,
        depths=(max(depth / 1.6, 3.0), depth * 1.6),
        decoy_share=world.person.decoy_share,
        hidden_share=world.person.hidden_share,
        captured=world.library.kind == "captured",
        aligner=world.mapping.aligner,
        technology=technology,
        profile_fasta=source.fasta,
        world=world,
        contigs=("chr20",) if real else tuple(some),
        bases=min(
            plan.bases * (AMPLICON_BASES if world.library.kind == "amplicons" else 1.0),
            depth * min(MOST_COVERED, MOST_CROWDED / max(crowded_per_bp(world), 1e-9)),
        ),
    )


def scaled(chosen: ReadSet, scale: float) -> ReadSet:
    """Return a set with so much of the sequence that it is to cover."""
    if isinstance(chosen, WorldSet):
        return replace(chosen, bases=chosen.bases * scale)
    return replace(chosen, scale=chosen.scale * scale)
