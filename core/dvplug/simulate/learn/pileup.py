"""Allele counts of a BAM over a region: what profiles are learnt from and what noise is measured with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.simulate.genome import Codes, encode

MATCH, INSERTION, DELETION, SOFT_CLIP = {0, 7, 8}, 1, 2, 4


@dataclass
class Pileup:
    """Counts over ``[start, start + n)`` of a contig.

    ``bases`` int32[n, 4] of bases of sufficient quality; ``depth`` int32[n], reads over the position;
    ``clips`` int32[n], reads whose alignment ends there in a soft clip; ``indels`` (position of the anchor
    relative to start, inserted bases or minus the deleted length) to reads.
    """

    start: int
    bases: NDArray[np.int32]
    depth: NDArray[np.int32]
    clips: NDArray[np.int32]
    indels: Counter[tuple[int, str]] = field(default_factory=Counter)


def primary_reads(bam: pysam.AlignmentFile, contig: str, start: int, end: int, min_mapq: int) -> Iterator:
    """Yield primary, non-duplicate alignments that overlap a region."""
    for read in bam.fetch(contig, start, end):
        if not read.flag & 0xF04 and read.mapping_quality >= min_mapq and read.query_qualities is not None:
            yield read


def blocks(read: pysam.AlignedSegment) -> Iterator[tuple[int, int, int, int]]:
    """Yield (operation, read position, reference position, length) along a CIGAR."""
    at, ref = 0, read.reference_start
    for operation, length in read.cigartuples:
        yield operation, at, ref, length
        if operation in MATCH:
            at, ref = at + length, ref + length
        elif operation in (INSERTION, SOFT_CLIP):
            at += length
        elif operation == DELETION:
            ref += length


def count_alleles(
    path: Path, contig: str, start: int, end: int, *, min_mapq: int = 5, min_base_q: int = 10
) -> Pileup:
    """Count bases, indels and clip ends of the primary reads over a region."""
    n = end - start
    pileup = Pileup(start, np.zeros((n, 4), np.int32), np.zeros(n, np.int32), np.zeros(n, np.int32))
    with pysam.AlignmentFile(str(path)) as bam:
        for read in primary_reads(bam, contig, start, end, min_mapq):
            _count_read(pileup, read, n, min_base_q)
    return pileup


def _count_read(pileup: Pileup, read: pysam.AlignedSegment, n: int, min_base_q: int) -> None:
    """Add one read."""
    sequence, quality = read.query_sequence, np.frombuffer(read.query_qualities, dtype=np.uint8)
    codes = encode(sequence)
    for operation, at, ref, length in blocks(read):
        place = ref - pileup.start
        if operation in MATCH:
            low, high = max(0, -place), min(length, n - place)
            if low < high:
                part = slice(at + low, at + high)
                good = (quality[part] >= min_base_q) & (codes[part] < 4)
                np.add.at(pileup.bases, (np.arange(place + low, place + high)[good], codes[part][good]), 1)
                pileup.depth[place + low : place + high] += 1
        elif operation == INSERTION and 0 < place <= n:
            if quality[at : at + length].mean() >= min_base_q:
                pileup.indels[place - 1, sequence[at : at + length]] += 1
        elif operation == DELETION and 0 < place <= n:
            if quality[max(at - 1, 0) : at + 1].min() >= min_base_q:
                pileup.indels[place - 1, f"-{length}"] += 1
            low, high = max(0, place), min(place + length, n)
            pileup.depth[low:high] += 1
        elif operation == SOFT_CLIP and 0 <= place < n:
            pileup.clips[place] += 1


def covered_intervals(path: Path, min_depth: int = 10) -> list[tuple[str, int, int]]:
    """Return the stretches of 500 bp or more that a small BAM covers at ``min_depth`` or deeper."""
    found = []
    with pysam.AlignmentFile(str(path)) as bam:
        spans = [(r.reference_name, r.reference_start, r.reference_end) for r in bam if not r.flag & 0xF04]
    for contig in sorted({s[0] for s in spans}):
        ends = np.array([s[1:] for s in spans if s[0] == contig])
        low = ends.min()
        depth = np.cumsum(
            np.bincount(ends[:, 0] - low, minlength=ends.max() - low + 1)
            - np.bincount(ends[:, 1] - low, minlength=ends.max() - low + 1)
        )
        deep = np.concatenate(([0], (depth >= min_depth).astype(np.int8), [0]))
        edges = np.flatnonzero(np.diff(deep))
        found += [
            (contig, int(a + low), int(b + low))
            for a, b in zip(edges[::2], edges[1::2], strict=True)
            if b - a >= 500
        ]
    return found


def reference_codes(path: Path, contig: str, start: int, end: int) -> Codes:
    """Read part of a contig as base codes."""
    with pysam.FastaFile(str(path)) as fasta:
        return encode(fasta.fetch(contig, start, end))
