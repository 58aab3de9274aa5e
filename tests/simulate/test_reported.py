"""What files say of qualities: tables by their definitions, one value at a time."""

from __future__ import annotations

import numpy as np
import pytest

from dvplug.simulate.reported import cycle_changes, reported_mapping, reported_qualities
from helpers.worlds import world


def told(given: int, **changes: object) -> int:
    return int(reported_qualities(world(**changes).machine.quality, 30.0)[given])


@pytest.mark.parametrize(
    ("given", "shift", "expected"), [(30, -8.0, 22), (5, -8.0, 2), (92, 4.0, 93), (37, 0.0, 37)]
)
def test_shifts_stay_within_what_a_file_can_hold(given: int, shift: float, expected: int) -> None:
    assert told(given, shift=shift) == expected


def test_shapes_are_stretched_around_the_mean() -> None:
    assert [told(q, stretch=1.5) for q in (20, 30, 40)] == [15, 30, 45]
    assert [told(q, stretch=0.5) for q in (20, 30, 40)] == [25, 30, 35]


def test_bins_hold_the_values_of_their_instruments() -> None:
    def values(bins: str) -> set[int]:
        return {told(q, bins=bins) for q in range(2, 42)}

    assert values("eight") == {2, 6, 15, 22, 27, 33, 37, 40}
    assert values("novaseq") == {2, 12, 23, 37}
    assert values("nextseq") == {2, 11, 25, 37}
    assert values("two") == {12, 30}
    assert values("flat") == {30}
    assert [told(q, bins="eight") for q in (9, 10, 19, 20, 24, 25, 34, 35, 39, 40)] == [
        6, 15, 15, 22, 22, 27, 33, 37, 37, 40,
    ]  # fmt: skip


def test_a_cap_is_the_most() -> None:
    assert max(told(q, cap=30) for q in range(94)) == 30


def test_recalibration_changes_cycles_by_what_is_asked_for() -> None:
    quality = world(recalibrated=2.0).machine.quality
    changes = cycle_changes(quality, 100, 3)
    assert changes.std() == pytest.approx(2.0)
    assert changes.mean() == pytest.approx(0.0, abs=1e-9)
    falling = cycle_changes(world(cycle_fall=6.0).machine.quality, 100, 3)
    assert falling[0] - falling[-1] == pytest.approx(6.0)


@pytest.mark.parametrize(
    ("scale", "top", "expected"),
    [
        ("as-mapped", 60, [0, 4, 5, 30, 60]),
        ("flat", 50, [0, 4, 50, 50, 50]),
        ("unknown", 255, [0, 4, 255, 255, 255]),
        ("stretched", 254, [0, 4, 21, 127, 254]),
        ("bowtie2", 42, [0, 4, 6, 23, 42]),
    ],
)
def test_mapping_qualities_are_told_on_the_scale(scale: str, top: int, expected: list[int]) -> None:
    table = reported_mapping(world(scale=scale, top=top).mapping)
    got = [int(table[q]) for q in (0, 4, 5, 30, 60)]
    if scale == "bowtie2":  # 21 lies between two of its steps
        assert got[3] in (18, 23)
        got[3] = 23
    assert got == expected
    assert (np.diff(table[:61].astype(int)) >= 0).all()
