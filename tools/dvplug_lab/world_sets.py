"""A wide world to train in: for each technology many small read sets, each a world of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from dvplug.simulate.locus_noise import LocusNoise
from dvplug.simulate.world import Library, World, Worlds, draw_world
from dvplug.simulate.world_ranges import (
    LONG,
    NOISY_LONG,
    PAIRS,
    SINGLE,
    ReadKind,
    bases_of,
    depth_range,
)
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
    even: bool = False
    """Only worlds whose alleles are about even, see `is_even`."""


def is_even(world: World) -> bool:
    """Whether few alleles of a world's heterozygotes have less than a third of the reads.

    With all worlds the network took errors that a fifth of real reads share for heterozygotes.
    """
    library = world.library
    return library.alt_share >= 0.42 and library.site_sd <= 0.08 and library.skewed_share <= 0.03


_B37 = "reference/b37.chr20_regions.fa.gz"
_PAIRED = (
    Source(HISEQX, HISEQX_NOISE, _B37),
    Source(HISEQ2000, HISEQ2000_NOISE, _B37),
    Source(EXOME, HISEQ2000_NOISE, _B37),
)


def _of_kinds(kind: ReadKind, *libraries: Library) -> Worlds:
    return kind.worlds.model_copy(update={"kinds": libraries})


PLANS: dict[str, WorldPlan] = {
    "illumina-wgs": WorldPlan(
        _of_kinds(PAIRS, "whole", "whole", "whole", "whole", "amplicons"),
        90, 60e6, 11_000, _PAIRED, even=True,
    ),
    "illumina-wes": WorldPlan(
        _of_kinds(PAIRS, "captured", "captured", "amplicons"),
        60, 60e6, 17_000, _PAIRED, even=True,
    ),
    "pacbio": WorldPlan(
        LONG.worlds,
        50, 60e6, 14_000, (Source(SEQUEL2, HIFI_NOISE, MAIN), Source(SEQUEL, HIFI_NOISE, MAIN)),
    ),
    "ont": WorldPlan(
        NOISY_LONG.worlds,
        40, 60e6, 15_000, (Source(R10_2022, R10_NOISE, MAIN), Source(R10_2024, R10_NOISE)),
    ),
    "ion": WorldPlan(
        _of_kinds(SINGLE, "whole", "amplicons"),
        50, 60e6, 16_000, (Source(PGM, PGM_NOISE),),
    ),
}  # fmt: skip


@cache
def worlds_of(technology: str) -> tuple[WorldSet, ...]:
    """Return the world sets of a technology: one half on chr20 with real genomes, one on other sequence."""
    plan = PLANS[technology]
    found = (_world_set(technology, plan, number) for number in range(plan.count))
    return tuple(chosen for chosen in found if not plan.even or is_even(chosen.world))


def _world_set(technology: str, plan: WorldPlan, number: int) -> WorldSet:
    seed = plan.seed + number
    world = draw_world(plan.worlds, seed)
    rng = np.random.default_rng([seed, 20])
    source = plan.sources[number // 2 % len(plan.sources)]
    real = number % 2 == 0
    some = sorted(rng.choice(EXTRA_CONTIGS, 3, replace=False).tolist())
    return WorldSet(
        f"{technology.replace('-', '_')}_world_{number:03d}",
        source.bam,
        MAIN if real else EXTRA,
        seed,
        source.noise,
        depths=depth_range(world),
        decoy_share=world.person.decoy_share,
        hidden_share=world.person.hidden_share,
        captured=world.library.kind == "captured",
        aligner=world.mapping.aligner,
        technology=technology,
        profile_fasta=source.fasta,
        world=world,
        contigs=("chr20",) if real else tuple(some),
        bases=bases_of(world, plan.bases),
    )


def scaled(chosen: ReadSet, scale: float) -> ReadSet:
    """Return a set with so much of the sequence that it is to cover."""
    if isinstance(chosen, WorldSet):
        return replace(chosen, bases=chosen.bases * scale)
    return replace(chosen, scale=chosen.scale * scale)
