"""Checks that need no truth set: what a child proves of its parents, and what one copy of a genome cannot have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pysam

from dvplug.line.region import Region
from dvplug_lab.comparison.compared import OURS, PEERS
from dvplug_lab.comparison.errors import NOT_COUNTED
from dvplug_lab.comparison.peers import plain_fasta
from dvplug_lab.comparison.sets import ValidationSet, as_long_as_aligned
from dvplug_lab.robustness.alleles import Allele, Genotyped, copies_of, passed, violates
from dvplug_lab.robustness.calling import MeasuredModel, Sample, call
from dvplug_lab.robustness.counting import SURE
from dvplug_lab.robustness.found import Counted, TruthFree

CALLERS = (*PEERS, OURS)
LEAST_DEPTH = 10
"""Reads of a person over a site, for a missing record to mean that the reference's alleles are there."""
B37 = "reference/b37.chr20_regions.fa.gz"
TRIO_REGION = Region("20", 9_999_999, 10_010_000)
TRIO = {
    name: f"illumina/trio_b37.chr20_10.00-10.01M.2x151.{name}.bam"
    for name in ("NA12878", "NA12891", "NA12892")
}
"""Child, father, mother."""
OBLIGATE = "truth/trio_b37.chr20_10.00-10.01M.obligate_carriers.txt"
CHR_X, CHR_X_REGION = "reference/hg19.chrX_101.03M.fa", Region("chrX", 1_600, 60_900)
MALE, FEMALES = "NA12889", ("NA12878", "NA12890")
CHM13, CHM13_READS = (
    "reference/CHM13v2.chr20_100-200k.fa.gz",
    "pacbio/CHM13.chr20_100-200k.hifi_deepconsensus.11x.bam",
)
CHM13_REGION = Region("chr20", 109_000, 197_800)
"""Where there are reads."""
DepthAt = Callable[[int], int]


class Place(NamedTuple):
    """Where data lies, where calls go, and which model makes them."""

    shared: Path
    out: Path
    model: MeasuredModel


def check_without_truth(tech: str, place: Place) -> Iterator[TruthFree]:
    """Yield the checks that there is data for of a technology."""
    if tech == "illumina-wgs":
        yield from check_trio(place)
        yield from check_male_x(place)
    if tech == "pacbio":
        yield from check_haploid(place)


def check_trio(place: Place) -> Iterator[TruthFree]:
    """Yield what parents must carry, and genotypes of a child that its parents cannot have given."""
    carried = {name: _called("illumina-wgs", B37, reads, TRIO_REGION, place) for name, reads in TRIO.items()}
    copies = {caller: {name: copies_of(carried[name][caller]) for name in TRIO} for caller in CALLERS}
    obligate = read_obligate(place.shared / OBLIGATE)
    for parent in list(TRIO)[1:]:
        found = {caller: carriers(copies[caller][parent], obligate) for caller in CALLERS}
        yield TruthFree(f"alleles that {parent} must carry, found", "alleles", found, more_is_better=True)
    depths = [depth_of(place.shared / reads, TRIO_REGION) for reads in TRIO.values()]
    for what, snps in (("SNPs", True), ("indels", False)):
        counts = {
            caller: mendelian_violations([copies[caller][name] for name in TRIO], depths, snps)
            for caller in CALLERS
        }
        yield TruthFree(f"Mendelian violations of the trio, {what}", "alleles", counts)


def check_male_x(place: Place) -> Iterator[TruthFree]:
    """Yield the sure heterozygotes of a man's X, and those of two women beside them."""
    for name in (MALE, *FEMALES):
        reads = f"illumina/chrX_101.03M.2x101.{name}.bam"
        called = _called("illumina-wgs", CHR_X, reads, CHR_X_REGION, place)
        size = CHR_X_REGION.end - CHR_X_REGION.start
        counts = {caller: Counted(sure_heterozygotes(called[caller]), size) for caller in CALLERS}
        whose = f"a man's X ({name})" if name == MALE else f"a woman's X ({name}), for comparison"
        yield TruthFree(
            f"heterozygotes of {whose}, GQ of {SURE} or more", "bp", counts, for_comparison=name != MALE
        )


def check_haploid(place: Place) -> Iterator[TruthFree]:
    """Yield the calls of a cell line with one copy of its genome against its own assembly: all are wrong."""
    called = _called("pacbio", CHM13, CHM13_READS, CHM13_REGION, place)
    size = CHM13_REGION.end - CHM13_REGION.start
    counts = {caller: Counted(len(called[caller]), size) for caller in CALLERS}
    yield TruthFree("calls of haploid CHM13", "bp", counts)
    sure = {caller: Counted(sum(_is_sure(one) for one in called[caller]), size) for caller in CALLERS}
    yield TruthFree(f"calls of haploid CHM13, GQ of {SURE} or more", "bp", sure)


def _called(
    tech: str, reference: str, reads: str, region: Region, place: Place
) -> dict[str, list[Genotyped]]:
    """Call one sample with every caller; what passes in the region, by caller."""
    bam = place.shared / reads
    folder = place.out / "truth_free" / bam.stem
    folder.mkdir(parents=True, exist_ok=True)
    given = ValidationSet(bam.stem, tech, place.shared / reference, bam, Path(), Path())
    fasta = plain_fasta(as_long_as_aligned(given, folder).reference, folder)
    sample = Sample(tech, fasta, bam, [region])
    return {caller: list(passed(call(caller, sample, folder, place.model), region)) for caller in CALLERS}


def read_obligate(path: Path) -> set[Allele]:
    """Read lines of 1-based position, reference and allele."""
    lines = [line.split() for line in path.read_text().splitlines()]
    return {Allele(int(at) - 1, ref, alt) for at, ref, alt in lines}


def carriers(copies: Mapping[Allele, int], obligate: Iterable[Allele]) -> Counted:
    """Count the alleles that a parent must carry and does by its calls."""
    alleles = list(obligate)
    return Counted(sum(copies.get(allele, 0) > 0 for allele in alleles), len(alleles))


def mendelian_violations(
    trio: Sequence[Mapping[Allele, int]], depths: Sequence[DepthAt], snps: bool
) -> Counted:
    """Count the alleles that the child cannot have so often, of those that anybody has.

    Parameters
    ----------
    trio
        Copies of alleles of child, father and mother. Who has too few reads at a place and no allele may have any.
    snps
        Count SNPs, or all else.
    """
    alleles = sorted({allele for person in trio for allele in person if allele.is_snp == snps})
    known = [
        [person.get(allele, 0) for person in trio]
        for allele in alleles
        if all(
            allele in person or depth(allele.start) >= LEAST_DEPTH
            for person, depth in zip(trio, depths, strict=True)
        )
    ]
    return Counted(sum(violates(*copies) for copies in known), len(known))


def depth_of(reads: Path, region: Region) -> DepthAt:
    """Return a function that counts the reads over a position of a region's contig."""
    depth = [0] * (region.end - region.start)
    with pysam.AlignmentFile(str(reads)) as alignments:
        for read in alignments.fetch(*region):
            if not read.flag & NOT_COUNTED:
                for at in range(max(read.reference_start, region.start), min(read.reference_end, region.end)):
                    depth[at - region.start] += 1
    return lambda at: depth[at - region.start]


def sure_heterozygotes(records: Iterable[Genotyped]) -> int:
    """Count the heterozygotes that a caller is sure of."""
    return sum(record.heterozygous and _is_sure(record) for record in records)


def _is_sure(record: Genotyped) -> bool:
    """By GQ; by QUAL, where a caller gives no GQ."""
    return (record.qual if record.gq is None else record.gq) >= SURE
