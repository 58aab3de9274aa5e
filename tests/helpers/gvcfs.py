"""gVCFs written by hand: of dvplug, DeepVariant and GATK, by the facts of their formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pysam

from dvplug.simulate.genome import write_fasta

_FORMATS = (
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="x">\n'
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">\n##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">\n'
    '##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="x">\n'
    '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="x">\n'
    '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="x">\n##INFO=<ID=END,Number=1,Type=Integer,Description="x">\n'
)
FAR = "990,990,990"
"""Likelihoods of the genotypes with an allele that is not listed, beside one that is."""


class Cohort:
    """A reference of 2,000 bp, and gVCFs on it."""

    contig = "chr1"
    length = 2_000

    def __init__(self, folder: Path, seed: int = 1, bases: str = "") -> None:
        self.folder = folder
        codes = np.random.default_rng(seed).integers(0, 4, self.length).astype(np.uint8)
        for at, base in enumerate(bases):
            codes[100 + at] = "ACGT".index(base)
        self.bases = "".join("ACGT"[code] for code in codes)
        self.reference = write_fasta(folder / "genome.fa", {self.contig: codes})

    def base(self, position: int) -> str:
        """The reference base at a 1-based position."""
        return self.bases[position - 1]

    def other(self, position: int) -> str:
        """Another base than the reference has there."""
        return "ACGT"["ACGT".index(self.base(position)) - 3]

    def block(
        self, first: int, last: int, dp: int = 30, pl: str = "", symbol: str = "<*>", gt: str = "0/0"
    ) -> str:
        """A line of a reference block over 1-based positions."""
        pl = pl or f"0,{3 * dp},{30 * dp}"
        gt = gt if dp else "./."
        return (
            f"{self.contig}\t{first}\t.\t{self.base(first)}\t{symbol}\t.\t.\tEND={last}\tGT:GQ:MIN_DP:PL\t"
            f"{gt}:{min(3 * dp, 99)}:{dp}:{pl}\n"
        )

    def record(
        self,
        position: int,
        ref: str,
        alts: str,
        pl: str,
        *,
        gt: str = "0/1",
        dp: int = 30,
        ad: str = ".",
        ps: str = ".",
        names: str = "GT:GQ:DP:AD:PL:PS",
    ) -> str:
        """A line of a record; ``alts`` with its symbol."""
        values = {"GT": gt, "GQ": "30", "DP": str(dp), "AD": ad, "PL": pl, "PS": ps}
        sample = ":".join(values.get(name, ".") for name in names.split(":"))
        return f"{self.contig}\t{position}\t.\t{ref}\t{alts}\t30\tPASS\t.\t{names}\t{sample}\n"

    def write(self, sample: str, lines: Sequence[str], *, index: bool = True, name: str = "") -> Path:
        """Write a gVCF, compressed and indexed."""
        path = self.folder / f"{name or sample}.g.vcf.gz"
        text = (
            f"##fileformat=VCFv4.2\n{_FORMATS}##contig=<ID={self.contig},length={self.length}>\n"
            f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}\n{''.join(lines)}"
        )
        with pysam.BGZFile(str(path), "wb") as file:
            file.write(text.encode())
        if index:
            pysam.tabix_index(str(path), preset="vcf", force=True)
        return path


def crowd(cohort: Cohort) -> list[Path]:
    """Six samples with SNPs and deletions at and over every cut."""
    paths = []
    for n in range(6):
        lines, at = [], 1
        for position in range(95 + n % 3, 1900, 11 + n):
            if position < at:
                continue
            size = (position * (n % 2 + 1)) % 17
            ref = cohort.bases[position - 1 : position + size]
            alt = ref[0] if size else cohort.other(position)
            if position > at:
                lines.append(cohort.block(at, position - 1, 8 + n))
            lines.append(cohort.record(position, ref, f"{alt},<*>", f"{20 + n},0,{15 + position % 30},{FAR}"))
            at = position + len(ref)
        paths.append(cohort.write(f"s{n}", [*lines, cohort.block(at, 2000)]))
    return paths


def rows(path: Path) -> list[list[str]]:
    """Columns of the records of a VCF or BCF."""
    with pysam.VariantFile(str(path)) as file:
        return [str(record).rstrip("\n").split("\t") for record in file]


def values(path: Path, position: int, sample: str) -> dict[str, str]:
    """What a sample has at a position, as text."""
    with pysam.VariantFile(str(path)) as file:
        at = list(file.header.samples).index(sample)
    (row,) = [row for row in rows(path) if int(row[1]) == position]
    return dict(zip(row[8].split(":"), row[9 + at].split(":"), strict=True))
