"""Alleles: trimmed, and moved to the left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numba import njit


@njit(cache=True)
def left_aligned(reference: Any, anchor: int, seq: Any, base: int, length: int, inserted: bool) -> int:
    """Anchor (offset of the preceding base) of an indel moved as far to the left as it goes.

    ``seq[base : base + length]`` are the bases when they are inserted, else the reference's after the anchor go.
    """
    shift = 0
    while anchor > 0 and reference[anchor] < 4:
        # After t steps an insertion is the first bases of (t reference bases + inserted bases).
        last = seq[base + length - 1 - shift] if inserted and shift < length else reference[anchor + length]
        if reference[anchor] != last:
            break
        anchor -= 1
        shift += 1
    return anchor


def trim(start: int, ref: str, alts: Sequence[str]) -> tuple[int, str, tuple[str, ...]]:
    """Return start, ref and alts without the suffix, then the prefix, that all alleles share.

    Each allele keeps one base at least, so that indels keep their anchor.
    """
    spare = min(len(ref), *map(len, alts)) - 1
    if spare == 0:
        return start, ref, tuple(alts)
    alleles = [ref, *alts]
    suffix = _shared(alleles, range(-1, -1 - spare, -1))
    prefix = _shared(alleles, range(spare - suffix))
    ref, *called = (allele[prefix : len(allele) - suffix] for allele in alleles)
    return start + prefix, ref, tuple(called)


def _shared(alleles: Sequence[str], columns: Sequence[int]) -> int:
    """Return how many of these columns, from the first on, are the same base in all alleles."""
    for count, column in enumerate(columns):
        if len({allele[column] for allele in alleles}) > 1:
            return count
    return len(columns)
