"""The twin of `spanning_changes` in `dvplug.images.features.length_changes`: a read and a base at a time."""

from __future__ import annotations

import numpy as np

from dvplug.line.candidate_batch import CandidateBatch
from dvplug.sequence.repeats import SPANNED_FLANK
from helpers.read_batches import Read, walk


def twin_window(reference: str, start: int, ref: str) -> tuple[int, int]:
    """First and last position plus one of the longest periodic tract after the anchor, widened."""
    high, first = start + len(ref), start + 1
    for period in range(1, 7):
        end = first + period
        while end < len(reference) and reference[end] == reference[end - period]:
            end += 1
        if period == 1 or end - first >= 2 * period:
            high = max(high, end)
    return start - SPANNED_FLANK, high + SPANNED_FLANK


def twin_change(read: Read, low: int, high: int) -> int | None:
    if read.start > low or read.end < high:
        return None
    sign = {"I": 1, "D": -1}
    return sum(sign[op] * n for op, position, _, n in walk(read) if op in sign and low <= position < high)


def changes_of(
    reads: list[Read], reference: str, haplotype: np.ndarray, candidates: CandidateBatch, i: int
) -> list[tuple[int, int]]:
    """Length change and haplotype of each read that spans the repeat of site ``i``."""
    window = twin_window(reference, int(candidates.start[i]), candidates.refs[i])
    return [
        (change, int(haplotype[k]))
        for k in candidates.read_index[candidates.read_offset[i] : candidates.read_offset[i + 1]].tolist()
        if (change := twin_change(reads[k], *window)) is not None
    ]
