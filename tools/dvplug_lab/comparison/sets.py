"""Reads with a truth: the real validation sets, and folders of held-out simulated ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pysam

from dvplug.errors import InputError, near_misses
from dvplug.genome.reference import Reference
from dvplug.genome.regions import resolve_regions
from dvplug.line.region import Region

SEED = 7
"""Of thinning: the same reads stay each time."""
NOT_COUNTED = 0xF04
"""SAM flags of reads that give no depth: unmapped, secondary, QC fail, duplicate, supplementary."""


@dataclass(frozen=True)
class ValidationSet:
    """Reads of one sample, and where the truth of it is known."""

    name: str
    tech: str
    reference: Path
    reads: Path
    truth: Path
    confident: Path


REAL = {
    "hg002_illumina": (
        "illumina-wgs",
        "reference/b37.chr20_regions.fa.gz",
        "illumina/HG002_b37.chr20_slices.2x150.60-96x.bam",
        "truth/HG002_b37_v4.2.1.chr20_slices_dev.vcf.gz",
        "truth/HG002_b37_v4.2.1.chr20_slices_dev.bed",
    ),
    "na12878_illumina": (
        "illumina-wgs",
        "reference/b37.chr20_regions.fa.gz",
        "illumina/NA12878_b37.chr20_10.0-10.1M.2x101.50x.bam",
        "truth/NA12878_b37_v3.3.2.chr20_10.0-10.1M.vcf.gz",
        "truth/NA12878_b37.chr20_10.0-10.1M.approximate.bed",
    ),
    "hg002_hifi": (
        "pacbio",
        "reference/grch38.chr20_and_21_10M.fa.gz",
        "pacbio/HG002_GRCh38.hifi_sequel2.chr20_60-160k.21x.bam",
        "truth/HG002_GRCh38_v4.2.1.chr20_dev.vcf.gz",
        "oracle/hg002_hifi.bed",
    ),
    "hg002_ont": (
        "ont",
        "reference/grch38.chr20_and_21_10M.fa.gz",
        "ont/HG002_GRCh38.r10.4.1_sup.chr20_5.02-5.075M.bam",
        "truth/HG002_GRCh38_v4.2.1.chr20_dev.vcf.gz",
        "oracle/hg002_ont.bed",
    ),
}
HARD = {
    "hg002_flat_quality": (
        "illumina-wgs",
        "reference/b37.chr1_0.60-1.56M.fa.gz",
        "illumina/HG002_b37.chr1_0.64-1.5M.2x150.30x.flat_quality.bam",
        "truth/HG002_b37_v4.2.1.chr1_0.64-1.5M.vcf.gz",
        "truth/HG002_b37.chr1_0.64-1.5M.flat_quality.bed",
    ),
    "na12878_shallow": (
        "illumina-wgs",
        "reference/b37.chr20_regions.fa.gz",
        "illumina/NA12878_b37.chr20_10.0-10.19M.2x101.7x.bam",
        "truth/NA12878_b37_v3.3.2.chr20_10.0-10.19M.vcf.gz",
        "truth/NA12878_b37.chr20_10.0-10.19M.approximate.bed",
    ),
    "na12878_official": (
        "illumina-wgs",
        "reference/b37.chr20_regions.fa.gz",
        "illumina/NA12878_b37.chr20_10.000-10.009M.2x101.88x.bam",
        "truth/NA12878_b37_v3.3.2.chr20_10.0-10.19M.vcf.gz",
        "truth/NA12878_b37.chr20_10.000-10.009M.confident.bed",
    ),
}
"""Real sets beside those of the cards' figures: flat qualities amid structural variants, 7x, and few variants."""
FOLDER = ("ref.fa", "reads.bam", "truth.vcf.gz", "confident.bed")


def real_sets(tech: str) -> list[str]:
    """Return the names of a technology's real sets, but for the `HARD` ones."""
    return [name for name, (of_set, *_) in REAL.items() if of_set == tech]


def hard_sets(tech: str) -> list[str]:
    """Return the names of a technology's `HARD` sets."""
    return [name for name, (of_set, *_) in HARD.items() if of_set == tech]


