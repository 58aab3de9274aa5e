"""Errors that both reads of a fragment have, told from those of one."""

from __future__ import annotations

import numpy as np
import pysam
import pytest

from dvplug.simulate.learn.mates import EXPECTED_READS, SLIPS_EXPECTED, WRONG_EXPECTED, MateErrors

SIZE = 60


def segment(start: int, cigar: str, quality: int = 30) -> pysam.AlignedSegment:
    read = pysam.AlignedSegment()
    read.reference_start = start
    read.cigarstring = cigar
    read.query_sequence = "A" * read.infer_query_length()
    read.query_qualities = [quality] * len(read.query_sequence)
    return read


def wrong_at(read: pysam.AlignedSegment, *places: int) -> np.ndarray:
    found = np.zeros(read.query_length, bool)
    found[list(places)] = True
    return found


def share(one: int, both: int, expected: float) -> float:
    return (2 * both + expected * EXPECTED_READS) / (one + 2 * both + EXPECTED_READS)


def add(mates: MateErrors, first, second, wrong=((), ()), masked=()) -> None:
    hidden = np.zeros(400, bool)
    hidden[list(masked)] = True
    mates.add((first, second), (wrong_at(first, *wrong[0]), wrong_at(second, *wrong[1])), 100, hidden)


def test_nothing_seen_is_as_expected() -> None:
    mates = MateErrors()
    add(mates, segment(100, f"{SIZE}M"), segment(300, f"{SIZE}M"), ((3,), (3,)))  # they do not overlap
    assert mates.shared() == pytest.approx((SLIPS_EXPECTED, WRONG_EXPECTED))


def test_slips_of_both_and_of_one() -> None:
    mates = MateErrors()
    slipped = "30M1D30M"
    for _ in range(40):
        add(mates, segment(100, slipped), segment(110, "20M1D40M"))  # both lack 130
        add(mates, segment(100, slipped), segment(110, "60M"))
    assert mates.shared().slips == pytest.approx(share(40, 40, SLIPS_EXPECTED))


@pytest.mark.parametrize(
    ("first", "second", "masked"),
    [("30M1D30M", "60M", (30,)), ("12M1D48M", "60M", ()), ("60M", "60M", ())],
)
def test_slips_that_do_not_count(first: str, second: str, masked: tuple[int, ...]) -> None:
    """Perhaps a variant; at the end of the overlap; none."""
    mates = MateErrors()
    add(mates, segment(100, first), segment(110, second), masked=masked)
    assert mates.shared().slips == pytest.approx(SLIPS_EXPECTED)


def test_bases_are_compared_where_they_lie() -> None:
    mates = MateErrors()
    # 140 is base 40 of the first, and 29 of the second, which has an insertion before and begins at 112.
    add(mates, segment(100, "60M"), segment(112, "20M1I40M"), ((40,), (29,)))
    assert mates.shared().wrong == pytest.approx(share(0, 1, WRONG_EXPECTED))
    add(mates, segment(100, "60M"), segment(112, "20M1I40M"), ((40, 50), ()))
    assert mates.shared().wrong == pytest.approx(share(2, 1, WRONG_EXPECTED))


def test_unsure_bases_do_not_count() -> None:
    mates = MateErrors()
    add(mates, segment(100, "60M"), segment(110, "60M", quality=10), ((40,), (30,)))
    assert mates.shared().wrong == pytest.approx(WRONG_EXPECTED)
