"""Homopolymers whose true lengths are known: confident ones without another variant near."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pysam

from dvplug.genome.bed import read_bed
from dvplug.sequence.codes import encode_bases
from dvplug.sequence.tracts import find_tracts
from dvplug.simulate.sample import read_fasta

Genotype = tuple[int, int]
"""Changes of length of both haplotypes, ascending."""
REFERENCE: Genotype = (0, 0)
FLANK = 15
"""Homopolymers with another variant within so many bp are left out."""


def confident_runs(
    ref: Path, truth: Path, confident: Path, *, shortest: int
) -> Iterator[tuple[str, int, int, int, Genotype]]:
    """Yield contig, start, base code, bp and genotype of the confident homopolymers without another variant near."""
    contigs = read_fasta(ref)
    intervals = read_bed(confident, {contig: len(sequence) for contig, sequence in contigs.items()})
    known = genotypes(truth, all_filters=True)
    for contig, sequence in contigs.items():
        codes = encode_bases(sequence.encode())
        variants = np.array([position for of, position in known if of == contig], np.int64)
        inside = np.zeros(len(codes) + 1, bool)
        for _, start, end in (interval for interval in intervals if interval[0] == contig):
            inside[start:end] = True
        tracts = find_tracts(codes, {1: shortest})
        for at, length in zip(tracts.start.tolist(), tracts.length.tolist(), strict=True):
            near = (variants > at - FLANK) & (variants <= at + length + FLANK) & (variants != at)
            if inside[max(at - 1, 0) : at + length + 1].all() and not near.any():
                yield contig, at, int(codes[at]), length, known.get((contig, at), REFERENCE)


def genotypes(vcf: Path, *, all_filters: bool = False) -> dict[tuple[str, int], Genotype]:
    """Read changes of length of the called alleles, by contig and 1-based position; what did not pass is no call."""
    found = {}
    with pysam.VariantFile(str(vcf)) as records:
        for record in records:
            if all_filters or set(record.filter.keys()) <= {"PASS"}:
                called = record.samples[0]["GT"]
                one, *rest = sorted(len(record.alleles[i or 0]) - len(record.ref) for i in called)
                found[record.contig, record.pos] = (one, rest[0] if rest else one)
    return found
