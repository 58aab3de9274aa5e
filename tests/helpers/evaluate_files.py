"""Small references and VCFs for the tests of the comparison."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pysam

#: (start, ref, alts, genotype, filter): start 0-based, alts comma-separated.
Row = tuple[int, str, str, str, str]

TEXT = "GATTACAGGCTTAACGTCCATG" + "A" * 12 + "CGTACTTGCAGATCGCTAGCTAAGTC" + "CA" * 8 + "GGTACCTTAGATTC"


class TextReference:
    """Reference held in memory; like the engine's, it refuses intervals beyond a contig."""

    def __init__(self, **contigs: str) -> None:
        self._contigs = contigs
        self.lengths = {name: len(text) for name, text in contigs.items()}

    def sequence(self, contig: str, start: int, end: int) -> str:
        if not 0 <= start <= end <= self.lengths[contig]:
            raise ValueError(f"{contig} [{start}, {end}) is beyond the contig")
        return self._contigs[contig][start:end]

    def is_ambiguous(self, contig: str, start: int, end: int) -> bool:
        return bool(set(self._contigs[contig][start:end]) - set("ACGTN"))


def write_fasta(path: Path, **contigs: str) -> Path:
    path.write_text("".join(f">{name}\n{text}\n" for name, text in contigs.items()))
    pysam.faidx(str(path))
    return path


def write_vcf(
    path: Path, rows: Iterable[Row], contig: str = "chr1", samples: tuple[str, ...] = ("S",)
) -> Path:
    lines = [
        "##fileformat=VCFv4.2",
        f"##contig=<ID={contig},length=100000>",
        '##FILTER=<ID=LowQual,Description="low">',
        '##FILTER=<ID=RefCall,Description="reference">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">',
        "\t".join(["#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT".replace(" ", "\t"), *samples]),
    ]
    for start, ref, alts, genotype, filters in rows:
        lines.append(
            "\t".join(
                [contig, str(start + 1), ".", ref, alts, ".", filters, ".", "GT", *[genotype] * len(samples)]
            )
        )
    path.write_text("\n".join(lines) + "\n")
    return path


def row(start: int, ref: str, alts: str, genotype: str, filters: str = "PASS") -> Row:
    return start, ref, alts, genotype, filters


class Files:
    """A reference, a BED and two VCFs in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reference = write_fasta(folder / "ref.fa", chr1=TEXT)
        self.bed = folder / "confident.bed"
        self.bed.write_text(f"chr1\t0\t{len(TEXT)}\n")

    def write(self, truth: list[Row], query: list[Row]) -> tuple[Path, Path, Path, Path]:
        return (
            write_vcf(self.folder / "truth.vcf", truth),
            write_vcf(self.folder / "query.vcf", query),
            self.bed,
            self.reference,
        )
