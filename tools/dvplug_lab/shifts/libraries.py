"""Libraries that no training set holds: a variant every few bases, and amplicons whose reads all start alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dvplug.sequence.codes import decode_bases, encode_bases
from dvplug.simulate.aligned_reads import READ_LENGTH, ReadTable, draw_qualities, write_bam
from dvplug.simulate.genome import Codes, N, write_bed, write_fasta
from dvplug.simulate.sample import read_fasta
from dvplug.simulate.variants import PhasedVariant, write_truth

CONTIG, LENGTH, DEPTH = "chrS", 80_000, 32
SAMPLE, SEED = "shifted", 11
APART = 1_000  # bp from one amplicon to the next: none sees the variants of another
MOST_PAIRS = 60_000


def dense(folder: Path, fasta: Path, spacing: int) -> Path:
    """Make 2x150 reads of a person with a SNP every ``spacing`` bp, as in the most diverse genes; gives the folder."""
    return _whole(folder, fasta, np.arange(spacing, LENGTH - spacing, spacing))


def stretches(folder: Path, fasta: Path, spacing: int) -> Path:
    """Make reads as `dense` does, but with so dense SNPs in every fourth 2.5 kb alone; one in 1,000 bp elsewhere."""
    close, far = np.arange(0, 2_500, spacing), np.arange(3_000, 10_000, APART)
    places = (np.arange(0, LENGTH, 10_000)[:, None] + np.concatenate([close, far])).ravel()
    return _whole(folder, fasta, places[(places >= 100) & (places < LENGTH - 100)])


def _whole(folder: Path, fasta: Path, places: NDArray[np.int64]) -> Path:
    """Make reads of all of the sequence, with SNPs at these places."""
    rng = np.random.default_rng(SEED)
    codes = _sequence(fasta)
    variants = _snps(codes, places, rng)
    pairs = DEPTH * LENGTH // (2 * READ_LENGTH)
    fragment = np.clip(rng.normal(400, 80, pairs), 160, 900).astype(np.int64)
    start = rng.integers(0, LENGTH - fragment)
    return _write(folder, codes, variants, start, fragment, [(CONTIG, 500, LENGTH - 500)], rng)


def amplicons(folder: Path, fasta: Path, length: int, depth: int) -> Path:
    """Make 2x150 reads of amplicons of ``length`` bp, one SNP in each, ``depth`` reads over a position.

    Where pairs leave the middle unread, no SNP lies there. As many amplicons as `MOST_PAIRS` allows.
    """
    rng = np.random.default_rng(SEED)
    codes = _sequence(fasta)
    pairs = depth * min(length, 2 * READ_LENGTH) // (2 * READ_LENGTH)
    starts = np.arange(500, LENGTH - length - 500, APART)[: MOST_PAIRS // pairs]
    offsets = rng.integers(length // 4, 3 * length // 4, len(starts))
    unread = (offsets >= READ_LENGTH) & (offsets < length - READ_LENGTH)
    offsets[unread] -= length - 2 * READ_LENGTH
    start = np.repeat(starts, pairs)
    read = [(20, length - 20)]
    if length > 2 * READ_LENGTH:
        read = [(20, READ_LENGTH), (length - READ_LENGTH, length - 20)]
    where = [(CONTIG, int(s) + low, int(s) + high) for s in starts for low, high in read]
    snps = _snps(codes, starts + offsets, rng)
    return _write(folder, codes, snps, start, np.full(len(start), length), where, rng)


def _sequence(fasta: Path) -> Codes:
    """A stretch of real sequence, of a contig that no model was trained on."""
    contigs = read_fasta(fasta)
    return encode_bases(contigs["chr13_32M"][200_000 : 200_000 + LENGTH].encode())


def _snps(codes: Codes, places: NDArray[np.int64], rng: np.random.Generator) -> list[PhasedVariant]:
    """Two heterozygotes in three; nowhere where the reference is unknown."""
    found = []
    for place in places[codes[places] < N].tolist():
        ref = int(codes[place])
        alt = (ref + int(rng.integers(1, 4))) % 4
        genotype = ((0, 1), (1, 0), (1, 1))[int(rng.integers(3))]
        letters = decode_bases(np.array([ref, alt], np.uint8))
        found.append(PhasedVariant(place, letters[0], (letters[1],), genotype))
    return found


def _write(
    folder: Path,
    codes: Codes,
    variants: list[PhasedVariant],
    start: NDArray[np.int64],
    fragment: NDArray[np.int64],
    confident: list[tuple[str, int, int]],
    rng: np.random.Generator,
) -> Path:
    """Sequence fragments of the reference with its SNPs from both ends, and write the files of a validation set."""
    folder.mkdir(parents=True, exist_ok=True)
    haplotypes = np.stack([codes, codes])
    for variant in variants:
        for which in (0, 1):
            if variant.genotype[which]:
                haplotypes[which, variant.start] = encode_bases(variant.alts[0].encode())[0]
    pairs = len(start)
    begin = np.stack([start, start + fragment - READ_LENGTH], axis=1).ravel()
    where = begin[:, None] + np.arange(READ_LENGTH)
    read = haplotypes[np.repeat(rng.integers(0, 2, pairs), 2)[:, None], where]
    reverse = np.tile([False, True], pairs)
    quality = draw_qualities(len(begin), rng)
    quality[reverse] = quality[reverse, ::-1]
    wrong = (rng.random(read.shape) < 10 ** (quality / -10.0)) & (read < N)
    read[wrong] = (read[wrong] + rng.integers(1, 4, int(wrong.sum()))) % 4
    second = reverse ^ np.repeat(rng.random(pairs) < 0.5, 2)
    table = ReadTable(read, quality, where, np.repeat(np.arange(pairs), 2), reverse, second)
    write_fasta(folder / "ref.fa", {CONTIG: codes})
    write_truth(folder / "truth.vcf.gz", {CONTIG: variants}, {CONTIG: LENGTH}, SAMPLE)
    write_bed(folder / "confident.bed", confident)
    write_bam(folder / "reads.bam", [table], CONTIG, LENGTH, SAMPLE)
    return folder
