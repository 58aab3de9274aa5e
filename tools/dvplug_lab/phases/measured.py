"""Phased calls against the simulated haplotypes: switch errors, blocks, and WhatsHap's of the same calls and reads."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pysam

from dvplug.system.htslib import isolated_htslib


class PhaseMeasures(NamedTuple):
    """What is right and wrong in the phase of a VCF.

    Attributes
    ----------
    phased
        Heterozygous calls in a block of several.
    heterozygous
        All of them.
    pairs, switches
        Of true neighbours in a block, how many there are, and how many of them lie otherwise in truth.
    n50
        bp: half of the bases of all blocks are in such long ones.
    """

    heterozygous: int
    phased: int
    pairs: int
    switches: int
    n50: int


@isolated_htslib()
def measure(vcf: Path, truth: Path) -> PhaseMeasures:
    """Compare a VCF with a phased truth; calls that are not in it alike count for blocks alone."""
    true = {}
    with pysam.VariantFile(str(truth)) as file:
        for record in file:
            alleles = [record.alleles[a] for a in record.samples[0]["GT"]]
            true[record.chrom, record.pos, record.ref] = alleles
    blocks: dict[tuple[str, int], list[tuple[int, int | None]]] = defaultdict(list)
    heterozygous = 0
    with pysam.VariantFile(str(vcf)) as file:
        for record in file:
            sample = record.samples[0]
            genotype = sample["GT"]
            if None in genotype or len(set(genotype)) < 2:
                continue
            heterozygous += 1
            if not sample.phased:
                continue
            alleles = [record.alleles[a] for a in genotype]
            lies = true.get((record.chrom, record.pos, record.ref))
            turn = None
            if lies is not None and sorted(lies) == sorted(alleles):
                turn = int(lies == alleles)
            blocks[record.chrom, int(sample.get("PS") or 0)].append((record.pos, turn))
    several = [calls for calls in blocks.values() if len(calls) > 1]
    pairs = switches = 0
    for calls in several:
        turns = [turn for _, turn in calls if turn is not None]
        pairs += max(0, len(turns) - 1)
        switches += sum(one != other for one, other in pairwise(turns))
    return PhaseMeasures(heterozygous, sum(map(len, several)), pairs, switches, _n50(several))


def _n50(blocks: list[list[tuple[int, int | None]]]) -> int:
    spans = sorted((calls[-1][0] - calls[0][0] for calls in blocks), reverse=True)
    left = sum(spans) / 2
    for span in spans:
        left -= span
        if left <= 0:
            return span
    return 0


@isolated_htslib()
def without_phase(vcf: Path, out: Path) -> Path:
    """Write the calls of a VCF without phase."""
    with pysam.VariantFile(str(vcf)) as file, pysam.VariantFile(str(out), "w", header=file.header) as written:
        for record in file:
            sample = record.samples[0]
            genotype = sorted(sample["GT"], key=lambda allele: -1 if allele is None else allele)
            if "PS" in sample:
                del sample["PS"]
            sample["GT"] = tuple(genotype)
            sample.phased = False
            written.write(record)
    return out


def phased_by_whatshap(program: str, vcf: Path, reads: Path, reference: Path, out: Path) -> Path:
    """Phase the calls of a VCF by WhatsHap."""
    command = [program, "phase", "--ignore-read-groups", "--reference", str(reference), "-o", str(out)]
    subprocess.run([*command, str(vcf), str(reads)], check=True, capture_output=True)
    return out
