"""Reads as of flow sequencers, by a simulator that shares nothing with the one that trains: no error is learnt.

A read is a row of flows, each of which tells the length of one run of a base. A flow is read one base too long or too
short at one and the same rate, whatever the length of the run and the place in the read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.sequence.codes import encode_bases
from dvplug.simulate.genome import COMPLEMENT, LETTERS, Codes, known_intervals, write_bed, write_fasta
from dvplug.simulate.mapping import open_mapper
from dvplug.simulate.sample import read_fasta
from dvplug.simulate.variants import (
    apply_variants,
    draw_events,
    fits_both_haplotypes,
    place_events,
    write_truth,
)

RATES = (0.0, 0.005, 0.01, 0.02)
"""Flows that are read wrong."""
CONTIG, FROM, LENGTH, DEPTH, SEED, SAMPLE = "chr21_37M", 200_000, 120_000, 50, 23, "flow"
SUBSTITUTED = 0.001
READ_MEAN, READ_SD, SHORTEST, LONGEST = 140, 35, 60, 260
MARGIN = 500
PANEL = "ion/human_hg19.ion_pgm.chr21.panel.profile_only.bam"
Qualities = NDArray[np.uint8]


class FlowRead(NamedTuple):
    """Bases in the order in which they were sequenced, uint8[n], and their qualities, phred, uint8[n]."""

    codes: Codes
    quality: Qualities


def make_flow_set(folder: Path, fasta: Path, rate: float, panel: Sequence[Qualities]) -> Path:
    """Write a validation set of flow-like reads, mapped with `bwa mem`; returns the folder.

    Parameters
    ----------
    fasta
        Has `CONTIG`, which nothing is trained on.
    rate
        Share of the flows that are read wrong.
    panel
        Qualities of real reads, to be given to reads at random; none for qualities of this simulator's own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([SEED, round(1e4 * rate)])
    codes = encode_bases(read_fasta(fasta)[CONTIG][FROM : FROM + LENGTH].encode())
    # The same person at every rate.
    events = draw_events(np.random.default_rng(SEED))
    variants = fits_both_haplotypes(place_events(codes, events, np.random.default_rng(SEED)))
    write_fasta(folder / "ref.fa", {CONTIG: codes})
    write_truth(folder / "truth.vcf.gz", {CONTIG: variants}, {CONTIG: LENGTH}, SAMPLE)
    inside = [(c, max(a, MARGIN), min(b, LENGTH - MARGIN)) for c, a, b in known_intervals(CONTIG, codes)]
    write_bed(folder / "confident.bed", [(c, a, b) for c, a, b in inside if b > a])
    haplotypes = [apply_variants(codes, variants, which).codes for which in (0, 1)]
    mapper = open_mapper("bwa-mem-single", folder / "ref.fa", folder / "reads.bam", SAMPLE, "IONTORRENT", 1)
    for number in range(DEPTH * LENGTH // READ_MEAN):
        read = sequence(molecule(haplotypes[number % 2], rng), rate, panel, rng)
        mapper.write(np.frombuffer(fastq(f"flow{number}", read), np.uint8))
    mapper.close()
    return folder


def molecule(haplotype: Codes, rng: np.random.Generator) -> Codes:
    """Cut a piece of either strand."""
    length = int(np.clip(rng.normal(READ_MEAN, READ_SD), SHORTEST, LONGEST))
    start = int(rng.integers(0, len(haplotype) - length))
    piece = haplotype[start : start + length]
    return COMPLEMENT[piece][::-1] if rng.random() < 0.5 else piece


def sequence(codes: Codes, rate: float, panel: Sequence[Qualities], rng: np.random.Generator) -> FlowRead:
    """Read a molecule flow by flow."""
    codes = codes.copy()
    swapped = (rng.random(len(codes)) < SUBSTITUTED) & (codes < 4)
    codes[swapped] = (codes[swapped] + rng.integers(1, 4, int(swapped.sum()))) % 4
    first = np.concatenate(([0], np.flatnonzero(np.diff(codes)) + 1))
    length = np.diff(np.append(first, len(codes)))
    wrong = rng.random(len(first)) < rate
    told = length + np.where(wrong, rng.choice([-1, 1], len(first)), 0)
    bases = np.repeat(codes[first], told)
    if panel:
        return FlowRead(bases, np.resize(panel[int(rng.integers(len(panel)))], len(bases)))
    return FlowRead(bases, own_qualities(told, wrong, rng))


def own_qualities(told: NDArray[np.int64], wrong: NDArray[np.bool_], rng: np.random.Generator) -> Qualities:
    """Give long runs, ends of reads and two wrong flows in three lower qualities.

    Parameters
    ----------
    told, wrong
        Bases that each flow tells, int64[flows], and whether that is wrong, bool[flows].
    """
    known = wrong & (rng.random(len(told)) < 0.67)
    of_flow = 32 - 2.5 * np.maximum(told - 1, 0) - 14 * known
    score = np.repeat(of_flow, told)
    score += rng.normal(0, 2, len(score)) - 6 * np.linspace(0, 1, len(score)) ** 2
    return np.clip(np.rint(score), 4, 40).astype(np.uint8)


def fastq(name: str, read: FlowRead) -> bytes:
    """Return the four lines of a read."""
    return b"@%b\n%b\n+\n%b\n" % (
        name.encode(),
        LETTERS[read.codes].tobytes(),
        (read.quality + 33).astype(np.uint8).tobytes(),
    )


def panel_qualities(shared: Path) -> list[Qualities]:
    """Return the qualities of the real panel's reads, in sequencing order."""
    with pysam.AlignmentFile(str(shared / PANEL)) as reads:
        found = [np.array(read.get_forward_qualities(), np.uint8) for read in reads if read.query_qualities]
    return [quality for quality in found if len(quality) >= SHORTEST]