def find_set(name: str, shared: Path, tech: str = "illumina-wgs") -> ValidationSet:
    """Return a real set by its name, or the set in a folder.

    Parameters
    ----------
    name
        A key of `REAL` or `HARD`; a folder that holds the files of `FOLDER`; or a BED file in such a folder, which then
        stands for its confident.bed.

    Raises
    ------
    InputError
        There is no such set, or one of its files is missing.
    """
    known = REAL | HARD
    if name in known:
        of_set, *parts = known[name]
        found = ValidationSet(name, of_set, *(shared / part for part in parts))
    elif Path(name).exists():
        place = Path(name)
        folder = place if place.is_dir() else place.parent
        found = ValidationSet(folder.name, tech, *(folder / part for part in FOLDER))
        if place != folder:
            found = replace(found, name=f"{folder.name}_{place.stem}", confident=place)
    else:
        raise InputError(
            f"validation set '{name}' is neither known nor a folder", repair=near_misses(name, known)
        )
    for path in (found.reference, found.reads, found.truth, found.confident):
        if not path.is_file():
            raise InputError(f"validation set '{name}' lacks {path}", repair="Say with --shared where it is.")
    return found


def as_long_as_aligned(chosen: ValidationSet, folder: Path) -> ValidationSet:
    """Return the set with a reference whose contigs are as long as in the BAM: what was cut off is N.

    Callers rightly refuse reads that were aligned to another reference than theirs; slices of real genomes are cut.
    """
    with pysam.AlignmentFile(str(chosen.reads)) as reads, pysam.FastaFile(str(chosen.reference)) as fasta:
        aligned = dict(zip(reads.references, reads.lengths, strict=True))
        if all(aligned.get(name, n) == n for name, n in zip(fasta.references, fasta.lengths, strict=True)):
            return chosen
        folder.mkdir(parents=True, exist_ok=True)
        padded = folder / f"{chosen.name}.reference.fa"
        with padded.open("w") as out:
            for name in fasta.references:
                sequence = fasta.fetch(name).ljust(aligned.get(name, 0), "N")
                out.write(f">{name}\n")
                out.writelines(f"{sequence[i : i + 100]}\n" for i in range(0, len(sequence), 100))
    pysam.faidx(str(padded))
    return replace(chosen, reference=padded)


def confident_regions(chosen: ValidationSet) -> list[Region]:
    """Return the merged intervals in which the truth is whole."""
    with Reference.open(chosen.reference) as reference:
        return resolve_regions([str(chosen.confident)], (), reference.lengths)


def stretches(
    confident: Iterable[Region], lengths: Mapping[str, int], *, gap: int = 10_000, margin: int = 1_000
) -> list[Region]:
    """Join sorted intervals less than ``gap`` bp apart and widen them: where all callers are run."""
    joined: list[Region] = []
    for contig, start, end in confident:
        if joined and joined[-1].contig == contig and start - joined[-1].end < gap:
            joined[-1] = Region(contig, joined[-1].start, max(end, joined[-1].end))
        else:
            joined.append(Region(contig, start, end))
    return [Region(c, max(0, start - margin), min(end + margin, lengths[c])) for c, start, end in joined]


def mean_depth(reads: Path, confident: Sequence[Region]) -> float:
    """Return the mean number of reads over the confident bases, deletions counted as covered."""
    covered = 0
    with pysam.AlignmentFile(str(reads)) as alignments:
        for region in confident:
            for read in alignments.fetch(*region):
                if not read.flag & NOT_COUNTED:
                    covered += min(read.reference_end, region.end) - max(read.reference_start, region.start)
    return covered / sum(region.end - region.start for region in confident)


def thinned(reads: Path, share: float, where: Sequence[Region], out: Path) -> Path:
    """Write an indexed BAM of a share of the fragments that reach these regions, chosen by a fixed seed."""
    fraction = f"{SEED + round(share, 4):.4f}"
    pysam.view("-b", "-o", str(out), "-s", fraction, str(reads), *map(str, where), catch_stdout=False)
    pysam.index(str(out))
    return out
