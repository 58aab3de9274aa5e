"""Reads that the aligner cut in two at a long indel: what the two pieces tell of it, by the tag SA.

Such a read is two records, each aligned on one side of the indel, and clipped there. The one on the left tells where it
ends; its SA tells where the read goes on. Where the two follow each other on the read, what lies between them on the
reference is deleted; what lies between them on the read, or is aligned in both, is inserted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.line.read_batch import REVERSE, ReadArrays, ReadBatch
from dvplug.sequence.arrays import Int64s, UInt8s
from dvplug.sequence.cigar import HARD_CLIP, SOFT_CLIP, consumes_read, consumes_reference, unpack

TAG = "SA"
"""Asked for by the profiles of long reads, as "SA:letters"; without it no read is known to be split."""
LONGEST = 10_000
"""bp of the longest indel at which a read is taken to be split: pieces farther apart are of something else."""
_LEAST_MAPPING_QUALITY = 5
"""Of the piece on the right: another one may lie anywhere."""
_SPARE = 30
"""bp between the pieces on the read at a deletion, or on the reference at an insertion, at the most."""
_COMMA, _SEMICOLON, _MINUS, _ZERO, _NINE = (ord(letter) for letter in ",;-09")
_MAPPED = np.zeros(256, np.int64)
_MAPPED[list(b"MIDNSHP=X")] = np.arange(9)
_NONE = -1


class SplitReads(NamedTuple):
    """The left pieces of split reads, and where each goes on: int64[n] each, in order of read."""

    read: Int64s  # index of its record
    left: Int64s  # offset in the reference one past its last aligned base
    right: Int64s  # offset at which the read goes on; bases that both pieces align are the left one's
    first: Int64s  # index in the bases of all reads of the first base between the pieces
    last: Int64s  # one past the last; equal to the first where there are none

    @property
    def change(self) -> Int64s:
        """Bp by which each read is longer than the reference, int64[n]."""
        return self.last - self.first - (self.right - self.left)

    def at(self, which: Int64s) -> SplitReads:
        """Return some of them."""
        return SplitReads._make(column[which] for column in self)

    def text(self, i: int, seq: UInt8s, reference: UInt8s, low: int, high: int) -> UInt8s:
        """Return what read ``i`` has after the base at ``low``, up to that at ``high``, uint8[l].

        Beside the indel it is taken to be as the reference, uint8[...]; ``seq`` are the bases of all reads.
        """
        return np.concatenate(
            (
                reference[low + 1 : self.left[i]],
                seq[self.first[i] : self.last[i]],
                reference[self.right[i] : high + 1],
            )
        )


def split_reads(
    reads: ReadBatch, contig: str, reference_start: int, length: int, flank: int, shortest: int
) -> SplitReads:
    """Return the reads that are split at an indel of ``shortest`` bp or more.

    Parameters
    ----------
    contig
        The reads'.
    reference_start, length
        Position from which offsets in the reference count, and so many bp on: both pieces' ends lie in there.
    flank
        bp of the reference that each piece must lie over.
    """
    told = reads.tags.get(TAG)
    found = np.zeros((5, 0), np.int64)
    if told is not None and told.offset is not None and len(told.values):
        name = np.frombuffer(contig.encode(), np.uint8).copy()
        found = _split(reads.arrays(), told.values, told.offset, name, flank)
    split = SplitReads(*found)
    split = split._replace(left=split.left - reference_start, right=split.right - reference_start)
    size, first = np.abs(split.change), np.minimum(split.left, split.right)
    fit = (size >= shortest) & (size <= LONGEST) & (first > 0) & (np.maximum(split.left, split.right) < length)
    return split.at(np.flatnonzero(fit))


class _Piece(NamedTuple):
    """An alignment of a read: int64 each."""

    first: int  # base of the read where it begins, in the direction of the reference
    last: int  # one past the last one
    start: int  # position in the reference
    end: int


@kernel
def _split(reads: ReadArrays, text: UInt8s, offset: Int64s, contig: UInt8s, flank: int) -> Int64s:
    """Find the columns of `SplitReads`, int64[5, n], with positions for offsets.

    ``text`` and ``offset`` are the tags of the reads, uint8[letters] and int64[reads + 1]; ``contig`` is a name,
    uint8[m].
    """
    found, n = np.empty((5, len(reads.start)), np.int64), 0
    for i in range(len(reads.start)):
        if offset[i] == offset[i + 1] or reads.end[i] - reads.start[i] < flank:
            continue
        own, soft, hidden = _own_piece(reads, i)
        if own.last < 0:
            continue
        other = _next_piece(text[offset[i] : offset[i + 1]], contig, reads.flag[i] & REVERSE != 0, own)
        both = max(own.last - other.first, 0)
        right, between = other.start + both, max(other.first - own.last, 0)
        if other.last <= own.last or other.end - right < flank:
            continue
        apart = right - reads.end[i]
        if min(between, apart) > _SPARE or (between > _SPARE and not soft):
            continue
        first = reads.base_offset[i] + own.last - hidden
        found[0, n], found[1, n], found[2, n] = i, reads.end[i], right
        found[3, n], found[4, n] = first, first + between * soft
        n += 1
    return found[:, :n].copy()


@subkernel
def _own_piece(reads: ReadArrays, i: int) -> tuple[_Piece, bool, int]:
    """Where on its read record ``i`` lies, whether the bases behind it are known, and how many before are not.

    Its last base is -1 where no base lies behind it.
    """
    before, bases, behind, hidden, soft = np.int64(0), np.int64(0), np.int64(0), np.int64(0), False
    for k in range(reads.cigar_offset[i], reads.cigar_offset[i + 1]):
        code, length = unpack(reads.cigar[k])
        if code == SOFT_CLIP or code == HARD_CLIP:
            if bases:
                behind, soft = behind + length, code == SOFT_CLIP
            else:
                before += length
                hidden += length * (code == HARD_CLIP)
        elif consumes_read(code):
            bases += length
    last = before + bases if behind > 0 else np.int64(_NONE)
    return _Piece(before, last, np.int64(reads.start[i]), np.int64(reads.end[i])), soft, hidden


@subkernel
def _next_piece(text: UInt8s, contig: UInt8s, is_reverse: bool, own: _Piece) -> _Piece:
    """The piece that follows on the read, of those in a tag, ``contig,position,strand,CIGAR,mapping quality,edits;``.

    Its last base is -1 where there is none, or it lies on another contig or strand, or may lie elsewhere.
    """
    none = _Piece(np.int64(_NONE), np.int64(_NONE), np.int64(_NONE), np.int64(_NONE))
    found, at = none, 0
    nearest = np.int64(1) << 40
    while at < len(text):
        end = _field(text, at)
        same = end - at == len(contig)
        for k in range(min(end - at, len(contig))):
            same &= text[at + k] == contig[k]
        at = end + 1
        end = _field(text, at)
        position = _number(text, at, end) - 1
        at = end + 1
        end = _field(text, at)
        turned = (at < len(text) and text[at] == _MINUS) != is_reverse
        at = end + 1
        end = _field(text, at)
        before, bases, behind, span = _lengths(text, at, end)
        at = end + 1
        end = _field(text, at)
        quality = _number(text, at, end)
        at = end + 1
        while at < len(text) and text[at] != _SEMICOLON:
            at += 1
        at += 1
        first = behind if turned else before
        if own.first < first < nearest:
            nearest, found = first, none
            if same and not turned and quality >= _LEAST_MAPPING_QUALITY and position >= 0:
                found = _Piece(first, first + bases, position, position + span)
    return found


@subkernel
def _field(text: UInt8s, at: int) -> int:
    """Where the field that begins here ends: at a comma, or with the text."""
    while at < len(text) and text[at] != _COMMA:
        at += 1
    return at


@subkernel
def _number(text: UInt8s, first: int, last: int) -> int:
    """The whole number in decimals there; -1 where there is none, or one that is no position."""
    found = np.int64(0)
    for k in range(first, last):
        if text[k] < _ZERO or text[k] > _NINE or found > 1 << 40:
            return np.int64(_NONE)
        found = 10 * found + (np.int64(text[k]) - _ZERO)
    return found if last > first else np.int64(_NONE)


@subkernel
def _lengths(text: UInt8s, first: int, last: int) -> tuple[int, int, int, int]:
    """Of a CIGAR in letters: bases clipped before, aligned or inserted, and clipped behind; bp of the reference."""
    before, bases, behind, span, length = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for k in range(first, last):
        if text[k] >= _ZERO and text[k] <= _NINE:
            length = 10 * length + (np.int64(text[k]) - _ZERO)
            continue
        code = _MAPPED[text[k]]
        if code == SOFT_CLIP or code == HARD_CLIP:
            if bases:
                behind += length
            else:
                before += length
        elif consumes_read(code):
            bases += length
        if consumes_reference(code):
            span += length
        length = np.int64(0)
    return before, bases, behind, span
