"""Ends of reads that are of elsewhere: of any place of the genome or, where reads begin, of the other strand nearby.

Single strands that fold, or that pair with another strand for a few bases, are copied on from there when a library is
made: the molecule then ends in the other strand's sequence, and others do so at the same place, where a few bases read
alike on both strands.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.kernel import kernel, subkernel
from dvplug.simulate.genome import Codes
from dvplug.simulate.learn.folds import Folds
from dvplug.simulate.learn.states import FOREIGN
from dvplug.simulate.locus_noise import uniform_of

REACH = 30
"""Most bp by which either side of a fold lies off from where it was drawn, to fit better: some fold where they can,
others anywhere."""
HAIRPINS = 0.35
"""Share of the folds that seek the best hairpin around them, so that several molecules fold at one place."""
LOOP, LOOP_REACH, HAIRPIN_REACH = 21, 18, 40
"""bp from the one side of a hairpin to the other, by which that differs, and in which hairpins are sought."""
SHORTEST = 4
"""bp of the shortest begin that folds."""
LONGEST_STEM = 16
"""bp that read alike on both strands; more do not fold more often."""
MISMATCH = 3
"""Bases that read alike which one that does not outweighs."""


class JoinedEnds(NamedTuple):
    """Where the ends of one read are of elsewhere, by its own bases: before ``head``, and from ``tail`` on."""

    head: int  # 0 where it begins as its fragment
    head_position: int  # of its first base on the haplotype
    head_step: int
    tail: int  # its size where it ends as its fragment
    tail_position: int  # of its base `tail`
    tail_step: int


@subkernel
def _alike(codes: Codes, own: int, other: int, step: int, least: int) -> int:
    """How many bases up to ``own`` the strand that goes on at ``other`` would have read alike, from the ``least``-th
    one on."""
    length = least
    while length < LONGEST_STEM:
        a, b = own - step * length, other + step * (1 + length)
        if not (0 <= a < codes.size and 0 <= b < codes.size) or codes[a] > 3 or codes[a] != 3 - codes[b]:
            break
        length += 1
    return length - least


@kernel
def fold(
    codes: Codes, own: int, step: int, outward: int, reach: tuple[int, int, int], mended: bool
) -> tuple[int, int]:
    """Where a strand folds: near where it was drawn, and where most bases read alike on both strands.

    Parameters
    ----------
    codes
        Of the haplotype, uint8[bp].
    own
        Drawn position of the last base that is of the strand itself, which goes on by ``step`` (1 or -1).
    outward
        Drawn bp from there to the first base of the other strand, along ``step``.
    reach
        bp by which the last base may be moved back and on, and by which the other strand's first one may either way.
    mended
        Where all but one of the bases read alike, those from that one on are the other strand's.

    Returns
    -------
    tuple[int, int]
        bp by which the last base moves along ``step``, and the position of the first base of the other strand.
    """
    best, chosen = -1.0, (0, own + step * outward)
    for shift in range(-reach[0], reach[1] + 1):
        for more in range(-reach[2], reach[2] + 1):
            last, other = own + step * shift, own + step * (outward + more)
            if not (0 <= last < codes.size and 0 <= other < codes.size):
                continue
            near = _alike(codes, last, other, step, 0)
            beyond = _alike(codes, last, other, step, near + 1)
            length = near + max(0, beyond - MISMATCH)
            if length < int(best):
                continue
            # What decides between equals is the place, so that reads that were drawn near it fold alike.
            place = np.uint64(last + 1) * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(other + 1)
            score = length + uniform_of(place, 0)
            if score > best:
                inner = near + 1 if mended and beyond > MISMATCH else 0
                best, chosen = score, (shift - inner, other + step * inner)
    return chosen


@subkernel
def _anywhere(draws: Any, codes: Codes, size: int) -> tuple[int, int]:
    """A position of the haplotype, and a step."""
    position = size + int(uniform_of(draws, 0) * (codes.size - 2 * size))
    return position, 1 if uniform_of(draws, 1) < 0.5 else -1


@kernel
def joined_ends(
    codes: Codes, folds: Folds, state: NDArray[np.uint8], size: int, own: tuple[int, int], draws: Any
) -> JoinedEnds:
    """Draw what the ends of a read are of.

    Parameters
    ----------
    codes
        Of the haplotype, uint8[bp].
    state
        Of the read's template, uint8[longest].
    size
        bp of the read.
    own
        Position of the read's first base if it were its fragment's, and the step to the next.
    draws
        A hash, uint64: reads that share it are joined to the same.
    """
    start, step = own
    head = 0
    while head < size and state[head] == FOREIGN:
        head += 1
    tail = head
    while tail < size and state[tail] != FOREIGN:
        tail += 1
    head_position, head_step = _anywhere(draws, codes, size)
    tail_position, tail_step = head_position, head_step
    if 0 < head < size and uniform_of(draws, 2) < folds.share:
        outward = folds.distance[int(uniform_of(draws, 3) * folds.distance.size)]
        reach = int(uniform_of(draws, 4) * (REACH + 1))
        mended, across = uniform_of(draws, 5) < 0.5, reach
        if uniform_of(draws, 6) < HAIRPINS:
            outward, reach, across = LOOP, HAIRPIN_REACH, LOOP_REACH
        limits = min(reach, size - 1 - head), min(reach, max(head - SHORTEST, 0)), across
        shift, other = fold(codes, start + step * head, -step, outward, limits, mended)
        head = min(head - shift, size - 1)
        head_position, head_step = other + step * (head - 1), -step
        tail = max(tail, head)
    return JoinedEnds(head, head_position, head_step, tail, tail_position, tail_step)
