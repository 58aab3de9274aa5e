"""A stretch of a genome with known haplotypes, and long reads of it, mapped by minimap2."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.simulate.drawn_variants import drawn_variants
from dvplug.simulate.genome import COMPLEMENT, LETTERS, Codes, write_fasta
from dvplug.simulate.usual_variants import usual_variants
from dvplug.simulate.variants import PhasedVariant, apply_variants, fits_both_haplotypes, write_truth

CONTIG, SAMPLE = "chr20", "simulated"
POOR_WINDOW, POOR_SHARE, POOR_KEPT = 60_000, 0.3, 0.06
"""bp of windows, how many of them are poor in heterozygotes, and how many of these they keep: there blocks end."""


class ReadKind(NamedTuple):
    """How reads err, and how long they are."""

    preset: str  # of minimap2
    platform: str
    mean: float  # bp
    sd_log: float  # of the natural logarithm of the length
    substitution: float
    slip: float  # per base of a homopolymer of one, lost or doubled; it grows with its length to the power of 1.5
    quality: int  # phred


KINDS = {
    "pacbio": ReadKind("map-hifi", "PACBIO", 15_000, 0.3, 0.0005, 0.0001, 30),
    "ont": ReadKind("map-ont", "ONT", 18_000, 0.7, 0.004, 0.0008, 20),
}


class SimulatedReads(NamedTuple):
    """The files."""

    reference: Path
    truth: Path
    reads: Path


def simulate_reads(
    folder: Path, codes: Codes, technology: str, depth: float, seed: int, threads: int
) -> SimulatedReads:
    """Draw variants and reads of a contig; the same files for the same arguments."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    variants = _with_poor_windows(drawn_variants(codes, usual_variants(), rng), len(codes), rng)
    reference = write_fasta(folder / "ref.fa", {CONTIG: codes})
    truth = write_truth(folder / "truth.vcf.gz", {CONTIG: variants}, {CONTIG: len(codes)}, SAMPLE)
    kind, fastq, reads = KINDS[technology], folder / "reads.fq", folder / "reads.bam"
    with fastq.open("wb") as out:
        for which in (0, 1):
            haplotype = apply_variants(codes, variants, which).codes
            for number, read in enumerate(_reads(haplotype, kind, depth / 2, rng)):
                quality = bytes([33 + kind.quality]) * len(read)
                out.write(b"@h%d_%d\n%s\n+\n%s\n" % (which + 1, number, LETTERS[read].tobytes(), quality))
    group = f"@RG\\tID:1\\tSM:{SAMPLE}\\tPL:{kind.platform}"
    mapped = [
        "minimap2",
        "-a",
        "-t",
        str(threads),
        "-x",
        kind.preset,
        "-R",
        group,
        str(reference),
        str(fastq),
    ]
    with subprocess.Popen(mapped, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as mapper:
        subprocess.run(["samtools", "sort", "-o", str(reads), "-"], stdin=mapper.stdout, check=True)
    pysam.index(str(reads))
    fastq.unlink()
    return SimulatedReads(reference, truth, reads)


def _with_poor_windows(
    variants: list[PhasedVariant], length: int, rng: np.random.Generator
) -> list[PhasedVariant]:
    poor = rng.random(length // POOR_WINDOW + 1) < POOR_SHARE
    kept = [
        one
        for one in variants
        if len(set(one.genotype)) == 1 or not poor[one.start // POOR_WINDOW] or rng.random() < POOR_KEPT
    ]
    return fits_both_haplotypes(kept)


def _reads(haplotype: Codes, kind: ReadKind, depth: float, rng: np.random.Generator) -> list[Codes]:
    edges = np.flatnonzero(np.diff(haplotype)) + 1
    runs = np.diff(np.concatenate(([0], edges, [len(haplotype)])))
    slip = np.repeat(kind.slip * np.minimum(runs, 15) ** 1.5, runs)
    read, bases = [], 0.0
    while bases < depth * len(haplotype):
        length = int(kind.mean * np.exp(rng.normal(0, kind.sd_log) - kind.sd_log**2 / 2))
        start = int(rng.integers(-length // 2, len(haplotype)))
        part = slice(max(start, 0), start + length)
        if part.stop - part.start < 500:
            continue
        codes = _misread(haplotype[part], slip[part], kind, rng)
        read.append(COMPLEMENT[codes[::-1]] if rng.random() < 0.5 else codes)
        bases += len(read[-1])
    return read


def _misread(
    codes: Codes, slip: NDArray[np.float64], kind: ReadKind, rng: np.random.Generator
) -> NDArray[np.uint8]:
    drawn = rng.random(len(codes))
    times = np.where(drawn < slip, 0, np.where(drawn > 1 - slip, 2, 1))
    other = (codes + rng.integers(1, 4, len(codes))) % 4
    wrong = (rng.random(len(codes)) < kind.substitution) & (codes < 4)
    return np.repeat(np.where(wrong, other, codes).astype(np.uint8), times)
