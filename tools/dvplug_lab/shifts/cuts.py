"""Aligned reads cut short: the bases that are kept lie where they lay."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pysam

ON_READ = {pysam.CMATCH, pysam.CEQUAL, pysam.CDIFF, pysam.CINS, pysam.CSOFT_CLIP}
ON_REFERENCE = {pysam.CMATCH, pysam.CEQUAL, pysam.CDIFF, pysam.CDEL, pysam.CREF_SKIP}
OF_WHOLE_READS = ("NM", "MD", "MM", "ML", "MN", "Mm", "Ml")
"""Tags that no longer hold of a part."""
Cigar = list[tuple[int, int]]


def keep_part(read: pysam.AlignedSegment, start: int, end: int) -> bool:
    """Cut a read to the bases [start, end) of its SEQ; False where none of them is aligned.

    A gap at a cut is dropped: deletions are nothing there, inserted bases are clipped.
    """
    cigar, skipped = _cigar_of_part(read.cigartuples or [], start, end)
    if not any(code in ON_READ & ON_REFERENCE for code, _ in cigar):
        return False
    sequence, quality = read.query_sequence, read.query_qualities
    read.reference_start += skipped
    read.query_sequence = sequence[start:end]
    read.query_qualities = quality[start:end] if quality is not None else None
    read.cigartuples = cigar
    for tag in OF_WHOLE_READS:
        read.set_tag(tag, None)
    return True


def _cigar_of_part(cigar: Cigar, start: int, end: int) -> tuple[Cigar, int]:
    """Return the CIGAR of a part, and how many reference bases lie before its first aligned base."""
    kept: Cigar = []
    at = skipped = 0
    aligned = False
    for code, length in cigar:
        inside = max(0, min(end, at + length) - max(start, at)) if code in ON_READ else 0
        if code in ON_READ and code in ON_REFERENCE:
            if not aligned:
                skipped += min(max(0, start - at), length)
            aligned = aligned or inside > 0
        elif code in ON_REFERENCE:
            if not aligned:
                skipped += length
            elif at < end:
                kept.append((code, length))
        if inside:
            kept.append((code, inside))
        at += length if code in ON_READ else 0
    while kept and kept[-1][0] not in ON_READ:
        kept.pop()
    return _clipped_ends(kept), skipped


def _clipped_ends(cigar: Cigar) -> Cigar:
    """Clip inserted bases at either end."""
    for step in (1, -1):
        turned = cigar[::step]
        clipped = 0
        while turned and turned[0][0] in (pysam.CINS, pysam.CSOFT_CLIP):
            clipped += turned.pop(0)[1]
        while turned and turned[0][0] not in ON_READ:
            turned.pop(0)
        cigar = ([(pysam.CSOFT_CLIP, clipped)] if clipped else []) + turned
        cigar = cigar[::step]
    return cigar


def pieces(read: pysam.AlignedSegment, length: int) -> Iterator[pysam.AlignedSegment]:
    """Yield the aligned pieces of ``length`` bases of a read, each a read of its own."""
    for number, start in enumerate(range(0, read.query_length, length)):
        piece = copy.copy(read)
        piece.query_name = f"{read.query_name}/{number}"
        if keep_part(piece, start, min(start + length, read.query_length)):
            yield piece
