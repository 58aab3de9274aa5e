"""The lines of a gVCF: those of reference blocks, joined where they may be, and those of records between them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.line.reference_blocks import ReferenceBlocks
from dvplug.records.reference_confidence import bin_of
from dvplug.sequence.arrays import Int32s, Int64s, UInt8s, UInt64s

_LETTERS = np.frombuffer(b"ACGTN", np.uint8)
_TAB, _NEWLINE, _COMMA, _DOT, _SLASH, _ZERO, _COLON = b"\t\n,./0:"
_MOST_DIGITS = 80  # bytes that the numbers of a line and what stands between them may take
_WORD = 8  # bytes that are written at once; those behind a piece are written over
_THREE = np.array(  # digits of the numbers of up to three, with zeros before them
    [int.from_bytes(f"{number:03}".encode(), "little") for number in range(1000)], np.uint64
)
_LENGTH = np.array([len(str(number)) for number in range(1000)], np.uint8)
_NONE_OPEN = -1


class GvcfLines(NamedTuple):
    """Lines of one contig, whole and in order."""

    contig: str
    text: UInt8s  # [t], UTF-8
    begin: Int64s  # [n + 1]: where each line begins in the text, and where the last one ends
    start: Int32s  # [n]: the first base that it is of, 0-based
    end: Int32s  # [n]: one past the last


class RecordLines(NamedTuple):
    """Lines of records, to be put between blocks."""

    text: UInt8s  # [t], UTF-8
    begin: Int64s  # [r + 1], as of `GvcfLines`
    start: Int32s  # [r]
    end: Int32s  # [r]
    before: Int32s  # [r], ascending: index of the block that follows each


class _Piece(NamedTuple):
    """Bytes that stand in each line."""

    words: UInt64s  # [w]: eight bytes each, the first the lowest
    size: int  # bytes


class _Pieces(NamedTuple):
    before_position: _Piece
    before_end: _Piece
    before_values: _Piece


class _Joined(NamedTuple):
    """Blocks that follow each other, and are one: by their indexes."""

    first: int  # `_NONE_OPEN` where there is no block
    last: int
    least: int  # the least sure of them
    min_dp: int


class GvcfText:
    """Makes the lines of blocks and of the records between them.

    Parameters
    ----------
    symbol
        The allele that stands for all that are not listed.
    """

    def __init__(self, symbol: str) -> None:
        self._before_end, self._before_values = (
            _piece(f"\t{symbol}\t0\t.\tEND="),
            _piece("\tGT:GQ:MIN_DP:PL\t"),
        )
        self._text = np.empty(0, np.uint8)

    def lines(
        self, contig: str, blocks: ReferenceBlocks, records: RecordLines, *, open_end: bool
    ) -> tuple[GvcfLines, ReferenceBlocks | None]:
        """Return the lines, whose text is written over by the next ones, and the block that was left out at their end.

        Neighbours that share bin and ploidy are one block, unless a record lies between them. A block without a read
        has a genotype that is missing.

        Parameters
        ----------
        open_end
            Whether a block at the end is left out, since more may be joined with it.
        """
        pieces = _Pieces(_piece(f"{contig}\t"), self._before_end, self._before_values)
        most = (
            len(records.text) + len(blocks.start) * (sum(one.size for one in pieces) + _MOST_DIGITS) + _WORD
        )
        if most > len(self._text):  # one that is used again costs no new pages
            self._text = np.empty(2 * most, np.uint8)
        text, begin, start, end, left = _write(self._text, blocks, records, pieces, open_end)
        lines = GvcfLines(contig, text, begin, start, end)
        return lines, None if left.first == _NONE_OPEN else _block(blocks, left)


def _piece(text: str) -> _Piece:
    data = text.encode()
    return _Piece(np.frombuffer(data.ljust(-(-len(data) // _WORD) * _WORD), "<u8"), len(data))


def _block(blocks: ReferenceBlocks, joined: _Joined) -> ReferenceBlocks:
    first, last, least, min_dp = joined
    return blocks.part(first, first + 1)._replace(
        end=blocks.end[last : last + 1],
        min_dp=np.array([min_dp], np.int32),
        gq=blocks.gq[least : least + 1],
        pl=blocks.pl[least : least + 1],
    )


@kernel
def _write(
    text: UInt8s, blocks: ReferenceBlocks, records: RecordLines, pieces: _Pieces, open_end: bool
) -> tuple[UInt8s, Int64s, Int32s, Int32s, _Joined]:
    """Write lines into uint8[t], which is large enough: columns of `GvcfLines`, and what is left open."""
    n_blocks, n_records = len(blocks.start), len(records.before)
    begin = np.empty(n_blocks + n_records + 1, np.int64)
    start, end = np.empty(n_blocks + n_records, np.int32), np.empty(n_blocks + n_records, np.int32)
    begin[0] = at = 0
    n, record, open_bin = 0, 0, 0
    one = _Joined(_NONE_OPEN, 0, 0, 0)
    for i in range(n_blocks + 1):
        divided = one.first == _NONE_OPEN or (record < n_records and records.before[record] <= i)
        if i < n_blocks and not divided and _continues(blocks, one, open_bin, i):
            least = i if _is_less_sure(blocks, i, one.least) else one.least
            one = _Joined(one.first, i, least, min(one.min_dp, blocks.min_dp[i]))
            continue
        if i == n_blocks and not divided and open_end:
            break
        if one.first != _NONE_OPEN:
            at = _put_block(text, at, blocks, one, pieces)
            start[n], end[n] = blocks.start[one.first], blocks.end[one.last]
            n += 1
            begin[n] = at
            one = _Joined(_NONE_OPEN, 0, 0, 0)
        while record < n_records and records.before[record] <= i:
            for k in range(records.begin[record], records.begin[record + 1]):
                text[at] = records.text[k]
                at += 1
            start[n], end[n] = records.start[record], records.end[record]
            n, record = n + 1, record + 1
            begin[n] = at
        if i < n_blocks:
            one = _Joined(i, i, i, np.int64(blocks.min_dp[i]))
            open_bin = bin_of(blocks.gq[i], blocks.min_dp[i])
    return text[:at], begin[: n + 1], start[:n], end[:n], one


@subkernel
def _continues(blocks: ReferenceBlocks, one: _Joined, open_bin: int, i: int) -> bool:
    """Whether block ``i`` is of one with those before it, whose bin is ``open_bin``."""
    return (
        bin_of(blocks.gq[i], blocks.min_dp[i]) == open_bin
        and blocks.haploid[i] == blocks.haploid[one.first]
        and blocks.start[i] == blocks.end[one.last]
    )


@subkernel
def _is_less_sure(blocks: ReferenceBlocks, one: int, other: int) -> bool:
    """Whether block ``one`` has the lower GQ or, where they are equal, the lower PL."""
    if blocks.gq[one] != blocks.gq[other]:
        return blocks.gq[one] < blocks.gq[other]
    for genotype in range(3):
        if blocks.pl[one, genotype] != blocks.pl[other, genotype]:
            return blocks.pl[one, genotype] < blocks.pl[other, genotype]
    return False


@subkernel
def _put_block(text: UInt8s, n: int, blocks: ReferenceBlocks, one: _Joined, pieces: _Pieces) -> int:
    """Write the line of a block from ``text[n]`` on, and up to seven bytes more; return where it ends."""
    n = _put(text, n, pieces.before_position)
    n = _put_number(text, n, np.int64(blocks.start[one.first]) + 1)
    at = np.uint64(n)
    text[at], text[at + np.uint64(1)], text[at + np.uint64(2)] = _TAB, _DOT, _TAB
    text[at + np.uint64(3)] = _LETTERS[np.uint64(blocks.base[one.first])]
    n = _put(text, n + 4, pieces.before_end)
    n = _put_number(text, n, np.int64(blocks.end[one.last]))
    n = _put(text, n, pieces.before_values)
    allele, haploid = _ZERO if one.min_dp > 0 else _DOT, blocks.haploid[one.first]
    if haploid:
        n = _put_word(text, n, np.uint64(allele | _COLON << 8), 2)
    else:
        n = _put_word(text, n, np.uint64(allele | _SLASH << 8 | allele << 16 | _COLON << 24), 4)
    n = _put_short(text, n, np.int64(blocks.gq[one.least]), _COLON)
    if one.min_dp < 1000:
        n = _put_short(text, n, one.min_dp, _COLON)
    else:
        n = _put_word(text, _put_number(text, n, one.min_dp), np.uint64(_COLON), 1)
    n = _put_short(text, n, np.int64(blocks.pl[one.least, 0]), _COMMA)
    if not haploid:
        n = _put_short(text, n, np.int64(blocks.pl[one.least, 1]), _COMMA)
    return _put_short(text, n, np.int64(blocks.pl[one.least, 2]), _NEWLINE)


@subkernel
def _put(text: UInt8s, n: int, piece: _Piece) -> int:
    """Write a piece from ``text[n]`` on, and up to seven bytes more; return where it ends."""
    for k in range(len(piece.words)):
        _put_word(text, n + _WORD * k, piece.words[np.uint64(k)], 0)
    return n + piece.size


@subkernel
def _put_number(text: UInt8s, n: int, number: int) -> int:
    """Write a number from ``text[n]`` on, and up to seven bytes more; return where it ends."""
    thousands = number // 1000
    millions = thousands // 1000
    billions = millions // 1000  # of int32 at most 2
    if billions > 0:
        n = _put_word(text, n, np.uint64(_ZERO + billions), 1)
        n = _put_word(text, n, _THREE[np.uint64(millions - 1000 * billions)], 3)
    elif millions > 0:
        n = _put_short(text, n, millions, 0) - 1
    if millions > 0:
        n = _put_word(text, n, _THREE[np.uint64(thousands - 1000 * millions)], 3)
    elif thousands > 0:
        n = _put_short(text, n, thousands, 0) - 1
    if thousands > 0:
        return _put_word(text, n, _THREE[np.uint64(number - 1000 * thousands)], 3)
    return _put_short(text, n, number, 0) - 1


@subkernel
def _put_short(text: UInt8s, n: int, number: int, after: int) -> int:
    """Write a number below 1000 and a character, and up to six bytes more; return where the character ends."""
    length = np.int64(_LENGTH[np.uint64(number)])
    digits = _THREE[np.uint64(number)] >> np.uint64(24 - 8 * length)
    return _put_word(text, n, digits | np.uint64(after) << np.uint64(8 * length), length + 1)


@subkernel
def _put_word(text: UInt8s, n: int, word: int, size: int) -> int:
    """Write a uint64, its lowest byte first, as ``text[n]`` and on; return where so many of its bytes end."""
    at = np.uint64(n)
    text[at] = np.uint8(word)
    text[at + np.uint64(1)] = np.uint8(word >> np.uint64(8))
    text[at + np.uint64(2)] = np.uint8(word >> np.uint64(16))
    text[at + np.uint64(3)] = np.uint8(word >> np.uint64(24))
    text[at + np.uint64(4)] = np.uint8(word >> np.uint64(32))
    text[at + np.uint64(5)] = np.uint8(word >> np.uint64(40))
    text[at + np.uint64(6)] = np.uint8(word >> np.uint64(48))
    text[at + np.uint64(7)] = np.uint8(word >> np.uint64(56))
    return n + size
