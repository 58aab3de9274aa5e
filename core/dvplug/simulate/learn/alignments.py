"""Reads against their reference, column by column, and the homopolymers in them; learning starts from these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.kernel import kernel, subkernel
from dvplug.sequence.codes import encode_bases
from dvplug.simulate.genome import Codes
from dvplug.simulate.learn.observed_alleles import primary_reads

GAP = 5
"""Code of a column in which the read or the reference has no base."""


@dataclass(frozen=True)
class Alignment:
    """One read against the reference, without its clips: what both bases are, column by column."""

    contig: str
    read: Codes  # uint8[columns], base codes, GAP where it has none
    reference: Codes  # uint8[columns], likewise
    quality: NDArray[np.uint8]  # [columns], phred, of the read's base
    position: NDArray[np.int64]  # [columns], on the reference
    reverse: bool

    @property
    def mean_error(self) -> float:
        """Mean error probability by the read's base qualities."""
        return float(np.mean(10 ** (-self.quality[self.read != GAP].astype(float) / 10)))


def alignments(bam: Path, fasta: Path | None, *, min_mapq: int = 20) -> Iterator[Alignment]:
    """Yield the primary alignments; without a ``fasta`` only those with an MD tag."""
    reference = pysam.FastaFile(str(fasta)) if fasta else None
    with pysam.AlignmentFile(str(bam)) as reads:
        for contig in reads.references:
            for read in primary_reads(reads, contig, 0, reads.get_reference_length(contig), min_mapq):
                found = _alignment(read, reference)
                if found is not None:
                    yield found


def _alignment(read: pysam.AlignedSegment, fasta: pysam.FastaFile | None) -> Alignment | None:
    """None for reads with introns, off the end of the reference, or without any reference."""
    if fasta is None and not read.has_tag("MD"):
        return None
    start, end = read.reference_start, read.reference_end
    text = fasta.fetch(read.reference_name, start, end) if fasta else read.get_reference_sequence()
    unaligned = (pysam.CSOFT_CLIP, pysam.CHARD_CLIP, pysam.CPAD)
    operations = np.array([(op, length) for op, length in read.cigartuples if op not in unaligned])
    if pysam.CREF_SKIP in operations[:, 0] or len(text) < end - start:
        return None
    code = np.repeat(operations[:, 0], operations[:, 1])
    on_read, on_reference = code != pysam.CDEL, code != pysam.CINS
    of_read, of_reference = (np.full(len(code), GAP, np.uint8) for _ in range(2))
    of_read[on_read] = encode_bases(read.query_alignment_sequence.encode())
    of_reference[on_reference] = encode_bases(text.encode())
    quality = np.zeros(len(code), np.uint8)
    quality[on_read] = np.array(read.query_alignment_qualities, np.uint8)
    position = start + np.cumsum(on_reference) - on_reference
    return Alignment(read.reference_name, of_read, of_reference, quality, position, read.is_reverse)


@subkernel
def run_at(read: Codes, reference: Codes, i: int) -> tuple[int, int, int, int]:
    """The homopolymer of the reference that begins at column ``i``, with the gaps inside and right before and after it.

    ``read`` and ``reference`` are those of an `Alignment`. Returns its first and end column, its length, and how long
    the read has it; that is -1 where it has other bases too, or where a neighbour is misread or missing, which leaves
    open where the run ends.
    """
    base, end, length, n = reference[i], i, 0, len(read)
    while end < n and (reference[end] == base or (reference[end] == GAP and read[end] == base)):
        length += reference[end] == base
        end += 1
    first = i
    while first > 0 and reference[first - 1] == GAP and read[first - 1] == base:
        first -= 1
    seen, whole = 0, True
    for k in range(first, end):
        seen += read[k] == base
        whole &= read[k] == base or read[k] == GAP
    bounded = (
        first > 0 and end < n and read[first - 1] == reference[first - 1] and read[end] == reference[end]
    )
    return first, end, length, seen if whole and bounded else -1


@kernel
def long_runs(
    read: Codes, reference: Codes, position: NDArray[np.int64], shortest: int
) -> list[tuple[int, int]]:
    """Position and change of length of each homopolymer of ``shortest`` bp or more that a read shows whole.

    Takes the arrays of an `Alignment`.
    """
    found = [(np.int64(0), np.int64(0)) for _ in range(0)]
    i = 0
    while i < len(read):
        if reference[i] > 3:
            i += 1
            continue
        _, end, length, seen = run_at(read, reference, i)
        if length >= shortest and seen >= 0:
            found.append((np.int64(position[i]), np.int64(seen - length)))
        i = end
    return found
