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
from dvplug.sequence.arrays import Bools, Int64s, UInt8s
from dvplug.sequence.cigar import HARD_CLIP, SOFT_CLIP, consumes_read, consumes_reference, unpack

TAG = "SA"
"""Asked for by the profiles of long reads, as "SA:letters"; without it no read is known to be split."""
LONGEST = 10_000
"""bp of the longest indel at which a read is taken to be split: pieces farther apart are of something else."""
_LEAST_MAPPING_QUALITY = 5
"""Of the piece on the right: another one may lie anywhere."""
_SPARE = 30
"""bp between the pieces on the read at a deletion, or on the reference at an insertion, at the most."""
_MOST_LENGTH = 1 << 28
"""bp of an operation in BAM."""
_COMMA, _SEMICOLON, _MINUS, _ZERO, _NINE = (ord(letter) for letter in ",;-09")
_CODE = np.full(256, -1)
_CODE[list(b"MIDNSHP=X")] = np.arange(9)
_NONE = -1


class SplitReads(NamedTuple):
    """Pieces of reads that are split at an indel, int64[n] each, in order of read."""

    read: Int64s  # index of its record
    left: Int64s  # offset in the reference one past the last base aligned before the indel
    right: Int64s  # offset at which the read goes on; bases that both pieces align are the left one's
    first: Int64s  # index in the bases of all reads of the first base between the pieces
    last: Int64s  # one past the last; equal to the first where there are none
    is_left: Int64s
    """1 of a piece before the indel, 0 of one behind, which tells the same once more, and has no index of bases."""

    @property
    def change(self) -> Int64s:
        """Bp by which each read is longer than the reference, int64[n]."""
        return self.last - self.first - (self.right - self.left)

    def at(self, which: Bools | Int64s) -> SplitReads:
        """Return some of them."""
        return SplitReads._make(column[which] for column in self)

    def within(self, low: int, high: int) -> SplitReads:
        """Return those whose indel lies behind the base at ``low``, and not behind that at ``high``."""
        return self.at(
            (np.minimum(self.left, self.right) > low) & (np.maximum(self.left, self.right) <= high + 1)
        )

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
    """Return the pieces of reads that are split at an indel of ``shortest`` bp or more.

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
    found = np.zeros((6, 0), np.int64)
    if told is not None and told.offset is not None and len(told.values):
        name = np.frombuffer(contig.encode(), np.uint8).copy()
        text = told.values.copy()  # one that the kernel may be compiled for once
        found = _split(reads.arrays(), text, told.offset, name, flank)
    split = SplitReads(*found)
    split = split._replace(left=split.left - reference_start, right=split.right - reference_start)
    size, first = np.abs(split.change), np.minimum(split.left, split.right)
    fit = (
        (size >= shortest) & (size <= LONGEST) & (first > 0) & (np.maximum(split.left, split.right) < length)
    )
    return split.at(fit)


class _Piece(NamedTuple):
    """An alignment of a read: int64 each."""

    first: int  # base of the read where it begins, in the direction of the reference
    last: int  # one past the last one
    start: int  # position in the reference
    end: int


@kernel
def _split(reads: ReadArrays, text: UInt8s, offset: Int64s, contig: UInt8s, flank: int) -> Int64s:
    """Find the columns of `SplitReads`, int64[6, n], with positions for offsets.

    ``text`` and ``offset`` are the tags of the reads, uint8[letters] and int64[reads + 1]; ``contig`` is a name,
    uint8[m].
    """
    found, n = np.empty((6, 2 * len(reads.start)), np.int64), 0
    for i in range(len(reads.start)):
        if offset[i] == offset[i + 1]:
            continue
        own, length, soft, hidden = _own_piece(reads, i)
        for is_left in (1, 0):
            is_reverse = reads.flag[i] & REVERSE != 0
            tag = text[offset[i] : offset[i + 1]]
            other = _neighbour(tag, contig, is_reverse, own, length, is_left == 1)
            one, next_one = (own, other) if is_left else (other, own)
            right = next_one.start + max(one.last - next_one.first, 0)
            between = max(next_one.first - one.last, 0)
            if (
                other.last < 0
                or next_one.last <= one.last
                or min(one.end - one.start, next_one.end - right) < flank
                or min(between, right - one.end) > _SPARE
                or (is_left and between > _SPARE and not soft)
            ):
                continue
            first = reads.base_offset[i] + one.last - hidden if is_left else np.int64(0)
            found[0, n], found[1, n], found[2, n] = i, one.end, right
            found[3, n], found[4, n], found[5, n] = first, first + between * (soft or not is_left), is_left
            n += 1
    return found[:, :n].copy()


@subkernel
def _own_piece(reads: ReadArrays, i: int) -> tuple[_Piece, int, bool, int]:
    """Where on its read record ``i`` lies, the read's length, whether bases behind are known, how many before are not.

    All count what is cut off, too.
    """
    before, bases, behind, hidden, soft = np.int64(0), np.int64(0), np.int64(0), np.int64(0), False
    for k in range(reads.cigar_offset[i], reads.cigar_offset[i + 1]):
        code, length = unpack(reads.cigar[k])
        if code in (SOFT_CLIP, HARD_CLIP):
            if bases:
                soft = code == SOFT_CLIP
                behind += length
            else:
                before += length
                hidden += length * (code == HARD_CLIP)
        elif consumes_read(code):
            bases += length
    own = _Piece(before, before + bases, np.int64(reads.start[i]), np.int64(reads.end[i]))
    return own, before + bases + behind, soft, hidden


@subkernel
def _neighbour(
    text: UInt8s, contig: UInt8s, is_reverse: bool, own: _Piece, length: int, behind: bool
) -> _Piece:
    """The piece of a tag, ``contig,position,strand,CIGAR,mapping quality,edits;`` each, next to a read's ``own`` one.

    Its last base is -1 where there is none, or it lies on another contig or strand, or may lie elsewhere; and where a
    CIGAR of the tag is not one of a read of this ``length``: such a tag is of another read, or damaged.
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
        clipped, bases, trailing, span = _lengths(text, at, end)
        if clipped + bases + trailing != length:
            return none
        at = end + 1
        end = _field(text, at)
        quality = _number(text, at, end)
        at = end + 1
        while at < len(text) and text[at] != _SEMICOLON:
            at += 1
        at += 1
        first = trailing if turned else clipped
        apart = first - own.first if behind else own.first - first
        if 0 < apart < nearest:
            nearest, found = apart, none
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
    """Of a CIGAR in letters: bases clipped before, aligned or inserted, and clipped behind; bp of the reference.

    All are -1 where it is none.
    """
    none = np.int64(_NONE), np.int64(_NONE), np.int64(_NONE), np.int64(_NONE)
    before, bases, behind, span, length = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for k in range(first, last):
        if text[k] >= _ZERO and text[k] <= _NINE:
            length = 10 * length + (np.int64(text[k]) - _ZERO)
            if length > _MOST_LENGTH:
                return none
            continue
        code = _CODE[text[k]]
        if code < 0:
            return none
        if code in (SOFT_CLIP, HARD_CLIP):
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
