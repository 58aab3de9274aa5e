"""Homopolymers and tandem repeats of a sequence, or those after a site: reads show them too long or too short."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dvplug.kernel import kernel
from dvplug.sequence.arrays import Bools, Int32s, Int64s, UInt8s
from dvplug.sequence.codes import UNKNOWN_BASE
from dvplug.sequence.repeats import LONGEST_PERIOD, LONGEST_TRACT, periodic_end

FEWEST_UNITS = 3
"""Of a tandem repeat; two alike are chance."""
_SHORTEST_REPEAT = {unit: FEWEST_UNITS * unit for unit in range(2, LONGEST_PERIOD + 1)}
UNKNOWN_KIND = -1
SHORTEST_TRACT = {1: 4} | _SHORTEST_REPEAT
"""bp from which a run of a unit of so many bp counts as a tandem repeat."""


class Tracts(NamedTuple):
    """Maximal tandem repeats, sorted by start where nothing else is said."""

    start: Int64s  # [tracts]
    length: Int64s  # [tracts], bp
    unit: Int64s  # [tracts], bp of the repeated unit


def stretches_of(same: Bools) -> tuple[Int64s, Int64s]:
    """Return the starts and lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], same.view(np.int8), [0]))))
    return edges[::2], edges[1::2] - edges[::2]


def find_tracts(codes: UInt8s, shortest: dict[int, int] | None = None) -> Tracts:
    """Find all maximal tandem repeats whose unit is 1 to 6 bp.

    Parameters
    ----------
    codes
        uint8[n], base codes.
    shortest
        Unit length in bp to the shortest tract that counts, in bp; units left out are not looked for.
    """
    found = []
    for unit, least in (shortest or SHORTEST_TRACT).items():
        same = (codes[unit:] == codes[:-unit]) & (codes[unit:] != UNKNOWN_BASE)
        if unit == 1 and least == 1:
            edges = np.flatnonzero(~same)
            start = np.concatenate(([0], edges + 1))
            length = np.diff(np.concatenate((start, [len(codes)])))
            keep = codes[start] != UNKNOWN_BASE
        else:
            start, length = stretches_of(same)
            length = length + unit
            keep = length >= least
            for inner in (k for k in range(1, unit) if unit % k == 0):
                keep &= ~_has_period(codes, start, unit, inner)
        found.append((start[keep], length[keep], np.full(int(keep.sum()), unit)))
    start, length, units = (np.concatenate(column).astype(np.int64) for column in zip(*found, strict=True))
    order = np.argsort(start, kind="stable")
    return Tracts(start[order], length[order], units[order])


def _has_period(codes: UInt8s, start: Int64s, unit: int, inner: int) -> Bools:
    """Tell which units, ``unit`` bp from each start, are themselves repeats of ``inner`` bp."""
    periodic = np.ones(len(start), dtype=np.bool_)
    for offset in range(unit - inner):
        periodic &= codes[start + offset] == codes[start + offset + inner]
    return periodic


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


def reference_tracts(codes: UInt8s) -> ReferenceTracts:
    """Find all homopolymers and tandem repeats of uint8[l] base codes."""
    ends = np.append(np.flatnonzero(np.diff(codes)) + 1, len(codes))
    starts = np.append(0, ends[:-1])
    bases = codes[starts]
    # The complement of A is T, that of C is G.
    kinds = np.where(bases >= UNKNOWN_BASE, UNKNOWN_KIND, (bases == 1) | (bases == 2)).astype(np.int64)
    run_at = np.repeat(np.arange(len(starts), dtype=np.int32), ends - starts)
    start, length, unit = find_tracts(codes, _SHORTEST_REPEAT)
    stretches = zip(start.tolist(), (start + length).tolist(), unit.tolist(), strict=True)
    found = list(_maximal(sorted(stretches, key=lambda one: (one[0], -one[1], one[2]))))
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


def _maximal(stretches: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Yield those that lie in no other; they come by place, the longest and those of the shortest unit first."""
    farthest = 0
    for first, end, period in stretches:
        if end > farthest:
            farthest = end
            yield first, end, period


class TractsAfter(NamedTuple):
    """The homopolymer and the tandem repeat that begin after each site; 0 units where there is none."""

    run_period: Int64s  # [s]: 1
    run_units: Int64s  # [s]
    run_kind: Int64s  # [s]: as of `ReferenceTracts`
    period: Int64s  # [s]: bp of a unit of the repeat
    units: Int64s  # [s]
    kind: Int64s  # [s]


@kernel
def tracts_after(reference: UInt8s, starts: Int64s) -> TractsAfter:
    """Find the tracts that begin at the base after each of int64[s] offsets into uint8[l] base codes.

    Of several repeats the longest, and of these the one of the shortest unit; followed for `LONGEST_TRACT` bp.
    """
    n = len(starts)
    found = np.zeros((6, n), np.int64)
    for i in range(n):
        first = starts[i] + 1
        if first >= len(reference) or reference[first] >= UNKNOWN_BASE:
            continue
        stop = min(len(reference), first + LONGEST_TRACT)
        run_end = periodic_end(reference, first, 1, stop)
        found[0, i], found[1, i], found[2, i] = 1, run_end - first, 1 <= reference[first] <= 2
        longest = run_end
        for period in range(2, LONGEST_PERIOD + 1):
            end = min(periodic_end(reference, first, period, stop), stop)
            if end - first >= FEWEST_UNITS * period and end > longest:
                longest = end
                found[3, i], found[4, i], found[5, i] = (
                    period,
                    (end - first) // period,
                    2 if period == 2 else 3,
                )
    return TractsAfter(found[0], found[1], found[2], found[3], found[4], found[5])
