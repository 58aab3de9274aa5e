"""Explain what a caller got wrong: its record, the truth's, and what the reads show, counted independently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pysam

from dvplug_lab.comparison.linkage import linkage

MIN_MAPPING_QUALITY, MIN_BASE_QUALITY = 5, 10
NOT_COUNTED = pysam.FUNMAP | pysam.FSECONDARY | pysam.FQCFAIL | pysam.FDUP | pysam.FSUPPLEMENTARY
NEAR = 5
"""bp around an error in which records of the other side are shown."""


@dataclass(frozen=True)
class CallError:
    """A false positive or false negative and what is known of its place.

    Attributes
    ----------
    status
        FP or FN.
    variant
        SNP or INDEL, of the record that is wrong or missed.
    why
        genotype_mismatch, allele_mismatch or absent (see `dvplug.evaluate`).
    calls, truth
        The records of either side within `NEAR` bp, RefCalls included, as text.
    reads
        Alleles that reads show there (see `observed_alleles`), most frequent first.
    linked
        Of a false heterozygote: how many pairs of a fragment and a true heterozygote fit to one haplotype, and of how
        many (see `linkage`). Where all of many do, the truth lacks a variant.
    """

    status: str
    variant: str
    where: str
    why: str
    calls: list[str]
    truth: list[str]
    reads: dict[str, int]
    linked: tuple[int, int] | None = None

    def __str__(self) -> str:
        """One line."""
        reads = ", ".join(f"{allele} {count}" for allele, count in self.reads.items())
        calls, truth = ("; ".join(records) or "nothing" for records in (self.calls, self.truth))
        line = f"{self.status} {self.variant} {self.where} {self.why}: called {calls} | truth {truth} | reads {reads}"
        return line + (f" | linked {self.linked[0]} of {self.linked[1]}" if self.linked else "")

    def as_dict(self) -> dict[str, object]:
        """Everything, for JSON."""
        return asdict(self)


def explain(judged: Path, calls: Path, truth: Path, reads: Path, reference: Path) -> Iterator[CallError]:
    """Yield the errors of a caller by position.

    Parameters
    ----------
    judged
        Folder with the fp.vcf.gz and fn.vcf.gz of `dvplug.evaluate`.
    calls, truth
        The VCFs that were compared; needs their indexes.
    """
    found = []
    for status in ("FP", "FN"):
        with pysam.VariantFile(str(judged / f"{status.lower()}.vcf.gz")) as records:
            found += [(record.chrom, record.start, status, record.copy()) for record in records]
    with (
        pysam.VariantFile(str(calls)) as called,
        pysam.VariantFile(str(truth)) as true,
        pysam.AlignmentFile(str(reads), reference_filename=str(reference)) as alignments,
    ):
        for contig, start, status, record in sorted(found, key=lambda f: f[:3]):
            yield CallError(
                status,
                "SNP" if all(len(allele) == 1 for allele in record.alleles) else "INDEL",
                f"{contig}:{start + 1}",
                record.info["EVAL_WHY"],
                [describe(r) for r in near(called, contig, start, record.stop)],
                [describe(r) for r in near(true, contig, start, record.stop)],
                observed_alleles(alignments, contig, start),
                linkage(alignments, true, record) if status == "FP" else None,
            )


def near(records: pysam.VariantFile, contig: str, start: int, end: int) -> Iterator[pysam.VariantRecord]:
    """Yield the records within `NEAR` bp of [start, end)."""
    if contig in records.header.contigs:
        yield from records.fetch(contig, max(0, start - NEAR), end + NEAR)


def describe(record: pysam.VariantRecord) -> str:
    """Return position, alleles, genotype and what else says how sure the caller was."""
    sample = record.samples[0]
    separator = "|" if sample.phased else "/"
    words = [
        f"{record.pos}",
        f"{record.ref}>{','.join(record.alts or ('.',))}",
        separator.join("." if allele is None else str(allele) for allele in sample["GT"]),
    ]
    if "AD" in sample and "GQ" in sample:
        words += [f"GQ {sample['GQ']}", f"AD {','.join(map(str, sample['AD']))}", f"QUAL {record.qual:g}"]
        words += [name for name in record.filter if name != "PASS"]
    return " ".join(words)


def observed_alleles(alignments: pysam.AlignmentFile, contig: str, start: int) -> dict[str, int]:
    """Count what the alignments of reads show at a base: it, ``*`` when deleted, and the indel that follows.

    Mates that overlap both count. Qualities: mapping >= 5, base >= 10, as the profiles have it.
    """
    found: Counter[str] = Counter()
    for column in alignments.pileup(
        contig, start, start + 1, truncate=True, stepper="nofilter", ignore_overlaps=False,
        min_base_quality=0, max_depth=1_000_000,
    ):  # fmt: skip
        for read in column.pileups:
            alignment = read.alignment
            if (
                alignment.flag & NOT_COUNTED
                or alignment.mapping_quality < MIN_MAPPING_QUALITY
                or read.is_refskip
            ):
                continue
            if read.is_del:
                found["*"] += 1
                continue
            at = read.query_position
            if alignment.query_qualities is not None and alignment.query_qualities[at] < MIN_BASE_QUALITY:
                continue
            bases = alignment.query_sequence[at : at + 1 + max(0, read.indel)]
            found[bases + (f"{read.indel}" if read.indel < 0 else "")] += 1
    return dict(found.most_common(8))


def depth_at(alignments: pysam.AlignmentFile, record: pysam.VariantRecord) -> int:
    """Count the reads over a record's first base, unfiltered but for flags."""
    start = record.start
    return alignments.count(
        record.chrom, start, start + 1, read_callback=lambda read: not read.flag & NOT_COUNTED
    )
