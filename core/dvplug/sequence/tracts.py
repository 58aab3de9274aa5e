"""All homopolymers and tandem repeats of a stretch of the reference: where reads are read too long or too short."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import NamedTuple

import numpy as np

from dvplug.sequence.arrays import Int32s, Int64s, UInt8s
from dvplug.sequence.codes import UNKNOWN_BASE
from dvplug.sequence.repeats import LONGEST_PERIOD

FEWEST_UNITS = 3
"""Of a tandem repeat; two alike are chance."""
UNKNOWN_KIND = -1


class ReferenceTracts(NamedTuple):
    """Tracts as kernels take them: first all homopolymers, each base is in one; then the tandem repeats, by place.

    No repeat holds another, nor is one a homopolymer; they can overlap.
    """

    low: Int64s  # [tracts]: offset of the first base
    high: Int64s  # [tracts]: one past the last base
    period: Int64s  # [tracts]: bp of the unit, 1 for a homopolymer
    kind: Int64s  # [tracts]: index in `dvplug.line.run_profile.TRACTS`, `UNKNOWN_KIND` of unknown bases
    at: Int32s  # [2, l]: the homopolymer of each base, and a tandem repeat of it, -1 for none
    runs: int  # how many are homopolymers

    @property
    def units(self) -> Int64s:
        """Whole units of each, int64[tracts]."""
        return np.asarray((self.high - self.low) // self.period)


def find_tracts(codes: UInt8s) -> ReferenceTracts:
    """Find all tracts of uint8[l] base codes."""
    ends = np.append(np.flatnonzero(np.diff(codes)) + 1, len(codes))
    starts = np.append(0, ends[:-1])
    bases = codes[starts]
    # The complement of A is T, that of C is G.
    kinds = np.where(bases >= UNKNOWN_BASE, UNKNOWN_KIND, (bases == 1) | (bases == 2)).astype(np.int64)
    run_at = np.repeat(np.arange(len(starts), dtype=np.int32), ends - starts)
    found = list(_maximal(sorted(_repeats(codes, run_at), key=lambda one: (one[0], -one[1], one[2]))))
    repeats = np.array(found, np.int64).reshape(-1, 3)
    repeat_at = np.full(len(codes), -1, np.int32)
    for k, (low, high, _) in enumerate(found):
        repeat_at[low:high] = len(starts) + k
    return ReferenceTracts(
        np.concatenate((starts, repeats[:, 0])),
        np.concatenate((ends, repeats[:, 1])),
        np.concatenate((np.ones(len(starts), np.int64), repeats[:, 2])),
        np.concatenate((kinds, np.where(repeats[:, 2] == 2, 2, 3))),
        np.stack((run_at, repeat_at)),
        len(starts),
    )


def _repeats(codes: UInt8s, run_at: Int32s) -> Iterator[tuple[int, int, int]]:
    """Yield (first, end, period) of each stretch that repeats itself often enough, but for homopolymers."""
    for period in range(2, LONGEST_PERIOD + 1):
        same = np.zeros(max(0, len(codes) - period) + 2, np.int8)
        same[1:-1] = (codes[period:] == codes[:-period]) & (codes[period:] < UNKNOWN_BASE)
        edges = np.flatnonzero(np.diff(same))
        first, end = edges[::2], edges[1::2] + period
        kept = (end - first >= FEWEST_UNITS * period) & (run_at[first] != run_at[end - 1])
        yield from zip(first[kept].tolist(), end[kept].tolist(), repeat(period))


def _maximal(stretches: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Yield those that lie in no other; they come by place, the longest and those of the shortest unit first."""
    farthest = 0
    for first, end, period in stretches:
        if end > farthest:
            farthest = end
            yield first, end, period
