"""A stretch of a genome with long indels, and long reads of it that err as real ones, mapped by minimap2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dvplug.errors import DvplugError, InputError
from dvplug.simulate.depths import DepthBlocks
from dvplug.simulate.drawn_variants import drawn_variants
from dvplug.simulate.genome import Codes, N, write_fasta
from dvplug.simulate.learn.context import ContextProfile, learn_context_profile
from dvplug.simulate.learn.profile import Profile
from dvplug.simulate.locus_noise import LocusNoise
from dvplug.simulate.long_reads import long_fastq_batches, prepare_long, read_spans
from dvplug.simulate.mapping import Aligner, mapping
from dvplug.simulate.stated import read_profile
from dvplug.simulate.usual_variants import usual_variants
from dvplug.simulate.variants import PhasedVariant, apply_variants, indel_variant, write_truth
from dvplug.simulate.world_ranges import LONG, NOISY_LONG, kind_of
from dvplug_lab.places import SHARED
from dvplug_lab.read_sets import HIFI_NOISE, MAIN, PLATFORMS, R10_2024, R10_NOISE, SEQUEL2

CONTIG, SAMPLE = "chrL", "simulated"
SHORTEST, LONGEST = 50, 1500
"""bp of the indels, every length equally likely on a logarithmic scale."""
SPACING = 4000
"""bp from one to the next on average."""
HETEROZYGOUS = 2 / 3


class LongReads(NamedTuple):
    """How simulated reads err, and how they are mapped."""

    profile: ContextProfile
    noise: LocusNoise
    aligner: Aligner
    platform: str


class _LearntFrom(NamedTuple):
    """Real reads that simulated ones err like."""

    bam: str
    fasta: str | None  # None where the reads have MD tags
    noise: LocusNoise
    aligner: Aligner


_LEARNT_FROM = {
    "pacbio": _LearntFrom(SEQUEL2, MAIN, HIFI_NOISE, "map-hifi"),
    "ont": _LearntFrom(R10_2024, None, R10_NOISE, "map-ont"),
}


def reads_of(technology: str) -> LongReads:
    """Learn how reads of a technology of which there are real ones err; raises DvplugError for others."""
    if technology not in _LEARNT_FROM:
        raise DvplugError(
            f"there are no real reads of technology '{technology}', but of {', '.join(_LEARNT_FROM)}",
            repair="Give one of them, or a file that says how its reads err with --reads.",
        )
    real = _LEARNT_FROM[technology]
    profile = learn_context_profile(SHARED / real.bam, SHARED / real.fasta if real.fasta else None)
    return LongReads(profile, real.noise, real.aligner, PLATFORMS[technology])


def reads_of_file(path: Path) -> LongReads:
    """Read how long reads err, learnt or stated; raises InputError."""
    learnt = read_profile(path)
    kind = kind_of(learnt.profile)
    if isinstance(learnt.profile, Profile) or kind not in (LONG, NOISY_LONG):
        raise InputError(f"'{path}' is of short reads", repair="Give one of long reads.")
    return LongReads(
        learnt.profile, kind.noise, "map-ont" if kind is NOISY_LONG else "map-hifi", learnt.platform
    )


class SimulatedIndels(NamedTuple):
    """The files; the truth has all variants, the long ones among them."""

    reference: Path
    truth: Path
    reads: Path


def simulate_long_indels(
    folder: Path, codes: Codes, kind: LongReads, depth: float, seed: int, threads: int
) -> SimulatedIndels:
    """Draw variants and reads of a contig; the same files for the same arguments.

    Long indels are, a third each, deletions, insertions of novel sequence, and of a copy of what precedes them.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    long = list(_long_indels(codes, rng))
    taken = np.zeros(len(codes) + 1, np.bool_)
    for one in long:
        taken[one.start - 20 : one.end + 20] = True
    small = [
        one for one in drawn_variants(codes, usual_variants(), rng) if not taken[one.start : one.end].any()
    ]
    variants = sorted([*small, *long], key=lambda one: one.start)
    reference = write_fasta(folder / "ref.fa", {CONTIG: codes})
    truth = write_truth(folder / "truth.vcf.gz", {CONTIG: variants}, {CONTIG: len(codes)}, SAMPLE)
    reads = folder / "reads.bam"
    blocks = DepthBlocks(np.zeros(1, np.int64), np.full(1, depth))
    with mapping(kind.aligner, reference, reads, SAMPLE, kind.platform, threads) as mapper:
        for which in (0, 1):
            haplotype = apply_variants(codes, variants, which)
            spans = read_spans(haplotype, kind.profile, blocks, rng)
            source = prepare_long(haplotype.codes, kind.noise, seed)
            for text in long_fastq_batches(source, spans, kind.profile, rng, which * 10**6):
                mapper.write(text)
    return SimulatedIndels(reference, truth, reads)


def _long_indels(codes: Codes, rng: np.random.Generator) -> Iterator[PhasedVariant]:
    """Yield long indels of one sequence, none near another."""
    at = LONGEST + SPACING
    while at < len(codes) - 2 * SPACING:
        size = int(np.exp(rng.uniform(np.log(SHORTEST), np.log(LONGEST + 1))))
        kind = int(rng.integers(3))
        if kind == 0:
            bases = codes[at + 1 : at + 1 + size]
        else:
            bases = codes[at + 1 - size : at + 1] if kind == 1 else rng.integers(0, 4, size).astype(np.uint8)
        genotype = (1, 1)
        if rng.random() < HETEROZYGOUS:
            genotype = (0, 1) if rng.random() < 0.5 else (1, 0)
        if not np.any(codes[at - size - 100 : at + size + 100] == N):
            yield indel_variant(codes, at, bases, kind != 0, genotype)
        at += LONGEST + 100 + int(rng.exponential(SPACING - LONGEST - 100))
