"""Which repeats rather vary than are misread: of drawn ones, whose nature is known."""

from __future__ import annotations

import numpy as np
import pytest

from dvplug.inputs.varying_tracts import MANY, varying
from dvplug.line.run_profile import usual_lengths
from dvplug.sequence.arrays import Int64s

USUAL = usual_lengths(1e-5, 1.9)  # as of Illumina's reads
OF_NOISY_READS = usual_lengths(0.02, 1.25)


def places(*of: tuple[int, int, dict[int, int]]) -> Int64s:
    """Kind, units, and reads by change of each."""
    return np.array([[kind, units, *(reads.get(c, 0) for c in range(-3, 4))] for kind, units, reads in of])


def counted(found: Int64s) -> Int64s:
    """Counts of all that are plain, these among them."""
    counts = np.zeros((4, 21, 7), np.int64)
    np.add.at(counts, (found[:, 0], found[:, 1]), found[:, 2:])
    return counts


def test_a_heterozygote_among_few_repeats_is_told_from_errors() -> None:
    found = places(
        (0, 14, {0: 16, 1: 8}),  # a second allele, of which fewer reads span
        (0, 14, {0: 23, -1: 2}),
        (0, 12, {0: 27, 1: 1}),
        (1, 9, {0: 19, -1: 9}),
    )
    assert varying(found, counted(found), USUAL, 0.5).tolist() == [True, False, False, True]


def test_what_many_repeats_of_that_length_show_are_errors() -> None:
    """A library that slips so: a quarter of the reads at each of its repeats."""
    found = places(*[(0, 14, {0: 18, -1: 6})] * (MANY - 2), (0, 13, {0: 19, -1: 5}))
    assert not varying(found, counted(found), USUAL, 0.5).any()


def test_of_noisy_reads_a_third_that_are_one_too_short_are_errors() -> None:
    found = places((0, 14, {0: 16, -1: 8}))
    assert not varying(found, counted(found), OF_NOISY_READS, 0.8).any()
    assert varying(found, counted(found), USUAL, 0.8).all()


def test_among_many_none_is_left_out() -> None:
    """Networks know what those that vary add to the errors of a genome."""
    found = places((0, 14, {0: 16, 1: 8}), *[(0, 14, {0: 30})] * (MANY - 1))
    assert not varying(found, counted(found), USUAL, 0.5).any()
    assert varying(found[:-1], counted(found[:-1]), USUAL, 0.5).tolist() == [True] + [False] * (MANY - 2)


@pytest.mark.parametrize("reads", [12, 30, 60])
def test_of_drawn_repeats_nearly_all_are_told(reads: int) -> None:
    rng = np.random.default_rng(3)
    p = 1 - USUAL[0, 12, 3]
    wrong = rng.binomial(reads, p, 400)
    second = np.minimum(rng.binomial(reads, 0.45, 400), reads // 3)
    for errors, expected in ((wrong, False), (second, True)):
        told = [
            bool(varying(one, counted(one), USUAL, 0.3)[0])
            for one in (places((0, 12, {0: reads - n, -1: n})) for n in errors.tolist())
        ]
        assert np.mean(np.array(told) == expected) > 0.97


def test_nothing_is_found_in_nothing() -> None:
    none = np.empty((0, 9), np.int64)
    assert varying(none, counted(none), USUAL, 0.5).tolist() == []
