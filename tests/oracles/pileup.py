"""The twin of `dvplug.images.pileup`: one row of an image at a time."""

from fractions import Fraction

from dvplug.line.candidate_batch import UNINFORMATIVE
from dvplug.line.image_batch import (
    DELETED,
    EMPTY,
    SUPPORTS_ALT,
    SUPPORTS_OTHER,
    SUPPORTS_REF,
    UNKNOWN_SUPPORT,
)
from helpers.image_sites import WIDTH
from helpers.read_batches import Read, walk


def twin_row(read: Read, first_base: int, window_start: int) -> tuple[list[int], list[bool]]:
    cells, insertions = [EMPTY] * WIDTH, [False] * WIDTH
    for op, position, index, length in walk(read):
        for i in range(length if op in "M=XD" else 0):
            column = position + i - window_start
            if 0 <= column < WIDTH:
                cells[column] = DELETED if op == "D" else first_base + index + i
        before = position - 1 - window_start
        if op == "I" and 0 <= before < WIDTH:
            insertions[before] = True
    return cells, insertions


def twin_support(allele: int, alts: tuple[int, int]) -> int:
    if allele == 0:
        return SUPPORTS_REF
    if allele == UNINFORMATIVE:
        return UNKNOWN_SUPPORT
    return SUPPORTS_ALT if allele > 0 and allele - 1 in alts else SUPPORTS_OTHER


def twin_near(seen: list[tuple[int, int, int]]) -> int:
    """Which haplotype is near; ``seen``: index, support and haplotype of each read over the site, in order."""
    known = [(support, side) for _, support, side in seen if side]

    def key(side: int) -> tuple[Fraction, int, bool]:
        own = [support for support, its in known if its == side and support != UNKNOWN_SUPPORT]
        share = Fraction(own.count(SUPPORTS_ALT), max(len(own), 1))
        return share, len(own), known[:1] != [] and known[0][1] == side

    return max((1, 2), key=key)
