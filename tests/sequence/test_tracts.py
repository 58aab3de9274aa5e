"""Tracts after a site, by counting letters."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.sequence.codes import encode_bases
from dvplug.sequence.tracts import tracts_after


def units_of(text: str, unit: str) -> tuple[int, int]:
    """How often a text begins with a unit, whole, and how many bases go on so."""
    bases = 0
    while bases < len(text) and text[bases] == unit[bases % len(unit)]:
        bases += 1
    return bases // len(unit), bases


def twin(text: str, at: int) -> tuple[int, ...]:
    rest = text[at + 1 : at + 121]
    if not rest or rest[0] == "N":
        return (0,) * 6
    run, run_bases = units_of(rest, rest[0])
    best, longest = (0, 0, 0), run_bases
    for period in range(2, 7):
        if len(rest) < period:
            continue
        units, bases = units_of(rest, rest[:period])
        if bases >= 3 * period and bases > longest:
            best, longest = (period, units, 2 if period == 2 else 3), bases
    return (1, run, int(rest[0] in "CG"), *best)


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(["A", "AC", "CA", "T", "GGC", "ATTA", "ACGTAC", "N", "G"]), max_size=60),
    st.data(),
)
def test_tracts_are_those_of_the_twin(parts: list[str], data: st.DataObject) -> None:
    text = "".join(part * data.draw(st.integers(1, 5)) for part in parts) + "T"
    starts = np.arange(len(text))
    found = tracts_after(encode_bases(text.encode()), starts)
    assert list(zip(*(column.tolist() for column in found), strict=True)) == [twin(text, at) for at in starts]
