"""How long runs and tandem repeats are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True)
def repeat_tracts(reference: Any, starts: Any) -> Any:
    """Homopolymer and tandem-repeat tracts at each start (offsets into ``reference``), scaled, float32[s, 2].

    The homopolymer is the longest run that holds the start or the base after it; the tandem repeat is the longest
    tract with a period of 2 to 6 bp that begins at the base after the start.
    """
    tracts = np.zeros((len(starts), 2), np.float32)
    n = len(reference)
    for i in range(len(starts)):
        longest = 0
        for at in (starts[i], starts[i] + 1):
            if at >= n or reference[at] > 3:
                continue
            left, right = at, at
            while left > 0 and reference[left - 1] == reference[at] and at - left < 50:
                left -= 1
            while right + 1 < n and reference[right + 1] == reference[at] and right - at < 50:
                right += 1
            longest = max(longest, right - left + 1)
        tracts[i, 0] = min(longest, 40) / 20
        first, longest = starts[i] + 1, 0
        for period in range(2, 7):
            end = first + period
            while end < n and end - first < 120 and reference[end] == reference[end - period]:
                end += 1
            if end - first >= 2 * period:
                longest = max(longest, end - first)
        tracts[i, 1] = longest / 60
    return tracts


LONGEST_PERIOD, LONGEST_TRACT = 6, 120
FLANK = 3  # bp on either side of the repeat that a read must span


@njit(cache=True)
def repeat_windows(reference: Any, starts: Any, ends: Any) -> Any:
    """Where a read must lie to show a site's length: int64[s] first and last position plus one, offsets as given.

    The repeat is the longest tract with a period of 1 to `LONGEST_PERIOD` bp that begins right of the anchor; aligners
    put its indels at its left end, or nearly so.
    """
    n = len(reference)
    low, high = starts - FLANK, ends.copy()
    for i in range(len(starts)):
        first = starts[i] + 1
        for period in range(1, LONGEST_PERIOD + 1):
            end = first + period
            while end < n and end - first < LONGEST_TRACT and reference[end] == reference[end - period]:
                end += 1
            if period == 1 or end - first >= 2 * period:
                high[i] = max(high[i], end)
        high[i] += FLANK
    return low, high


@njit(cache=True)
def repeat_end(reference: Any, at: int) -> int:
    """End of the longest tandem repeat (period 1 to 6 bp) that begins at ``at``, at most 120 bp on."""
    farthest = at
    for period in range(1, 7):
        end = at + period
        while end < len(reference) and end - at < 120 and reference[end] == reference[end - period]:
            end += 1
        if end - at >= 2 * period:
            farthest = max(farthest, end)
    return farthest


@njit(cache=True)
def _run_lengths(seq: Any, offset: Any) -> Any:
    """Length of the run of equal codes that holds each base, uint8, runs ending where a read does."""
    lengths = np.empty(len(seq), np.uint8)
    for read in range(len(offset) - 1):
        first = offset[read]
        while first < offset[read + 1]:
            end = first + 1
            while end < offset[read + 1] and seq[end] == seq[first]:
                end += 1
            lengths[first:end] = min(end - first, 255)
            first = end
    return lengths


@njit(cache=True)
def _measure_runs(reference: Any, starts: Any, base: Any, length: Any) -> None:
    for i in range(len(starts)):
        end = starts[i]
        if end < len(reference) and reference[end] < 4:
            base[i] = reference[end]
            while end < len(reference) and reference[end] == base[i]:
                end += 1
            length[i] = end - starts[i]
