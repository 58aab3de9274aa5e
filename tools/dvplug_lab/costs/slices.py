"""Slices of the real data whose calls are measured, as docs/performance.md and docs/costs.md have them."""

from __future__ import annotations

from dataclasses import dataclass

CHR20, B37 = "reference/grch38.chr20_and_21_10M.fa.gz", "reference/b37.chr20_regions.fa.gz"


@dataclass(frozen=True)
class Slice:
    """Reads to measure with: where they lie in the folder of real data, and what share of them is taken."""

    name: str
    technology: str
    reads: str
    reference: str
    regions: tuple[str, ...]
    share: float = 1.0


HISEQX = ("20:18784000-18856000", "20:20156000-20235000", "20:36019000-36040000")
SLICES = (
    Slice("HiSeq X", "illumina-wgs", "illumina/HG002_b37.chr20_slices.2x150.60-96x.bam", B37, HISEQX),
    Slice("HiSeq X, 0.4 of it", "illumina-wgs", "illumina/HG002_b37.chr20_slices.2x150.60-96x.bam", B37, HISEQX, 0.4),
    Slice(
        "exome, 2x76", "illumina-wes", "illumina/NA12878_b37.exome.chr20_6.0-6.1M.2x76.profile_only.bam", B37,
        ("20:6000000-6100000",),
    ),
    Slice(
        "HiFi, Sequel II", "pacbio", "pacbio/HG002_GRCh38.hifi_sequel2.chr20_60-160k.21x.bam", CHR20,
        ("chr20:60000-160000",),
    ),
    Slice(
        "R10", "ont", "ont/HG002_GRCh38.r10.4.1_sup.chr20_5.02-5.075M.bam", CHR20, ("chr20:5020000-5075000",)
    ),
)  # fmt: skip
