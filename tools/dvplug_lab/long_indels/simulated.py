"""A stretch of a genome with long indels, and long reads of it that err as real ones, mapped by minimap2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dvplug.errors import DvplugError
from dvplug.simulate.depths import DepthBlocks
from dvplug.simulate.drawn_variants import drawn_variants
from dvplug.simulate.genome import Codes, N, write_fasta
from dvplug.simulate.learn.context import ContextProfile, learn_context_profile
from dvplug.simulate.long_reads import long_fastq_batches, prepare_long, read_spans
from dvplug.simulate.mapping import Aligner, mapping
from dvplug.simulate.usual_variants import usual_variants
from dvplug.simulate.variants import PhasedVariant, apply_variants, indel_variant, write_truth
from dvplug_lab.places import SHARED
from dvplug_lab.read_sets import HIFI_NOISE, MAIN, PLATFORMS, R10_2024, R10_NOISE, SEQUEL2

CONTIG, SAMPLE = "chrL", "simulated"
SHORTEST, LONGEST = 50, 1500
"""bp of the indels, every length equally likely on a logarithmic scale."""
SPACING = 4000
"""bp from one to the next on average."""
HETEROZYGOUS = 2 / 3


class LearntFrom(NamedTuple):
    """Real reads that simulated ones err like."""

    bam: str
    fasta: str | None  # None where the reads have MD tags
    aligner: Aligner


KINDS = {
    "pacbio": LearntFrom(SEQUEL2, MAIN, "map-hifi"),
    "ont": LearntFrom(R10_2024, None, "map-ont"),
}
NOISE = {"pacbio": HIFI_NOISE, "ont": R10_NOISE}


class SimulatedIndels(NamedTuple):
    """The files; the truth has all variants, the long ones among them."""

    reference: Path
    truth: Path
    reads: Path


def simulate_long_indels(
    folder: Path, codes: Codes, technology: str, depth: float, seed: int, threads: int
) -> SimulatedIndels:
    """Draw variants and reads of a contig; the same files for the same arguments.

    Long indels are, a third each, deletions, insertions of novel sequence, and of a copy of what precedes them.
    """
    if technology not in KINDS:
        raise DvplugError(
            f"technology '{technology}' is none of {', '.join(KINDS)}", repair="Give one of them."
        )
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
    kind, reads = KINDS[technology], folder / "reads.bam"
    profile: ContextProfile = learn_context_profile(
        SHARED / kind.bam, SHARED / kind.fasta if kind.fasta else None
    )
    blocks = DepthBlocks(np.zeros(1, np.int64), np.full(1, depth))
    with mapping(kind.aligner, reference, reads, SAMPLE, PLATFORMS[technology], threads) as mapper:
        for which in (0, 1):
            haplotype = apply_variants(codes, variants, which)
            spans = read_spans(haplotype, profile, blocks, rng)
            source = prepare_long(haplotype.codes, NOISE[technology], seed)
            for text in long_fastq_batches(source, spans, profile, rng, which * 10**6):
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
