"""How simulated reads go on after repeats: as a real one went on after one of as many units."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.kernel import kernel, subkernel
from dvplug.simulate.learn.after_runs import FEWEST_UNITS
from dvplug.simulate.learn.profile import LONGEST_TRACT, Profile
from dvplug.simulate.learn.states import FOREIGN

ENOUGH = 40
"""Reads that one is drawn from; where so many did not pass one of as many units, those of the next are taken."""
DRAWS = 8
"""Of which the one is taken that passed a repeat where the read does: the later, the further it is behind."""


class AfterRuns(NamedTuple):
    """Reads of a profile that passed repeats, by their units."""

    low: NDArray[np.int64]  # [LONGEST_TRACT + 1], the first read to draw from after so many units
    high: NDArray[np.int64]  # [LONGEST_TRACT + 1], one past the last; 0 where reads go on as before
    passed: NDArray[np.int64]  # [m, 3], pair, which read of it, the first base after
    share: float  # of repeats, those behind which a read goes on so


def after_runs(profile: Profile) -> AfterRuns:
    """Sort the reads that passed repeats; none where there are too few to tell."""
    low, high = np.zeros((2, LONGEST_TRACT + 1), np.int64)
    found = profile.after_run[np.argsort(profile.after_run[:, 0], kind="stable")]
    if len(found) >= ENOUGH:
        for size in range(FEWEST_UNITS, LONGEST_TRACT + 1):
            reach = np.sort(np.abs(found[:, 0] - size))[ENOUGH - 1]
            low[size], high[size] = np.searchsorted(found[:, 0], (size - reach, size + reach + 1))
    return AfterRuns(low, high, np.ascontiguousarray(found[:, 1:]), profile.after_run_share)


def passed_none(profile: Profile) -> NDArray[np.int64]:
    """Return the pairs of which no read is known to have passed a repeat, or all where there is none."""
    none = np.setdiff1d(np.arange(len(profile.fragment)), profile.after_run[:, 1])
    return none if len(none) else np.arange(len(profile.fragment))


@subkernel
def goes_on(rng: np.random.Generator, after: AfterRuns, units: int) -> bool:
    """Whether a read goes on otherwise after a repeat of so many units."""
    return bool(after.high[min(units, after.high.size - 1)] > 0 and rng.random() < after.share)


@kernel
def go_on(
    rng: np.random.Generator,
    after: AfterRuns,
    units: int,
    first: int,
    quality: NDArray[np.uint8],
    state: NDArray[np.uint8],
    templates: tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    """Let a read go on from its base ``first`` as another did after a repeat of so many units.

    ``quality`` and ``state``, uint8[size], are changed, but for what is of elsewhere. ``templates`` are lengths,
    qualities and states of the pairs of a `Profile`. Where all reads that are drawn end sooner, the last
    base of the longest one is copied on.
    """
    units = min(units, after.low.size - 1)
    lengths, qualities, states = templates
    needed = quality.size - first
    best, least = -1, 0
    for _ in range(DRAWS):
        i = after.low[units] + int(rng.random() * (after.high[units] - after.low[units]))
        left = lengths[after.passed[i, 0], after.passed[i, 1]] - after.passed[i, 2]
        if left > 0 and (best < 0 or (needed <= left < least) or (least < needed and left > least)):
            best, least = i, left
    if best < 0:
        return
    pair, mate, base = after.passed[best, 0], after.passed[best, 1], after.passed[best, 2]
    for i in range(first, quality.size):
        at = base + min(i - first, least - 1)
        if state[i] != FOREIGN:
            quality[i] = qualities[pair, mate, at]
            state[i] = states[pair, mate, at]
