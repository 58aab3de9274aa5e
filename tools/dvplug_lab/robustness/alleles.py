"""What a person carries by a VCF: copies of each allele, written in the shortest way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dvplug.evaluate.variants import open_vcf
from dvplug.line.region import Region


class Allele(NamedTuple):
    """A change of a contig: 0-based start, and what stands there in place of what."""

    start: int
    ref: str
    alt: str

    @property
    def is_snp(self) -> bool:
        """Tell whether one base is another."""
        return len(self.ref) == len(self.alt) == 1


class Genotyped(NamedTuple):
    """A passed record with an alternate allele."""

    start: int
    alleles: tuple[
        Allele, ...
    ]  # one for each copy that is not the reference, several where bases differ alone
    heterozygous: bool
    gq: int | None
    qual: float


def passed(calls: Path, region: Region) -> Iterator[Genotyped]:
    """Yield the records of a one-sample VCF that pass and begin in a region."""
    with open_vcf(calls) as records:
        for record in records:
            sample = record.samples[0]
            copies = [allele for allele in sample["GT"] if allele is not None]
            inside = record.contig == region.contig and region.start <= record.start < region.end
            if not inside or not any(copies) or set(record.filter) - {"PASS"}:
                continue
            alts = [record.alleles[copy] for copy in copies if copy]
            shortest = [one for alt in alts for one in simplest(record.start, record.ref, alt)]
            gq = sample["GQ"] if "GQ" in record.format else None
            yield Genotyped(record.start, tuple(shortest), len(set(copies)) > 1, gq, record.qual or 0.0)


def simplest(start: int, ref: str, alt: str) -> list[Allele]:
    """Return the SNPs of an allele as long as the reference's, any other without what both have in common."""
    if not set(alt) <= set("ACGTN"):
        return []
    if len(ref) == len(alt):
        pairs = enumerate(zip(ref, alt, strict=True), start)
        return [Allele(at, old, new) for at, (old, new) in pairs if old != new]
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        start, ref, alt = start + 1, ref[1:], alt[1:]
    return [Allele(start, ref, alt)]


def copies_of(records: Iterable[Genotyped]) -> dict[Allele, int]:
    """Return how many copies of each allele there are, at most two."""
    found = Counter(allele for record in records for allele in record.alleles)
    return {allele: min(count, 2) for allele, count in found.items()}


def violates(child: int, father: int, mother: int) -> bool:
    """Tell whether no child of these parents has so many copies of an allele."""
    given = {0: {0}, 1: {0, 1}, 2: {1}}
    return child not in {one + other for one in given[father] for other in given[mother]}
