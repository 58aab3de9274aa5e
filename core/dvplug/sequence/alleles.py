"""Alleles: trimmed, and moved to the left."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dvplug.kernel import subkernel
from dvplug.sequence.arrays import UInt8s
from dvplug.sequence.codes import UNKNOWN_BASE


@subkernel
def left_aligned(reference: UInt8s, anchor: int, seq: UInt8s, base: int, length: int, inserted: bool) -> int:
    """Anchor (offset of the preceding base) of an indel moved as far to the left as it goes.

    It stops at an unknown base, and at the first base of the reference.

    Parameters
    ----------
    reference
        uint8[l] base codes.
    anchor
        Offset into ``reference`` of the base before the indel.
    seq, base, length
        ``seq[base : base + length]`` are the bases when they are inserted; else ``length`` bases of the reference
        after the anchor go, and ``seq`` is not looked at.
    """
    shift = 0
    while anchor > 0 and reference[anchor] < UNKNOWN_BASE:
        # After t steps an insertion is the first bases of (t reference bases + inserted bases).
        last = seq[base + length - 1 - shift] if inserted and shift < length else reference[anchor + length]
        if reference[anchor] != last:
            break
        anchor -= 1
        shift += 1
    return anchor


@subkernel
def without_shared(
    reference: UInt8s, at: int, deleted: int, seq: UInt8s, base: int, inserted: int
) -> tuple[int, int, int, int]:
    """Leave out what ``deleted`` bases of the reference and the ``inserted`` ones in their place have in common.

    Aligners that write both, one after the other, may well insert again what they deleted.

    Parameters
    ----------
    reference
        uint8[l] base codes; ``reference[at : at + deleted]`` go.
    seq
        uint8[bases]; ``seq[base : base + inserted]`` come.

    Returns
    -------
    int, int, int, int
        ``at``, ``deleted``, ``base`` and ``inserted`` of what is left.
    """
    while deleted > 0 and inserted > 0 and reference[at + deleted - 1] == seq[base + inserted - 1]:
        deleted, inserted = deleted - 1, inserted - 1
    while deleted > 0 and inserted > 0 and reference[at] == seq[base]:
        at, deleted, base, inserted = at + 1, deleted - 1, base + 1, inserted - 1
    return at, deleted, base, inserted


def moved_left(reference: UInt8s, anchor: int, bases: UInt8s, *, inserted: bool) -> tuple[int, UInt8s]:
    """Move an indel of these bases, uint8[n], as `left_aligned` does; return its anchor and its bases there."""
    first = left_aligned(reference, anchor, bases, 0, len(bases), inserted)
    return first, after_shift(reference, first, anchor, bases)


def after_shift(reference: UInt8s, first: int, anchor: int, bases: UInt8s) -> UInt8s:
    """Bases of an indel, uint8[n], once it has been moved left from ``anchor`` to ``first``."""
    return np.concatenate((reference[first + 1 : anchor + 1], bases))[: len(bases)]


def trim(start: int, ref: str, alts: Sequence[str]) -> tuple[int, str, tuple[str, ...]]:
    """Return start, ref and alts without the suffix, then the prefix, that all alleles share.

    Each allele keeps one base at least, so that indels keep their anchor.
    """
    alleles = [ref, *alts]
    if min(map(len, alleles)) == 1:  # most are: nothing can go
        return start, ref, tuple(alts)
    suffix = shared_suffix(alleles)
    prefix = _shared(alleles, range(min(map(len, alleles)) - 1 - suffix))
    ref, *called = (allele[prefix : len(allele) - suffix] for allele in alleles)
    return start + prefix, ref, tuple(called)


def shared_suffix(alleles: Sequence[str]) -> int:
    """Return how many bases at the end all alleles share, when each keeps one base at least."""
    return _shared(alleles, range(-1, -min(map(len, alleles)), -1))


def _shared(alleles: Sequence[str], columns: Sequence[int]) -> int:
    """Return how many of these columns, from the first on, are the same base in all alleles."""
    for count, column in enumerate(columns):
        if len({allele[column] for allele in alleles}) > 1:
            return count
    return len(columns)


def normalised(
    start: int, ref: str, alt: str, reference: str, offset: int, most: int
) -> tuple[int, str, str]:
    """Return an allele as short, and then as far to the left, as it can be written (doi:10.1093/bioinformatics/btv112).

    It stops where the given reference begins, and at an unknown base.

    Parameters
    ----------
    start, ref, alt
        0-based; two texts of bases that differ.
    reference, offset
        Bases of the reference around it; the first of them is at ``offset``.
    most
        bp by which it may move at most.
    """
    lowest = max(offset, start - most)
    while ref[-1] == alt[-1]:
        if min(len(ref), len(alt)) == 1:
            before = reference[start - 1 - offset] if start > lowest else "N"
            if before == "N":
                break
            start, ref, alt = start - 1, before + ref, before + alt
        ref, alt = ref[:-1], alt[:-1]
    prefix = _shared((ref, alt), range(min(len(ref), len(alt)) - 1))
    return start + prefix, ref[prefix:], alt[prefix:]
