"""The twin of `dvplug.records.phase`: calls joined by dictionaries, odds as fractions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import NamedTuple

from dvplug.line.phase_table import ANCHOR, SPARE
from dvplug.records import phase


class Call(NamedTuple):
    """A heterozygous call: where it is, its rank, and the side of each read that tells it."""

    position: int  # 1-based
    rank: int
    sides: dict[int, int]


class Joined(NamedTuple):
    """What a call is joined to: the index of another one, -1 if none, and whether the first alleles lie together."""

    parent: int
    alike: bool


@cache
def odds(same: int, other: int, error: float) -> Fraction:
    """Odds of the likelier way that two calls lie, against the other way and against none."""
    e, none = Fraction(error), Fraction(phase.UNPHASABLE)
    more, less = max(same, other), min(same, other)
    each = (1 - none) / 2
    way, turned = each * (1 - e) ** more * e**less, each * (1 - e) ** less * e**more
    return way / (turned + none * Fraction(1, 2) ** (more + less))


def joins(calls: Sequence[Call]) -> list[Joined]:
    """What each call is joined to."""
    found: list[Joined] = []
    for index in range(len(calls)):
        found.append(_join(calls, index, [has_block(calls, found, at) for at in range(index)]))
    return found


def has_block(calls: Sequence[Call], joined: Sequence[Joined], index: int) -> bool:
    """Whether a call is phased."""
    return calls[index].rank == ANCHOR or joined[index].parent >= 0


def _join(calls: Sequence[Call], index: int, phased: Sequence[bool]) -> Joined:
    call, spare, most = calls[index], Joined(-1, False), 0
    is_anchor = call.rank == ANCHOR
    likely: dict[Joined, Fraction] = {}  # from the nearest on
    near = [at for at in range(index) if calls[at].rank][: -phase.LOOK_BACK - 1 : -1]
    for at in near:
        if call.position - calls[at].position >= phase.MOST_APART:
            continue
        shared = call.sides.keys() & calls[at].sides.keys()
        same = sum(call.sides[read] == calls[at].sides[read] for read in shared)
        other, joined = len(shared) - same, Joined(at, 2 * same > len(shared))
        if calls[at].rank == SPARE:
            sure = odds(same, other, phase.CALL_ERROR) >= phase.LEAST_ODDS
            if is_anchor and sure and phased[at] and spare.parent < 0:
                spare = joined
        else:
            sure = odds(same, other, phase.ANCHOR_ERROR if is_anchor else phase.CALL_ERROR)
            if len(shared) >= phase.LEAST_SHARE * most and sure >= phase.LEAST_ODDS:
                return joined
            most = max(most, len(shared))
            if is_anchor and sure >= phase.LEAST_ODDS_LEFT:
                likely[joined] = sure
    if spare.parent >= 0 or not likely:
        return spare
    return max(likely, key=lambda one: likely[one])


def blocks(calls: Sequence[Call], joined: Sequence[Joined]) -> list[tuple[int, int] | None]:
    """Block and turn of each call; None of one without a block, or alone in it."""
    found: list[tuple[int, int] | None] = []
    for call, (parent, alike) in zip(calls, joined, strict=True):
        before = found[parent] if parent >= 0 else None
        if before is not None:
            found.append((before[0], before[1] if alike else -before[1]))
        else:
            found.append((call.position, 1) if call.rank == ANCHOR else None)
    size = Counter(one[0] for one in found if one is not None)
    return [one if one is not None and size[one[0]] > 1 else None for one in found]
