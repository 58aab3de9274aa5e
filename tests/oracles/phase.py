"""Slow twin of `dvplug.records.phase`: how calls are joined, by dictionaries and with whole numbers of odds."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import NamedTuple

from dvplug.records import phase


class Call(NamedTuple):
    """A heterozygous call: where it is, whether it is an anchor, and the side of each read that tells it."""

    position: int  # 1-based
    anchor: bool
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
    return [_join(calls, index) for index in range(len(calls))]


def _join(calls: Sequence[Call], index: int) -> Joined:
    call, most = calls[index], 0
    error = phase.ANCHOR_ERROR if call.anchor else phase.CALL_ERROR
    anchors = [at for at in range(index) if calls[at].anchor]
    for at in anchors[: -phase.LOOK_BACK - 1 : -1]:
        shared = call.sides.keys() & calls[at].sides.keys()
        same = sum(call.sides[read] == calls[at].sides[read] for read in shared)
        if len(shared) < phase.LEAST_SHARE * most:
            continue
        most = max(most, len(shared))
        if odds(same, len(shared) - same, error) >= phase.LEAST_ODDS:
            return Joined(at, 2 * same > len(shared))
    return Joined(-1, False)


def blocks(calls: Sequence[Call], joined: Sequence[Joined]) -> list[tuple[int, int] | None]:
    """Block and turn of each call; None of one without a block."""
    found: list[tuple[int, int] | None] = []
    for call, (parent, alike) in zip(calls, joined, strict=True):
        before = found[parent] if parent >= 0 else None
        if before is not None:
            found.append((before[0], before[1] if alike else -before[1]))
        else:
            found.append((call.position, 1) if call.anchor else None)
    return found
