"""The lines of reference blocks in a gVCF."""

from __future__ import annotations

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.line.reference_blocks import ReferenceBlocks
from dvplug.sequence.arrays import Int64s, UInt8s

_LETTERS = np.frombuffer(b"ACGTN", np.uint8)
_TAB, _NEWLINE, _COMMA, _DOT, _SLASH, _ZERO, _COLON = b"\t\n,./0:"
_MOST_DIGITS = 80  # bytes that the numbers of a line and what stands between them may take


def block_text(contig: str, blocks: ReferenceBlocks, symbol: str) -> tuple[memoryview, list[int]]:
    """Return the lines of blocks as UTF-8, and where each begins, as well as where the last one ends.

    A block without a read has a genotype that is missing.

    Parameters
    ----------
    symbol
        The allele that stands for all that are not listed.
    """
    before_position = np.frombuffer(f"{contig}\t".encode(), np.uint8)
    before_end = np.frombuffer(f"\t{symbol}\t0\t.\tEND=".encode(), np.uint8)
    before_values = np.frombuffer(b"\tGT:GQ:MIN_DP:PL\t", np.uint8)
    text, begin = _write(blocks, _LETTERS[blocks.base], before_position, before_end, before_values)
    return text.data, begin.tolist()


@kernel
def _write(
    blocks: ReferenceBlocks,
    letters: UInt8s,
    before_position: UInt8s,
    before_end: UInt8s,
    before_values: UInt8s,
) -> tuple[UInt8s, Int64s]:
    """Lines uint8[l], and where they begin and end, int64[b + 1].

    Parameters
    ----------
    letters
        uint8[b], ASCII of the base at each start.
    before_position, before_end, before_values
        uint8[...]: what stands in each line before the first number, before END and before GT.
    """
    constant = len(before_position) + len(before_end) + len(before_values)
    text = np.empty(len(blocks.start) * (constant + _MOST_DIGITS), np.uint8)
    begin = np.zeros(len(blocks.start) + 1, np.int64)
    n = 0
    for i in range(len(blocks.start)):
        n = _put(text, n, before_position)
        n = _put_number(text, n, blocks.start[i] + 1)
        text[n], text[n + 1], text[n + 2], text[n + 3] = _TAB, _DOT, _TAB, letters[i]
        n = _put(text, n + 4, before_end)
        n = _put_number(text, n, blocks.end[i])
        n = _put(text, n, before_values)
        n = _put_values(text, n, blocks, i)
        text[n] = _NEWLINE
        n += 1
        begin[i + 1] = n
    return text[:n], begin


@subkernel
def _put_values(text: UInt8s, n: int, blocks: ReferenceBlocks, i: int) -> int:
    """Write GT:GQ:MIN_DP:PL of block ``i`` from ``text[n]`` on; return where it ends."""
    allele = _ZERO if blocks.min_dp[i] > 0 else _DOT
    text[n] = allele
    n += 1
    if not blocks.haploid[i]:
        text[n], text[n + 1] = _SLASH, allele
        n += 2
    text[n] = _COLON
    n = _put_number(text, n + 1, blocks.gq[i])
    text[n] = _COLON
    n = _put_number(text, n + 1, blocks.min_dp[i])
    text[n] = _COLON
    n = _put_number(text, n + 1, blocks.pl[i, 0])
    for genotype in range(2 if blocks.haploid[i] else 1, 3):
        text[n] = _COMMA
        n = _put_number(text, n + 1, blocks.pl[i, genotype])
    return n


@subkernel
def _put(text: UInt8s, n: int, piece: UInt8s) -> int:
    """Write a piece, uint8[l], from ``text[n]`` on; return where it ends."""
    for k in range(len(piece)):
        text[n + k] = piece[k]
    return n + len(piece)


@subkernel
def _put_number(text: UInt8s, n: int, number: int) -> int:
    """Write a number, not negative, in decimal from ``text[n]`` on; return where it ends."""
    digits = 1
    rest = number // 10
    while rest:
        digits += 1
        rest //= 10
    for k in range(digits - 1, -1, -1):
        text[n + k] = _ZERO + number % 10
        number //= 10
    return n + digits
