"""How far from where reads lie the other places are in which they align as well: those that bwa tells in the tag XA."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvplug.hookspecs import ReadBatch
from dvplug.kernel import kernel

UNTOLD = -1
"""Of a read without XA, or with one that cannot be read."""
OTHER_CONTIG = 1 << 40
"""Of a read whose other places are all on other contigs."""
_COMMA, _SEMICOLON, _ZERO = ord(","), ord(";"), ord("0")
_LONGEST = 12
"""Digits of a position, at the most."""


def nearest_elsewhere(reads: ReadBatch, contig: str) -> NDArray[np.int64]:
    """Return the bp from each read to the nearest other place on its contig, int64[reads].

    `OTHER_CONTIG` where there is none on it, `UNTOLD` where no place is told: bwa writes XA of up to five.
    """
    told = reads.tags["XA"]
    assert told.offset is not None
    name = np.frombuffer(contig.encode(), np.uint8).copy()
    return _nearest(told.values, told.offset, reads.start.astype(np.int64), name)


@kernel
def _nearest(
    text: NDArray[np.uint8], offset: NDArray[np.int64], start: NDArray[np.int64], contig: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Read places, ``contig,+position,CIGAR,edits;`` each, of the reads' texts: uint8[n] by int64[reads + 1].

    ``start`` is int64[reads], 0-based, and ``contig`` uint8[m], the name of theirs.
    """
    nearest = np.full(len(start), UNTOLD, np.int64)
    for i in range(len(start)):
        at, last = offset[i], offset[i + 1]
        while at < last:
            # A contig's name may have a semicolon, but no comma.
            same, k = True, 0
            while at < last and text[at] != _COMMA:
                same &= k < len(contig) and text[at] == contig[min(k, len(contig) - 1)]
                at, k = at + 1, k + 1
            same &= k == len(contig)
            at += 2  # the comma and the strand
            position, digits = np.int64(0), 0
            while at < last and text[at] != _COMMA and digits <= _LONGEST:
                position = 10 * position + (np.int64(text[at]) - _ZERO)
                at, digits = at + 1, digits + 1
            while at < last and text[at] != _SEMICOLON:
                at += 1
            at += 1
            if digits == 0 or digits > _LONGEST:
                nearest[i] = UNTOLD
                break
            apart = abs(position - 1 - start[i]) if same else OTHER_CONTIG
            nearest[i] = apart if nearest[i] == UNTOLD else min(nearest[i], apart)
    return nearest
