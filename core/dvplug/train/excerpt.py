"""A small BAM of a large file of reads: stretches from all over the genome, enough to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pysam

from dvplug.errors import InputError
from dvplug.genome.reference import Reference
from dvplug.line.region import Region
from dvplug.reads.alignments import open_alignments
from dvplug.reads.groups import ReadSource
from dvplug.system.htslib import isolated_htslib
from dvplug.system.locations import shown

SAME = "="
"""What SEQ says where a read shows the reference's base (SAM, section 1.4.10)."""
MOST_BASES = 20_000_000
"""Bases of reads from which on no further stretch is taken."""
STRETCH = 50_000
"""bp in one piece."""
_GOLDEN = 0.6180339887498949  # its multiples lie evenly, however many there are


@isolated_htslib()
def write_excerpt(source: ReadSource, reference: Reference, out: Path, most: int = MOST_BASES) -> int:
    """Write the primary alignments of stretches that lie evenly over the contigs of the reference, sorted and indexed.

    Returns how many; ``most`` bounds their bases, but for the last stretch. Raises InputError where the file breaks
    off.
    """
    with open_alignments(source.path, reference.path) as reads:
        try:
            chosen = _chosen(reads, source, reference, most)
            with pysam.AlignmentFile(str(out), "wb", header=reads.header) as written:
                count = 0
                for region in chosen:
                    for read in _starting(reads, source, region):
                        written.write(_in_letters(read, reference))
                        count += 1
        except (OSError, ValueError) as error:
            raise InputError(
                f"{shown(source.path)} cannot be read",
                cause=str(error),
                repair="Check it: samtools quickcheck; and that it is aligned to this reference.",
            ) from error
    pysam.index(str(out))
    return count


def _in_letters(read: pysam.AlignedSegment, reference: Reference) -> pysam.AlignedSegment:
    """Return the read with the reference's bases where its SEQ says "=", and N where it is not aligned there."""
    if SAME not in read.query_sequence:
        return read
    start = read.reference_start
    bases = reference.sequence(read.reference_name, start, read.reference_end)
    known = np.frombuffer(bases.encode(), "S1")
    letters = np.frombuffer(read.query_sequence.encode(), "S1").copy()
    aligned = np.full(len(letters), b"N")
    placed = read.get_reference_positions(full_length=True)  # get_aligned_pairs counts padding as bases
    at = np.array([-1 if position is None else position for position in placed])
    aligned[at >= 0] = known[at[at >= 0] - start]
    same = letters == SAME.encode()
    letters[same] = aligned[same]
    qualities = read.query_qualities  # which a new SEQ throws away
    read.query_sequence, read.query_qualities = letters.tobytes().decode(), qualities
    return read


def _chosen(reads: pysam.AlignmentFile, source: ReadSource, reference: Reference, most: int) -> list[Region]:
    """Stretches, in the order of the file, until they hold enough."""
    every = [
        Region(contig, start, min(start + STRETCH, reference.lengths[contig]))
        for contig in reads.references
        if contig in reference.lengths
        for start in range(0, reference.lengths[contig], STRETCH)
    ]
    order = np.argsort(np.arange(len(every)) * _GOLDEN % 1.0, kind="stable").tolist()
    taken, bases = [], 0
    for place in order:
        found = sum(read.query_alignment_length for read in _starting(reads, source, every[place]))
        if found:
            taken.append(place)
        bases += found
        if bases >= most:
            break
    return [every[place] for place in sorted(taken)]


def _starting(
    reads: pysam.AlignmentFile, source: ReadSource, region: Region
) -> Iterator[pysam.AlignedSegment]:
    """Yield the primary alignments of a source's read groups that start in a region."""
    for read in reads.fetch(region.contig, region.start, region.end):
        group = str(read.get_tag("RG")) if read.has_tag("RG") else None
        if (
            read.reference_start >= region.start
            and not read.is_secondary
            and not read.is_supplementary
            and source.groups.has(group)
        ):
            yield read
