"""From which ranges worlds are drawn for the reads at hand, and how much of a genome each covers.

There is one `ReadKind` for each way in which reads are made and mapped; which one reads are of, `kind_of` tells from
their profile.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dvplug.simulate.learn.context import ContextProfile
from dvplug.simulate.learn.profile import Profile
from dvplug.simulate.locus_noise import LocusNoise
from dvplug.simulate.world import Range, World, Worlds

MOST_COVERED = 2.5e6
MOST_CROWDED = 500
"""bp that a world covers at most, and examples of its first shard that are to be more than an ordinary genome has:
shallow worlds, and those whose genome differs everywhere, would else outnumber all others, and a network would take
what mismapped copies share for variants that crowd."""
USUAL_PER_BP = 0.0026
"""Examples per bp of an ordinary genome: variants and false candidates."""
AMPLICON_BASES = 2.0
"""Times more bases for a library of amplicons, which is deep."""
LONG_MEAN = 1_000
"""Mean bp of single reads from which on they are mapped as long ones."""
NOISY_ERROR = 0.008
"""Errors per base from which on long reads are mapped as noisy ones: HiFi reads have .001 to .004, R10.4.1 simplex
reads of super-accuracy basecalls .01 to .02."""


class ReadKind(NamedTuple):
    """How reads of one kind are drawn.

    Attributes
    ----------
    worlds
        Ranges.
    noise
        How places differ where nothing is known of the machine; each world draws much of that anew.
    """

    worlds: Worlds
    noise: LocusNoise


_SHORT_DEPTHS, _LONG_DEPTHS = (5.0, 300.0), (5.0, 150.0)
_EVEN: dict[str, Range] = {
    "alt_shares": (0.42, 0.54),
    "site_sds": (0.01, 0.08),
    "skewed_shares": (0.002, 0.02),
}
_MORE_EVEN: dict[str, Range] = {
    "alt_shares": (0.45, 0.52),
    "site_sds": (0.005, 0.05),
    "skewed_shares": (0.001, 0.01),
}
"""Where more sites are skewed, a network takes every allele of a fifth of the reads for a heterozygote."""
PAIRS = ReadKind(
    Worlds(
        depths=_SHORT_DEPTHS,
        single_p=0.25,
        pair_aligners=("bwa-mem", "bwa-mem", "sr", "sr", "bwa-aln"),
        single_aligners=("bwa-mem-single", "sr"),
    ),
    LocusNoise(indel_sd=1.2, site_p=0.002, site_median=0.03, site_sd=1.3),
)
"""Short reads in pairs; noise as of HiSeq 2000."""
SINGLE = ReadKind(
    Worlds(
        depths=_SHORT_DEPTHS,
        single_p=1.0,
        length_factors=(0.5, 2.3),
        run_factors=(0.3, 2.0),
        single_aligners=("bwa-mem-single", "sr"),
        **_EVEN,
    ),
    LocusNoise(indel_sd=0.8, site_p=0.001, site_median=0.03),
)
"""Short single reads; noise as of an Ion Torrent PGM."""
LONG = ReadKind(
    Worlds(
        depths=_LONG_DEPTHS,
        single_p=1.0,
        length_factors=(0.3, 1.5),
        single_aligners=("map-hifi",),
        duplicates=(0.002, 0.05),
        **_MORE_EVEN,
    ),
    LocusNoise(indel_sd=0.8, site_p=0.0003, site_median=0.02),
)
"""Long reads that hardly err; noise as of PacBio HiFi."""
NOISY_LONG = ReadKind(
    Worlds(
        depths=_LONG_DEPTHS,
        single_p=1.0,
        length_factors=(0.2, 2.0),
        run_factors=(0.3, 2.0),
        other_factors=(0.4, 2.0),
        single_aligners=("map-ont",),
        duplicates=(0.002, 0.05),
        **_MORE_EVEN,
    ),
    # A tilt of 0.15 is the likeliest for the lengths that real R10.4.1 reads show of homozygous runs.
    LocusNoise(indel_sd=0.8, site_p=0.004, site_median=0.05, tilt_sd=0.15),
)
"""Long reads that err more often; noise as of ONT R10.4.1."""


def kind_of(profile: Profile | ContextProfile) -> ReadKind:
    """Tell of which kind the reads of a profile are."""
    if isinstance(profile, Profile):
        return PAIRS
    if profile.length.mean() < LONG_MEAN:
        return SINGLE
    return NOISY_LONG if error_rate(profile) >= NOISY_ERROR else LONG


def error_rate(profile: ContextProfile) -> float:
    """Return how many errors single reads have per base, those of homopolymers of 5 bp and more left out."""
    share = np.bincount(profile.read_class, profile.length, len(profile.substitution_p)).astype(float)
    share /= share.sum()
    unchanged = np.diff(profile.run_change, axis=-1, prepend=0.0)[..., profile.run_change.shape[-1] // 2]
    # In random sequence 9 bases of 16 are homopolymers of one, 18 of 64 of two, 27 of 256 of three.
    runs = sum(
        (1 - unchanged[:, :, n].mean(axis=1)) * (3 / 4) ** 2 / 4 ** (n - 1) for n in range(1, 5)
    )  # misread runs per base
    colours = profile.colour_p / profile.colour_mended_p
    per_class = profile.substitution_p + colours + profile.insertion_p + profile.deletion_p + runs
    return float((share * per_class).sum())


def depth_range(world: World) -> Range:
    """Depths of the stretches of a world's genome, around the library's."""
    depth = world.library.depth
    return max(depth / 1.6, 3.0), depth * 1.6


def examples_per_bp(world: World) -> float:
    """Return about how many candidates a world has per bp that is covered."""
    return USUAL_PER_BP + crowded_per_bp(world)


def crowded_per_bp(world: World) -> float:
    """Return about how many of them are of stretches where variants crowd."""
    low, high = world.person.dense_spacing
    return world.person.dense_share / float(np.sqrt(low * high))


def bases_of(world: World, bases: float) -> float:
    """Return how many bases the reads of a world have where an ordinary one has so many."""
    library = world.library
    return min(
        bases * (AMPLICON_BASES if library.kind == "amplicons" else 1.0),
        library.depth * min(MOST_COVERED, MOST_CROWDED / max(crowded_per_bp(world), 1e-9)),
    )
