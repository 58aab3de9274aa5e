"""What a model's examples were made of, said so that people can take it in: sets of reads that were treated alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_SHARE = r"[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?"
_SHARD = re.compile(rf"simulated (?P<name>[^,;]+)(?:, (?P<shift>[^,;]+),)? x (?P<kept>{_SHARE})")
_COUNT = re.compile(r"[0-9,]+ examples: ")
_NUMBERED = re.compile(r"(?P<stem>.*_)(?P<number>[0-9]{1,18})(?P<unit>[a-z]*)")
_AT_ONCE = 3
"""Consecutive numbers from which on they are told by the first and the last."""


class AlikeSets(NamedTuple):
    """Sets of simulated reads of which examples were made in the same ways.

    Attributes
    ----------
    names
        In the order in which they are told.
    kept
        By what was done to the reads, nothing first: shares of them that were kept, as they are written.
    """

    names: tuple[str, ...]
    kept: dict[str, tuple[str, ...]]

    @property
    def names_in_words(self) -> str:
        """The names, consecutive numbers at once."""
        return ", ".join(_folded(self.names))

    @property
    def kept_in_words(self) -> str:
        """Which shares were kept, by what was done to the reads."""
        told = [f"x {', '.join(self.kept[''])}"] if "" in self.kept else []
        shifts: dict[tuple[str, ...], list[str]] = {}
        for shift, shares in self.kept.items():
            if shift:
                shifts.setdefault(shares, []).append(shift)
        return "; ".join(
            [*told, *(f"{', '.join(alike)} x {', '.join(shares)}" for shares, alike in shifts.items())]
        )


def alike_sets(data: str) -> tuple[list[AlikeSets], list[str]]:
    """Return the sets of reads that a text names as `dvplug train` writes it, and what else it says."""
    kept: dict[str, dict[str, dict[str, None]]] = {}
    others: list[str] = []
    for part in data.split("; "):
        if shard := _SHARD.fullmatch(part):
            kept.setdefault(shard["name"], {}).setdefault(shard["shift"] or "", {})[shard["kept"]] = None
        else:
            others.append(part)
    names: dict[tuple[tuple[str, tuple[str, ...]], ...], list[str]] = {}
    for name, ways in kept.items():
        way = tuple((shift, tuple(sorted(shares, key=float))) for shift, shares in sorted(ways.items()))
        names.setdefault(way, []).append(name)
    return [AlikeSets(names=tuple(alike), kept=dict(way)) for way, alike in names.items()], others


def sources_in_words(data: str) -> str:
    """Say in a line what a manifest says of training data: each set of reads once, with the shares that were kept.

    How many examples they are may stand before it.
    """
    count = _COUNT.match(data)
    sets, others = alike_sets(data[count.end() :] if count else data)
    told = [f"{one.names_in_words} ({one.kept_in_words})" for one in sets]
    simulated = f"simulated, x the share of reads that was kept: {'; '.join(told)}"
    return (count[0] if count else "") + "; ".join([*([simulated] if told else []), *others])


def same_sources(one: str, other: str) -> bool:
    """Whether two texts name the same sets of reads, treated in the same ways, and at least one."""
    mine, theirs = (
        {part for part in _COUNT.sub("", text, count=1).split("; ") if _SHARD.fullmatch(part)}
        for text in (one, other)
    )
    return bool(mine) and mine == theirs


def _folded(names: Sequence[str]) -> Iterator[str]:
    """Yield names: numbers alone of those that differ in them from the name before, and many in a row at once."""
    runs: list[list[str]] = []
    for name in names:
        if runs and name == _next(runs[-1][-1]):
            runs[-1].append(name)
        else:
            runs.append([name])
    before = ""
    for run in runs:
        told = []
        for name in run:
            stem, number = _parts(name)
            told.append(number if stem and stem == before else name)
            before = stem
        yield from told if len(run) < _AT_ONCE else [f"{told[0]} to {told[-1]}"]


def _parts(name: str) -> tuple[str, str]:
    """What stands before the number that a name ends in, and the number; nothing and the name where it ends in none."""
    found = _NUMBERED.fullmatch(name)
    return (found["stem"], found["number"] + found["unit"]) if found else ("", name)


def _next(name: str) -> str:
    """The name with the next number, written as long; nothing where it ends in none."""
    found = _NUMBERED.fullmatch(name)
    if not found:
        return ""
    return f"{found['stem']}{int(found['number']) + 1:0{len(found['number'])}}{found['unit']}"
