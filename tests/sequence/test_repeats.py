"""Homopolymers and tandem repeats against slow twins on text."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug.sequence.codes import UNKNOWN_BASE, encode_bases
from dvplug.sequence.repeats import (
    measure_runs,
    periodic_end,
    repeat_end,
    repeat_tracts,
    repeat_windows,
    run_around,
    run_lengths,
)

# Mostly repeats: units, each some times, between a few other bases.
pieces = st.tuples(st.text("ACGTN", min_size=1, max_size=7), st.integers(1, 70)).map(lambda p: p[0] * p[1])
sequences = st.lists(pieces, min_size=1, max_size=5).map(lambda parts: "".join(parts)[:300])


def codes(sequence: str) -> np.ndarray:
    return encode_bases(sequence.encode())


def twin_tract(text: str, first: int, period: int) -> str:
    """The longest text from ``first`` on, at most 120 bp, that is a unit of ``period`` bp over and over."""
    unit = text[first : first + period]
    whole = (unit * 120)[:120]
    length = next(
        (i for i, (a, b) in enumerate(zip(text[first:], whole, strict=False)) if a != b),
        min(len(text) - first, 120),
    )
    return text[first : first + length]


def twin_longest(text: str, first: int, shortest: int) -> int:
    """Length of the longest tract of two units or more."""
    tracts = {p: len(twin_tract(text, first, p)) for p in range(shortest, 7) if first + p <= len(text)}
    return max((length for period, length in tracts.items() if length >= 2 * period), default=0)


def twin_run(text: str, at: int) -> int:
    return next(len(m[0]) for m in re.finditer(r"(.)\1*", text) if m.start() <= at < m.end())


@given(sequences, st.integers(0, 299), st.integers(1, 6))
def test_a_stretch_is_as_long_as_its_unit_repeats(text: str, first: int, period: int) -> None:
    first = min(first, len(text) - 1)
    end = periodic_end(codes(text), first, period, min(len(text), first + 120))
    assert end - first == max(len(twin_tract(text, first, period)), period)


@given(sequences, st.integers(0, 299), st.sampled_from([1, 2]))
def test_the_longest_repeat_is_that_of_a_slow_twin(text: str, first: int, shortest: int) -> None:
    first = min(first, len(text))
    assert repeat_end(codes(text), first, shortest) - first == twin_longest(text, first, shortest)


@given(sequences, st.integers(0, 299))
def test_a_run_is_measured_to_both_sides(text: str, at: int) -> None:
    at = min(at, len(text) - 1)
    assert run_around(codes(text), at, 300) == twin_run(text, at)
    assert min(run_around(codes(text), at, 40), 40) == min(twin_run(text, at), 40)


@given(sequences)
def test_tracts_are_those_of_a_slow_twin(text: str) -> None:
    found = repeat_tracts(codes(text), np.arange(len(text)))
    for start in range(len(text)):
        beside = [at for at in (start, start + 1) if at < len(text) and text[at] != "N"]
        homopolymer = min(max((twin_run(text, at) for at in beside), default=0), 40)
        expected = [homopolymer / 20, twin_longest(text, start + 1, 2) / 60]
        assert found[start].tolist() == pytest.approx(expected)


@given(sequences, st.integers(1, 20))
def test_windows_hold_ref_and_repeat_with_flanks(text: str, ref: int) -> None:
    starts = np.arange(len(text) - 1)
    low, high = repeat_windows(codes(text), starts, starts + ref)
    assert low.tolist() == [start - 3 for start in starts]
    for start in starts.tolist():
        longest = max(ref - 1, 1, twin_longest(text, start + 1, 1))
        assert high[start] == start + 1 + longest + 3


@given(st.lists(sequences, min_size=1, max_size=4))
def test_each_base_has_the_length_of_its_run_in_its_read(reads: list[str]) -> None:
    offset = np.concatenate(([0], np.cumsum([len(read) for read in reads]))).astype(np.int64)
    expected = [min(twin_run(read, at), 255) for read in reads for at in range(len(read))]
    assert run_lengths(codes("".join(reads)), offset).tolist() == expected


@given(sequences)
def test_runs_are_measured_from_their_starts(text: str) -> None:
    base, length = measure_runs(codes(text), np.arange(len(text) + 2))
    for start in range(len(text) + 2):
        run = re.match(r"([ACGT])\1*", text[start:])
        assert base[start] == ("ACGT".index(run[1]) if run else UNKNOWN_BASE)
        assert length[start] == (len(run[0]) if run else 0)
