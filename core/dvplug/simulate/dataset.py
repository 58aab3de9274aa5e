"""A whole small data set from nothing: reference, aligned reads, truth, confident regions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dvplug.errors import InputError
from dvplug.simulate.aligned_reads import READ_LENGTH, sequence_haplotype, write_bam
from dvplug.simulate.genome import random_genome, write_bed, write_fasta
from dvplug.simulate.variants import apply_variants, draw_events, place_events, write_truth
from dvplug_registry.files import StrPath, whole_files

CONTIG, SAMPLE = "chrS", "simulated"
EDGE = 500
"""bp at either end of the contig, where depth falls off, that are not confident."""


@dataclass(frozen=True)
class SimulatedDataset:
    """The files of a simulated data set; FASTA, BAM and VCF are indexed."""

    reference: Path
    reads: Path
    truth: Path
    confident: Path


def simulate_dataset(
    folder: StrPath, *, length: int = 250_000, depth: float = 35.0, seed: int = 1
) -> SimulatedDataset:
    """Simulate a person's contig and its 2x150 Illumina-like reads; the same files for the same arguments.

    Parameters
    ----------
    folder
        Where the files go; made if it is missing.
    length
        Length of the contig, in bp, at least 5000.
    depth
        Mean number of reads over a position.
    seed
        Of everything that is random.

    Raises
    ------
    InputError
        The contig is too short, the depth is not positive, or the seed is negative.
    """
    if length < 5000 or not depth > 0:
        raise InputError(
            f"length {length} and depth {depth}",
            cause="a simulated contig needs 5000 bp and reads",
            repair="Ask for at least 5000 bp and a depth above 0",
        )
    if seed < 0:
        raise InputError(f"{seed} is no seed", cause="they begin at 0", repair="Give 0 or more.")
    rng = np.random.default_rng(seed)
    codes = random_genome(length, rng)
    variants = place_events(codes, draw_events(rng), rng)
    pairs = int(depth * length / (2 * READ_LENGTH) / 2)
    tables = [
        sequence_haplotype(codes, apply_variants(codes, variants, which), pairs, which * pairs, rng)
        for which in (0, 1)
    ]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with whole_files(folder) as unfinished:
        write_fasta(unfinished / "reference.fa", {CONTIG: codes})
        write_truth(unfinished / "truth.vcf.gz", {CONTIG: variants}, {CONTIG: length}, SAMPLE)
        write_bed(unfinished / "confident.bed", [(CONTIG, EDGE, length - EDGE)])
        write_bam(unfinished / "reads.bam", tables, CONTIG, length, SAMPLE)
    return SimulatedDataset(
        folder / "reference.fa", folder / "reads.bam", folder / "truth.vcf.gz", folder / "confident.bed"
    )
