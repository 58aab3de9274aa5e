"""Slices of real reads, laid on as many contigs as make a few Mb: what a genome of such reads costs shows only then."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pysam

from dvplug_lab.comparison.peers import plain_fasta
from dvplug_lab.costs.slices import Slice
from dvplug_lab.places import SHARED

PAD = {"illumina-wgs": 2_000, "illumina-wes": 2_000, "pacbio": 30_000, "ont": 150_000}
"""Reference beside an interval, in bp: a read that goes beyond is left out."""


@dataclass(frozen=True)
class LaidOut:
    """Reads on copies of the windows they come from.

    Attributes
    ----------
    reference, reads
        FASTA and BAM, both with an index.
    megabases
        Of the intervals that reads lie on, in 10^6 bp; the reference is larger.
    depth
        Mean, over these.
    """

    reference: Path
    reads: Path
    megabases: float
    depth: float


def lay_out(one: Slice, megabases: float, folder: Path, shared: Path = SHARED) -> LaidOut:
    """Lay a slice on at least so many Mb, in a folder that is made; each interval is a contig of its own.

    Every copy has its own draw of the fragments, where only a share of them is taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    regions = [_parsed(region) for region in one.regions]
    size = sum(end - start for _, start, end in regions) / 1e6
    copies = max(1, round(megabases / size))
    windows = _windows(one, regions, folder, shared)
    names = [f"copy{copy}_{i}" for copy in range(copies) for i in range(len(regions))]
    reference, reads = folder / "reference.fa", folder / "reads.bam"
    with reference.open("w") as out:
        for name, (_, text) in zip(names, windows * copies, strict=True):
            out.write(f">{name}\n{text}\n")
    pysam.faidx(str(reference))
    bases = _write_reads(one, regions, windows, names, shared, reads)
    return LaidOut(reference, reads, copies * size, bases / (copies * size * 1e6))


def _parsed(region: str) -> tuple[str, int, int]:
    contig, _, span = region.rpartition(":")
    start, end = span.split("-")
    return contig, int(start), int(end)


def _windows(
    one: Slice, regions: list[tuple[str, int, int]], folder: Path, shared: Path
) -> list[tuple[int, str]]:
    """Where each window begins, and its bases."""
    windows, pad = [], PAD[one.technology]
    with pysam.FastaFile(str(plain_fasta(shared / one.reference, folder))) as fasta:
        for contig, start, end in regions:
            first = max(0, start - pad)
            windows.append((first, fasta.fetch(contig, first, end + pad)))
    return windows


def _write_reads(
    one: Slice,
    regions: list[tuple[str, int, int]],
    windows: list[tuple[int, str]],
    names: list[str],
    shared: Path,
    out: Path,
) -> int:
    """Write the reads of each contig; return how many of their bases are aligned within the intervals."""
    bases, rng = 0, random.Random(1)
    with pysam.AlignmentFile(str(shared / one.reads)) as given:
        head = given.header.to_dict()
        head["SQ"] = [{"SN": name, "LN": len(windows[i % len(windows)][1])} for i, name in enumerate(names)]
        header = pysam.AlignmentHeader.from_dict(head)
        with pysam.AlignmentFile(str(out), "wb", header=header) as kept:
            for i, name in enumerate(names):
                chosen: dict[str, bool] = {}
                (contig, start, end), (first, text) = regions[i % len(regions)], windows[i % len(regions)]
                for read in given.fetch(contig, start, end):
                    inside = first <= read.reference_start and (read.reference_end or 0) <= first + len(text)
                    if inside and chosen.setdefault(str(read.query_name), rng.random() < one.share):
                        bases += 0 if read.is_duplicate else read.get_overlap(start, end) or 0
                        kept.write(_moved(read, name, first, first + len(text), header))
    pysam.index(str(out))
    return bases


def _moved(
    read: pysam.AlignedSegment, name: str, first: int, last: int, header: pysam.AlignmentHeader
) -> pysam.AlignedSegment:
    """The read on a contig that begins at ``first``; a mate outside of it is said to lie nowhere."""
    words = read.to_string().split("\t")
    words[2], words[3] = name, str(read.reference_start + 1 - first)
    same = read.is_paired and read.next_reference_id == read.reference_id
    if same and first <= read.next_reference_start < last:
        words[6], words[7] = "=", str(read.next_reference_start + 1 - first)
    else:
        words[6:9] = "*", "0", "0"
    return pysam.AlignedSegment.fromstring("\t".join(words), header)
