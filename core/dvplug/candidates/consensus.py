"""The sequence that most of several noisy ones have, base by base."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.sequence.arrays import Int64s, UInt8s
from dvplug.sequence.codes import UNKNOWN_BASE

_ROUNDS, _VOTERS = 3, 9
"""How often, and by how many texts, a consensus is changed: more make it no surer."""
_DIAGONAL, _LEFT_OUT, _ADDED = 0, 1, 2
_FAR = 1 << 28
_WORTH = 50
"""bp to the left that are worth an edit: a copy is put before the other one, whose variants stay what they are."""


def typical(texts: Sequence[UInt8s]) -> UInt8s:
    """Return the text that most are like, or where all differ that of median length; the same for any order."""
    spelled = sorted((text.tobytes() for text in texts), key=lambda text: (len(text), text))
    times = Counter(spelled)
    most = max(spelled, key=lambda text: (times[text], text))
    chosen = most if times[most] > 1 else spelled[len(spelled) // 2]
    return np.frombuffer(chosen, np.uint8).copy()  # one that kernels may be compiled for once


def consensus_of(texts: Sequence[UInt8s]) -> UInt8s:
    """Return the consensus of noisy texts, uint8[n] base codes each; the same for any order of them.

    It begins with the `typical` one and, unless half of all are like it, is changed to what most of those in the
    middle, in order of length, have.
    """
    text = typical(texts)
    if 2 * sum(np.array_equal(one, text) for one in texts) >= len(texts):
        return text
    voters = sorted(texts, key=lambda one: (len(one), one.tobytes()))
    first = max(0, (len(voters) - _VOTERS) // 2)
    voters = voters[first : first + _VOTERS]
    offset = np.cumsum([0, *map(len, voters)]).astype(np.int64)
    joined = np.concatenate(voters)
    for _ in range(_ROUNDS):
        voted = _voted(text, joined, offset)
        if np.array_equal(voted, text):
            break
        text = voted
    return text


@kernel(vectorised=True)
def _voted(text: UInt8s, joined: UInt8s, offset: Int64s) -> UInt8s:
    """The text, uint8[m], where most of those that ``offset``, int64[n + 1], cuts ``joined`` into have it otherwise."""
    m, n = len(text), len(offset) - 1
    base = np.zeros((m, UNKNOWN_BASE + 1), np.int64)  # last: none
    added = np.zeros(
        (m + 1, UNKNOWN_BASE), np.int64
    )  # before each base of the text: the first of what is added
    for r in range(n):
        one = joined[offset[r] : offset[r + 1]]
        steps = _steps(one, text)[1]
        i, j = 0, 0
        fresh = True
        for step in steps:
            if step == _DIAGONAL:
                if one[j] < UNKNOWN_BASE:
                    base[i, one[j]] += 1
                i, j, fresh = i + 1, j + 1, True
            elif step == _LEFT_OUT:
                base[i, UNKNOWN_BASE] += 1
                i, fresh = i + 1, True
            else:
                if fresh and one[j] < UNKNOWN_BASE:
                    added[i, one[j]] += 1
                j, fresh = j + 1, False
    out = np.empty(2 * m + 1, np.uint8)
    k = 0
    for i in range(m + 1):
        if 2 * added[i].sum() > n:
            out[k] = np.argmax(added[i])
            k += 1
        if i < m:
            best = np.argmax(base[i])
            if best < UNKNOWN_BASE:
                out[k] = best
                k += 1
    return out[:k].copy()


@kernel(vectorised=True)
def edits(one: UInt8s, other: UInt8s) -> int:
    """Bases that have to be changed, added or left out to make one text of the other; uint8[n] and uint8[m]."""
    return _steps(one, other)[0]


@subkernel
def _steps(one: UInt8s, text: UInt8s) -> tuple[int, UInt8s]:
    """Edits that make ``one`` of the text, and the steps of the alignment from the first on, gaps to the left.

    What lies far off the diagonal is not looked at, so that texts that differ much may have more edits than the fewest.
    """
    n, m = len(one), len(text)
    spare = _band(max(n, m))
    low, high = min(0, n - m) - spare, max(0, n - m) + spare  # of j - i
    width = high - low + 1
    step = np.zeros((m + 1, width), np.uint8)
    before = np.full(width + 2, _FAR, np.int32)  # of row i - 1, at j - i - low + 1
    row = np.full(width + 2, _FAR, np.int32)
    for i in range(m + 1):
        row[:] = _FAR
        for k in range(max(0, -i - low), min(width, n - i - low + 1)):
            j = i + k + low
            if i == 0 and j == 0:
                row[k + 1] = 0
                continue
            best, how = _FAR, _DIAGONAL
            if i > 0 and j > 0:
                best = before[k + 1] + (one[j - 1] != text[i - 1])
            if i > 0 and before[k + 2] + 1 < best:
                best, how = before[k + 2] + 1, _LEFT_OUT
            if j > 0 and row[k] + 1 < best:
                best, how = row[k] + 1, _ADDED
            row[k + 1] = best
            step[i, k] = how
        before, row = row, before
    total = np.int64(before[n - m - low + 1])
    steps = np.empty(n + m, np.uint8)
    i, j, at = m, n, n + m
    while i > 0 or j > 0:
        at -= 1
        how = step[i, j - i - low]
        steps[at] = how
        i -= how != _ADDED
        j -= how != _LEFT_OUT
    return total, steps[at:]


@kernel(vectorised=True)
def one_insertion(text: UInt8s, reference: UInt8s) -> tuple[int, int, int, int]:
    """Where one insertion makes of the reference, uint8[m], what is likest to the text, uint8[n].

    Returns
    -------
    int, int, int, int
        Bases of the reference before it, as few as may be, and fewer where that takes an edit more for each `_WORTH`
        bp; from where up to where it goes in the text; and by how many edits the text differs beside it.
    """
    n, m = len(text), len(reference)
    ahead, ahead_at = _prefix_edits(text, reference)
    behind, behind_at = _prefix_edits(text[::-1].copy(), reference[::-1].copy())
    needed = np.full(m + 1, _FAR, np.int64)
    for k in range(m + 1):
        if ahead_at[k] + behind_at[m - k] <= n:
            needed[k] = ahead[k] + behind[m - k]
    place = int(np.argmin(needed))
    for k in range(place):
        if needed[k] <= needed[place] + (place - k) // _WORTH:
            place = k
            break
    return place, ahead_at[place], n - behind_at[m - place], needed[place]


@subkernel
def _band(length: int) -> int:
    """How far off the diagonal texts of this length may be aligned."""
    return 10 + length // 40


@subkernel
def _prefix_edits(text: UInt8s, reference: UInt8s) -> tuple[Int64s, Int64s]:
    """For each prefix of the reference, how many edits the likest prefix of the text needs, and how long that is.

    Both are int64[m + 1]. Of prefixes alike, it is the one whose length is nearest to that of the reference; those of
    much other lengths are not looked at.
    """
    n, m = len(text), len(reference)
    w = _band(m)
    fewest, length = np.zeros(m + 1, np.int64), np.zeros(m + 1, np.int64)
    before, row = np.full(2 * w + 3, _FAR, np.int64), np.full(2 * w + 3, _FAR, np.int64)  # at j - k + w + 1
    for j in range(min(w, n) + 1):
        before[j + w + 1] = j
    for k in range(1, m + 1):
        row[:] = _FAR
        best, at = _FAR, 0
        for j in range(max(0, k - w), min(n, k + w) + 1):
            i = j - k + w + 1
            cost = before[i + 1] + 1
            if j > 0:
                cost = min(cost, row[i - 1] + 1, before[i] + (text[j - 1] != reference[k - 1]))
            row[i] = cost
            if cost < best or (cost == best and abs(j - k) < abs(at - k)):
                best, at = cost, j
        fewest[k], length[k] = best, at
        before, row = row, before
    return fewest, length
