"""Is a false call one? An allele that lies on the same fragments as the truth's heterozygotes is on a haplotype."""

from __future__ import annotations

from collections.abc import Iterator

import pysam

MIN_MAPPING_QUALITY = 5
NOT_COUNTED = pysam.FUNMAP | pysam.FSECONDARY | pysam.FQCFAIL | pysam.FDUP | pysam.FSUPPLEMENTARY
REACH = 500
"""bp on either side in which a heterozygote of the truth can share fragments with the call."""
LEAST = 4
"""Fragments that two sites must share: fewer would agree by chance."""
SPARE = 12
"""bases that a read must reach beyond an indel to tell of it."""


def linkage(
    alignments: pysam.AlignmentFile, truth: pysam.VariantFile, record: pysam.VariantRecord
) -> tuple[int, int] | None:
    """How many pairs of a fragment and a true heterozygote fit to one haplotype, and of how many.

    A true heterozygote's alt goes either with the call's alt or with its absence: whichever more fragments say. What
    errors, or reads of another place, make fits to neither. None where no heterozygote shares enough fragments.
    """
    alt = called_alt(record)
    if alt is None:
        return None
    called = fragments(alignments, record.chrom, record.start, record.ref, alt)
    fitting, all_pairs = 0, 0
    for other in heterozygotes(truth, record.chrom, record.start):
        there = fragments(alignments, other.chrom, other.start, other.ref, other.alts[0])
        agree = [called[name] == there[name] for name in called.keys() & there.keys()]
        if len(agree) >= LEAST:
            fitting += max(sum(agree), len(agree) - sum(agree))
            all_pairs += len(agree)
    return (fitting, all_pairs) if all_pairs else None


def called_alt(record: pysam.VariantRecord) -> str | None:
    """The alt of a heterozygote of it and the reference."""
    gt = record.samples[0]["GT"]
    alts = [allele for allele in gt if allele]
    return str(record.alleles[alts[0]]) if len(gt) == 2 and 0 in gt and alts else None


def heterozygotes(truth: pysam.VariantFile, contig: str, start: int) -> Iterator[pysam.VariantRecord]:
    """Yield the heterozygous SNPs of the truth near a position, not at it."""
    for other in truth.fetch(contig, max(0, start - REACH), start + REACH):
        is_snp = len(other.ref) == 1 and len(other.alts or ()) == 1 and len(other.alts[0]) == 1
        if is_snp and other.start != start and sorted(other.samples[0]["GT"], key=str) == [0, 1]:
            yield other


def fragments(
    alignments: pysam.AlignmentFile, contig: str, start: int, ref: str, alt: str
) -> dict[str, bool]:
    """Whether each fragment shows the alt, by its name; of mates that disagree the later read counts."""
    longer = len(alt) - len(ref)
    found = {}
    for column in alignments.pileup(
        contig, start, start + 1, truncate=True, stepper="nofilter", ignore_overlaps=False, min_base_quality=0,
        max_depth=1_000_000,
    ):  # fmt: skip
        for read in column.pileups:
            one, at = read.alignment, read.query_position
            if one.flag & NOT_COUNTED or one.mapping_quality < MIN_MAPPING_QUALITY or at is None:
                continue
            if longer and at + max(0, longer) + SPARE >= one.query_alignment_end:
                continue
            shows = read.indel == longer if longer else one.query_sequence[at] == alt
            found[one.query_name] = bool(shows)
    return found
