"""A world: all that one simulated library has of its own, from the person to how its qualities are written.

`draw_world` draws one from the ranges of a `Worlds`, each axis by itself: what one axis is tells nothing of another, so
that a network cannot take a density of variants for a kind of noise, or low qualities for many errors. A world is
plain data; saved as JSON beside the reads (`World.model_dump_json`) it says what they are.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from dvplug.simulate.linked import LinkedLibrary
from dvplug.simulate.mapping import Aligner
from dvplug.simulate.sample import DIVERGENCE, LONGEST_DECOY
from dvplug.simulate.spliced import SplicedLibrary
from dvplug.technology import Frozen

Range = tuple[float, float]
Bins = Literal["none", "eight", "novaseq", "nextseq", "two", "flat"]
"""Into which values base qualities are gathered; the tables are in `dvplug.simulate.reported`."""
Scale = Literal["as-mapped", "bowtie2", "stretched", "flat", "unknown"]
"""How mapping qualities are told: 0-60; in the steps of bowtie2; up to ``top``; all ``top``; all 255."""
Library = Literal["whole", "captured", "amplicons"]

LONGEST_BACKTRACKED = 110
"""bp of the longest reads that are mapped with `bwa aln`."""
LINKED_FACTORS = (0.5, 1.6)
"""Times the stated length and coverage of molecules, in drawn worlds."""
AFTER_RUN_SHARES = (0.2, 1.0)
"""Chemistries differ in how far behind repeats leave the copies of a molecule."""
LINKED_DECOYS, LINKED_DIVERGENCE, LONGEST_LINKED_DECOY = (0.03, 0.1), (0.0003, 0.05), 20_000
"""Copies in worlds of linked reads: some differ so little that no read tells them apart, and barcodes do."""


class PersonWorld(Frozen):
    """How the genome differs from the reference, beside the variants that are real or drawn like real ones.

    Attributes
    ----------
    truth
        Which of the real genomes at hand lies on real contigs.
    dense_share
        Share of the sequence in stretches where variants crowd; 1 for all of it.
    dense_spacing
        Mean bp from one of them to the next; each stretch draws its own.
    unusual_spacing
        Mean bp, anywhere, between long indels, multi-nucleotide and complex variants, and indels that overlap.
    decoy_share, hidden_share, decoy_divergence, decoy_longest
        As `dvplug.simulate.sample.decoys` takes them: copies that the reference has, and copies that it lacks.
    """

    truth: int
    dense_share: float
    dense_spacing: Range
    unusual_spacing: float
    decoy_share: float
    hidden_share: float
    decoy_divergence: Range = DIVERGENCE
    decoy_longest: int = LONGEST_DECOY


class LibraryWorld(Frozen):
    """What is sequenced, and how often.

    Attributes
    ----------
    depth
        Around which the depths of stretches, targets or amplicons lie.
    fragment_mean, fragment_sd
        bp, of a log-normal distribution. Read-through into adapters follows from short ones.
    adapters_trimmed
        Reads end where their fragments end.
    chimera_p
        Share of pairs whose mates do not belong together.
    clip_factor
        Share of the profile's reads with foreign or noisy ends that keep them.
    tail_share
        Share of reads that end in noise of low quality.
    duplicate_share, duplicates_marked
        Copies, over all fragments; whether flag 1024 tells them.
    imbalance_sd
        SD of the natural logarithm of either haplotype's depth along the genome.
    alt_share, site_sd, skewed_share
        Mean share of the alt among a heterozygote's fragments, its SD from site to site (beta-distributed), and the
        share of sites where it lies in 0.22-0.34 instead.
    reverse_kept
        Share of the reverse strand's reads that are in the file.
    amplicon_length, amplicon_overlap, primer, primers_trimmed
        bp; bp that neighbours share; bp at either end that read as the reference whatever the genome has there, and
        whether those are cut off.
    linked
        Long molecules that fragments are of, where barcodes tell them.
    spliced
        How genes are transcribed, where reads are of transcripts.
    """

    kind: Library
    depth: float
    fragment_mean: float
    fragment_sd: float
    adapters_trimmed: bool
    chimera_p: float
    clip_factor: float
    tail_share: float
    duplicate_share: float
    duplicates_marked: bool
    imbalance_sd: float
    alt_share: float
    site_sd: float
    skewed_share: float
    reverse_kept: float
    amplicon_length: Range
    amplicon_overlap: int
    primer: int
    primers_trimmed: bool
    linked: LinkedLibrary | None = None
    spliced: SplicedLibrary | None = None


class QualityWorld(Frozen):
    """How base qualities are told; the errors do not depend on it.

    Attributes
    ----------
    shift, stretch
        phred added to the profile's qualities, after their distance from its mean was multiplied.
    cycle_fall
        phred lost from the first base to the last.
    bins, low, high, cap
        Which values remain, between which ``two`` and ``flat`` values lie, and the highest.
    recalibrated
        phred, SD of what each cycle adds, as recalibration does; 0 for none.
    absent
        QUAL is ``*``.
    """

    shift: float
    stretch: float
    cycle_fall: float
    bins: Bins
    low: int
    high: int
    cap: int
    recalibrated: float
    absent: bool


class MachineWorld(Frozen):
    """How reads are read.

    Attributes
    ----------
    paired
        Both ends of each fragment.
    read_length
        bp, of reads copied from pairs.
    length_factor
        On the lengths of single reads.
    uneven_share
        Share of reads that are cut at a random place, as quality trimming leaves them.
    substitution_factor, run_factor, other_indel_factor, site_factor
        On the profile's rates: misread bases; lengths of homopolymers of 4 bp and more and of short repeats; all
        other indels; places where reads err alike.
    indel_sd
        How much the rates of repeats differ from place to place (`LocusNoise`).
    after_run_share
        Of the repeats that short reads pass, those behind which they go on as the profile's do there: with lower
        qualities and more errors, the more units it has.
    """

    paired: bool
    read_length: int
    length_factor: float
    uneven_share: float
    substitution_factor: float
    run_factor: float
    other_indel_factor: float
    site_factor: float
    indel_sd: float
    after_run_share: float
    quality: QualityWorld


class MappingWorld(Frozen):
    """Who maps, and on what scale mapping qualities are told (``top``: its highest value)."""

    aligner: Aligner
    scale: Scale
    top: int


class World(Frozen):
    """One library: person, library, machine, mapping."""

    seed: int
    person: PersonWorld
    library: LibraryWorld
    machine: MachineWorld
    mapping: MappingWorld


class Worlds(Frozen):
    """From which ranges worlds are drawn; (low, high) uniformly, or on a logarithmic scale where said.

    Attributes
    ----------
    kinds
        Kinds of libraries, in equal shares; one named twice has twice the share.
    depths, amplicon_depths
        Logarithmic.
    single_p
        Share of worlds whose reads have no mates.
    read_lengths, length_factors
        Logarithmic.
    run_factors, other_factors
        Logarithmic; ``other_factors`` are those of substitutions, other indels and error-prone places.
    pair_aligners, single_aligners
        Of paired and of single reads.
    plain_p
        Share of the axes of reported qualities, strands, balance and duplicates that stay as usual, each by itself.
    alt_shares, site_sds, skewed_shares
        Ranges of those of `LibraryWorld` where they are unusual.
    linked
        Of linked reads, around which those of worlds lie; None of others.
    spliced
        Of reads of transcripts; None of others.
    """

    kinds: tuple[Library, ...] = ("whole",)
    depths: Range
    amplicon_depths: Range = (30.0, 3000.0)
    single_p: float
    read_lengths: Range = (36.0, 300.0)
    length_factors: Range = (0.3, 2.0)
    run_factors: Range = (0.3, 3.0)
    other_factors: Range = (0.4, 2.5)
    indel_sds: Range = (0.3, 1.3)
    quality_shifts: Range = (-12.0, 5.0)
    pair_aligners: tuple[Aligner, ...] = ()
    single_aligners: tuple[Aligner, ...]
    plain_p: float = 0.4
    alt_shares: Range = (0.35, 0.55)
    site_sds: Range = (0.02, 0.12)
    skewed_shares: Range = (0.005, 0.06)
    truths: int = 2
    hidden: Range = (0.0005, 0.01)
    duplicates: Range = (0.01, 0.5)
    linked: LinkedLibrary | None = None
    spliced: SplicedLibrary | None = None


def _log(rng: np.random.Generator, limits: Range) -> float:
    return float(np.exp(rng.uniform(*np.log(limits))))


def draw_world(worlds: Worlds, seed: int) -> World:
    """Draw one world; the same for the same seed, and each part of a generator of its own."""
    person, library, quality, machine, mapping = (np.random.default_rng([seed, part]) for part in range(5))
    paired = bool(machine.random() >= worlds.single_p)
    length = round(_log(machine, worlds.read_lengths))
    return World(
        seed=seed,
        person=_person(worlds, person),
        library=_library(worlds, library, length).model_copy(
            update={"linked": _linked(worlds, seed), "spliced": worlds.spliced}
        ),
        machine=MachineWorld(
            paired=paired,
            read_length=length,
            length_factor=_log(machine, worlds.length_factors),
            uneven_share=float(machine.uniform(0.05, 0.6)) if machine.random() < 0.3 else 0.0,
            substitution_factor=_log(machine, worlds.other_factors),
            run_factor=_log(machine, worlds.run_factors),
            other_indel_factor=_log(machine, worlds.other_factors),
            site_factor=_log(machine, worlds.other_factors),
            indel_sd=float(machine.uniform(*worlds.indel_sds)),
            after_run_share=float(np.random.default_rng([seed, 6]).uniform(*AFTER_RUN_SHARES)),
            quality=_quality(worlds, quality),
        ),
        mapping=_mapping(worlds, mapping, paired, length),
    )


def _person(worlds: Worlds, rng: np.random.Generator) -> PersonWorld:
    """Two genomes in five are as usual, two crowd in stretches, one all over: .1 to 5 % of their bases differ."""
    crowded = rng.random()
    everywhere = crowded > 4 / 5
    low = _log(rng, (20.0, 100.0) if not everywhere else (20.0, 600.0))
    return PersonWorld(
        truth=int(rng.integers(worlds.truths)),
        dense_share=0.0 if crowded < 2 / 5 else 1.0 if everywhere else float(rng.uniform(0.02, 0.3)),
        dense_spacing=(low, low * float(rng.uniform(1.0, 4.0))),
        unusual_spacing=_log(rng, (1500.0, 30_000.0)),
        decoy_share=_log(rng, (0.01, 0.06) if worlds.linked is None else LINKED_DECOYS),
        hidden_share=_log(rng, worlds.hidden) if rng.random() < 0.6 else 0.0,
        decoy_divergence=DIVERGENCE if worlds.linked is None else LINKED_DIVERGENCE,
        decoy_longest=LONGEST_DECOY if worlds.linked is None else LONGEST_LINKED_DECOY,
    )


def _linked(worlds: Worlds, seed: int) -> LinkedLibrary | None:
    """Molecules of other lengths and coverages than stated, of a generator of their own."""
    if worlds.linked is None:
        return None
    rng = np.random.default_rng([seed, 5])
    other = {
        "molecule_mean": worlds.linked.molecule_mean * _log(rng, LINKED_FACTORS),
        "coverage": worlds.linked.coverage * _log(rng, LINKED_FACTORS),
        "without": min(worlds.linked.without * _log(rng, (0.5, 2.0)), 0.5),
    }
    return worlds.linked.model_copy(update=other)


def _library(worlds: Worlds, rng: np.random.Generator, read_length: int) -> LibraryWorld:
    """Fragments are 0.7 to 4 reads long on average, so that some run into their adapters and some leave a gap."""

    def unusual() -> bool:
        return bool(rng.random() >= worlds.plain_p)

    kind = worlds.kinds[int(rng.integers(len(worlds.kinds)))]
    mean = min(max(read_length * _log(rng, (0.7, 4.0)), 60.0), 900.0)
    shortest = float(rng.uniform(150, 250))
    return LibraryWorld(
        kind=kind,
        depth=_log(rng, worlds.amplicon_depths if kind == "amplicons" else worlds.depths),
        fragment_mean=mean,
        fragment_sd=mean * float(rng.uniform(0.08, 0.4)),
        adapters_trimmed=bool(rng.random() < 0.4),
        chimera_p=_log(rng, (0.0005, 0.03)),
        clip_factor=float(rng.uniform(0.1, 1.0)),
        tail_share=_log(rng, (0.005, 0.15)) if unusual() else 0.0,
        duplicate_share=_log(rng, worlds.duplicates) if unusual() else 0.0,
        duplicates_marked=bool(rng.random() < 0.6),
        imbalance_sd=float(rng.uniform(0.0, 0.2)),
        alt_share=float(rng.uniform(*worlds.alt_shares)) if unusual() else 0.5,
        site_sd=float(rng.uniform(*worlds.site_sds)) if unusual() else 0.0,
        skewed_share=float(rng.uniform(*worlds.skewed_shares)) if unusual() else 0.0,
        reverse_kept=float(rng.uniform(0.0, 0.8)) if rng.random() < 0.2 else 1.0,
        amplicon_length=(shortest, float(rng.uniform(shortest, 400))),
        amplicon_overlap=int(rng.integers(-100, 80)),
        primer=int(rng.integers(18, 30)),
        primers_trimmed=bool(rng.random() < 0.5),
    )


def _quality(worlds: Worlds, rng: np.random.Generator) -> QualityWorld:
    def unusual() -> bool:
        return bool(rng.random() >= worlds.plain_p)

    bins: tuple[Bins, ...] = ("eight", "novaseq", "nextseq", "two", "flat")
    return QualityWorld(
        shift=float(rng.uniform(*worlds.quality_shifts)) if unusual() else 0.0,
        stretch=float(rng.uniform(0.5, 1.5)) if unusual() else 1.0,
        cycle_fall=float(rng.uniform(-3, 8)) if unusual() else 0.0,
        bins=bins[int(rng.integers(len(bins)))] if unusual() else "none",
        low=int(rng.integers(8, 22)),
        high=int(rng.integers(18, 42)),
        cap=int(rng.integers(25, 45)) if rng.random() < 0.3 else 93,
        recalibrated=float(rng.uniform(0.5, 3.0)) if rng.random() < 0.25 else 0.0,
        absent=bool(rng.random() < 0.05),
    )


def _mapping(worlds: Worlds, rng: np.random.Generator, paired: bool, read_length: int) -> MappingWorld:
    """BWA-backtrack is for short reads alone."""
    choices = worlds.pair_aligners if paired else worlds.single_aligners
    choices = tuple(one for one in choices if one != "bwa-aln" or read_length <= LONGEST_BACKTRACKED)
    scales: tuple[Scale, ...] = ("bowtie2", "stretched", "flat", "unknown")
    scale: Scale = "as-mapped" if rng.random() < 0.5 else scales[int(rng.integers(len(scales)))]
    tops = {"as-mapped": (60, 60), "bowtie2": (42, 42), "stretched": (30, 254), "flat": (20, 70)}
    low, high = tops.get(scale, (255, 255))
    aligner = choices[int(rng.integers(len(choices)))]
    return MappingWorld(aligner=aligner, scale=scale, top=int(rng.integers(low, high + 1)))
