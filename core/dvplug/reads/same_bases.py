"""Reads whose SEQ says "=" where they show the reference's base (SAM, section 1.4.10), written out in bases."""

from __future__ import annotations

from dataclasses import replace

from dvplug.kernel import kernel
from dvplug.line.read_batch import ReadArrays, ReadBatch, one_read
from dvplug.sequence.arrays import UInt8s
from dvplug.sequence.cigar import consumes_read, consumes_reference, is_aligned, unpack
from dvplug.sequence.codes import SAME_BASE, UNKNOWN_BASE


def with_bases_of_reference(reads: ReadBatch, reference: UInt8s, reference_start: int) -> ReadBatch:
    """Return the reads with the reference's bases in place of `SAME_BASE`.

    Where a read is not aligned, there is none to take: it becomes `UNKNOWN_BASE`.

    Parameters
    ----------
    reference
        uint8[l] base codes from ``reference_start`` on, which hold all reads.
    """
    if reads.seq.max(initial=0) < SAME_BASE:
        return reads
    seq = reads.seq.copy()
    _write_out(seq, reads.arrays(), reference, reference_start)
    return replace(reads, seq=seq)


@kernel
def _write_out(out: UInt8s, reads: ReadArrays, reference: UInt8s, reference_start: int) -> None:
    """Put bases where ``out``, uint8[bases] of all reads, says `SAME_BASE`."""
    for i in range(len(reads.start)):
        read, first = one_read(reads, i), reads.base_offset[i]
        position, base = read.start - reference_start, 0
        for k in range(len(read.cigar)):
            code, length = unpack(read.cigar[k])
            if consumes_read(code):
                for step in range(length):
                    if out[first + base + step] == SAME_BASE:
                        known = is_aligned(code) and 0 <= position + step < len(reference)
                        out[first + base + step] = reference[position + step] if known else UNKNOWN_BASE
                base += length
            if consumes_reference(code):
                position += length
