"""Allele counts of a BAM over a region: what profiles of short reads are learnt from and noise is measured with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.sequence.codes import encode_bases
from dvplug.simulate.genome import Codes

ALIGNED = (pysam.CMATCH, pysam.CEQUAL, pysam.CDIFF)
"""CIGAR operations in which a base of the read lies on one of the reference."""
NOT_COUNTED = pysam.FUNMAP | pysam.FSECONDARY | pysam.FQCFAIL | pysam.FDUP | pysam.FSUPPLEMENTARY
"""Flags of alignments that nothing is learnt from."""


@dataclass
class ObservedAlleles:
    """How many reads show what over ``[start, start + n)`` of a contig.

    ``indels`` are counted by the position of their anchor relative to the start, and by the inserted bases or minus
    the deleted length.
    """

    contig: str
    start: int
    bases: NDArray[np.int32]  # [n, 4], bases of sufficient quality
    depth: NDArray[np.int32]  # [n], reads over the position
    clips: NDArray[np.int32]  # [n], reads whose alignment ends there in a soft clip
    indels: Counter[tuple[int, str]] = field(default_factory=Counter)


def primary_reads(
    bam: pysam.AlignmentFile, contig: str, start: int, end: int, min_mapq: int
) -> Iterator[pysam.AlignedSegment]:
    """Yield primary, non-duplicate alignments that overlap a region."""
    for read in bam.fetch(contig, start, end):
        if (
            not read.flag & NOT_COUNTED
            and read.mapping_quality >= min_mapq
            and read.query_qualities is not None
        ):
            yield read


def blocks(read: pysam.AlignedSegment) -> Iterator[tuple[int, int, int, int]]:
    """Yield (operation, read position, reference position, length) along a CIGAR."""
    at, ref = 0, read.reference_start
    for operation, length in read.cigartuples:
        yield operation, at, ref, length
        if operation in ALIGNED:
            at, ref = at + length, ref + length
        elif operation in (pysam.CINS, pysam.CSOFT_CLIP):
            at += length
        elif operation == pysam.CDEL:
            ref += length


def count_alleles(
    path: Path, contig: str, start: int, end: int, *, min_mapq: int = 5, min_base_q: int = 10
) -> ObservedAlleles:
    """Count bases, indels and clip ends of the primary reads over a region.

    Bases count from the phred quality ``min_base_q`` on, reads from the mapping quality ``min_mapq`` on.
    """
    n = end - start
    counts = ObservedAlleles(
        contig, start, np.zeros((n, 4), np.int32), np.zeros(n, np.int32), np.zeros(n, np.int32)
    )
    with pysam.AlignmentFile(str(path)) as bam:
        for read in primary_reads(bam, contig, start, end, min_mapq):
            _count_read(counts, read, n, min_base_q)
    return counts


def _count_read(counts: ObservedAlleles, read: pysam.AlignedSegment, n: int, min_base_q: int) -> None:
    """Add one read."""
    sequence, quality = read.query_sequence, np.frombuffer(read.query_qualities, dtype=np.uint8)
    codes = encode_bases(sequence.encode())
    for operation, at, ref, length in blocks(read):
        place = ref - counts.start
        if operation in ALIGNED:
            low, high = max(0, -place), min(length, n - place)
            if low < high:
                part = slice(at + low, at + high)
                good = (quality[part] >= min_base_q) & (codes[part] < 4)
                np.add.at(counts.bases, (np.arange(place + low, place + high)[good], codes[part][good]), 1)
                counts.depth[place + low : place + high] += 1
        elif operation == pysam.CINS and 0 < place <= n:
            if quality[at : at + length].mean() >= min_base_q:
                counts.indels[place - 1, sequence[at : at + length]] += 1
        elif operation == pysam.CDEL and 0 < place <= n:
            if quality[max(at - 1, 0) : at + 1].min() >= min_base_q:
                counts.indels[place - 1, f"-{length}"] += 1
            low, high = max(0, place), min(place + length, n)
            counts.depth[low:high] += 1
        elif operation == pysam.CSOFT_CLIP and 0 <= place < n:
            counts.clips[place] += 1


def molecules_alike(
    path: Path, counts: ObservedAlleles, places: NDArray[np.int64], *, min_mapq: int = 5, min_base_q: int = 10
) -> NDArray[np.int64]:
    """Count the molecules that show the commonest of the bases that are not the reference's.

    Both reads of a fragment are of one molecule, and its copies, which lie exactly alike.

    Parameters
    ----------
    counts
        Of the same BAM and the same least qualities, without the reference's bases: the commonest one is meant.
    places
        int64[p], ascending, from the start of ``counts`` on.

    Returns
    -------
    NDArray[np.int64]
        [p]
    """
    base = counts.bases[places].argmax(axis=1)
    molecules: list[set[tuple[int, int] | str]] = [set() for _ in places]
    if not len(places):
        return np.zeros(0, np.int64)
    contig, first, last = counts.contig, counts.start + int(places[0]), counts.start + int(places[-1]) + 1
    with pysam.AlignmentFile(str(path)) as bam:
        for read in primary_reads(bam, contig, first, last, min_mapq):
            codes = encode_bases(read.query_sequence.encode())
            for operation, at, ref, length in blocks(read):
                if operation not in ALIGNED:
                    continue
                low, high = np.searchsorted(places, (ref - counts.start, ref - counts.start + length))
                for i in range(int(low), int(high)):
                    of_read = at + int(places[i]) + counts.start - ref
                    if codes[of_read] == base[i] and read.query_qualities[of_read] >= min_base_q:
                        molecules[i].add(molecule_of(read))
    return np.array([len(found) for found in molecules])


def molecule_of(read: pysam.AlignedSegment) -> tuple[int, int] | str:
    """What reads of a fragment and of its copies have in common: where it begins and how long it is."""
    length = abs(read.template_length)
    if not length:
        return str(read.query_name)
    return (read.reference_start if read.template_length > 0 else read.reference_end - length), length


def covered_intervals(path: Path, min_depth: int = 10, most: int | None = None) -> list[tuple[str, int, int]]:
    """Return the stretches of 500 bp or more that a small BAM covers at ``min_depth`` or deeper.

    With ``most``, of a large one, by its first ``most`` reads.
    """
    found = []
    with pysam.AlignmentFile(str(path)) as bam:
        spans = [
            (r.reference_name, r.reference_start, r.reference_end)
            for r in islice(bam, most)
            if not r.flag & NOT_COUNTED
        ]
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
    """Read part of a contig as base codes, uint8[end - start]."""
    with pysam.FastaFile(str(path)) as fasta:
        return encode_bases(fasta.fetch(contig, start, end).encode())
