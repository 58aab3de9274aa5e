"""Profiles of other machines: errors, lengths and qualities, each counted by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dvplug.simulate.learn.error_counts import MOST_CHANGE
from dvplug.simulate.learn.profile import LONGEST_TRACT, Profile
from dvplug.simulate.learn.states import RANDOM, RIGHT, WRONG
from dvplug.simulate.machines import (
    fragment_lengths,
    mean_quality,
    of_length,
    short_machine,
    single_machine,
)
from helpers.planted_reads import SHORTER_P, planted
from helpers.worlds import world

LEARNT = 100


def learnt(pairs: int = 2000, wrong_p: float = 0.01) -> Profile:
    """Reads of 100 bp; qualities 20 and 35 at random, nine errors in ten at the lower."""
    rng = np.random.default_rng(1)
    quality = np.where(rng.random((pairs, 2, LEARNT)) < 0.5, 20, 35).astype(np.uint8)
    wrong = rng.random(quality.shape) < np.where(quality == 20, 1.8, 0.2) * wrong_p
    return Profile(
        quality=quality,
        state=np.where(wrong, WRONG, RIGHT).astype(np.uint8),
        length=np.full((pairs, 2), LEARNT),
        fragment=np.full(pairs, 300),
        substitution=np.tile([0.25, 0.5, 0.75, 1.0], (4, 1)),
        deletion_p=np.full((5, LONGEST_TRACT + 1), 0.01),
        insertion_p=np.full((5, LONGEST_TRACT + 1), 0.02),
        recurrent_q=np.array([20], np.uint8),
        discordant_p=0.5,
    )


def made(**changes: object) -> Profile:
    return short_machine(learnt(), world(**changes), np.random.default_rng(2))


@pytest.mark.parametrize("factor", [0.4, 1.0, 2.5])
def test_bases_are_misread_by_the_factor(factor: float) -> None:
    state = made(substitution_factor=factor).state
    assert (state == WRONG).mean() == pytest.approx(0.01 * factor, rel=0.06)


@pytest.mark.parametrize("factor", [0.4, 2.5])
def test_errors_are_where_qualities_are_low_whatever_their_number(factor: float) -> None:
    profile = made(substitution_factor=factor)
    at_low = (profile.quality[profile.state == WRONG] == 20).mean()
    assert at_low > 0.85


@pytest.mark.parametrize("length", [36, 100, 250])
def test_reads_have_the_length_and_as_many_errors_per_base(length: int) -> None:
    profile = of_length(learnt(), length, np.random.default_rng(3))
    assert profile.quality.shape[2] == length
    assert (profile.length == length).all()
    assert (profile.state == WRONG).mean() == pytest.approx(0.01, rel=0.1)
    assert (profile.quality == 20).mean() == pytest.approx(0.5, abs=0.02)


def test_what_is_told_of_qualities_moves_no_error() -> None:
    usual = made()
    for changes in ({"shift": -8.0}, {"bins": "flat"}, {"cap": 25}, {"stretch": 0.5, "recalibrated": 2.0}):
        other = made(**changes)
        assert (other.state == usual.state).all()
        assert (other.quality != usual.quality).any()
    assert (made(shift=-8.0).quality == np.where(usual.quality == 20, 12, 27)).all()
    assert set(np.unique(made(bins="flat").quality)) == {30}


def test_what_is_misread_moves_no_quality() -> None:
    assert (made(substitution_factor=3.0).quality == made(substitution_factor=0.5).quality).all()


def test_runs_and_other_indels_have_factors_of_their_own() -> None:
    profile = made(run_factor=3.0, other_indel_factor=0.5)
    assert profile.deletion_p[1, [1, 3]] == pytest.approx([0.005, 0.005])
    assert profile.deletion_p[1, [4, 20]] == pytest.approx([0.03, 0.03])
    assert profile.insertion_p[2, 8] == pytest.approx(0.06)


def test_some_reads_are_cut_and_some_end_in_noise() -> None:
    cut = made(uneven_share=0.4)
    assert (cut.length < LEARNT).mean() == pytest.approx(0.4, abs=0.04)
    assert cut.length.min() >= 30
    tails = made(tail_share=0.1)
    ends = (tails.state[:, :, -1] == RANDOM).mean()
    assert ends == pytest.approx(0.1, abs=0.02)
    noise = tails.state == RANDOM
    assert tails.quality[noise].max() < 12
    assert 0.05 <= noise.sum(axis=2)[noise.any(axis=2)].mean() / LEARNT <= 0.4


def test_fragments_have_the_mean_and_the_spread() -> None:
    lengths = fragment_lengths(
        world(fragment_mean=250.0, fragment_sd=60.0).library, 50_000, np.random.default_rng(1)
    )
    assert lengths.mean() == pytest.approx(250, rel=0.02)
    assert lengths.std() == pytest.approx(60, rel=0.04)


def test_homopolymers_of_single_reads_slip_by_the_factor() -> None:
    machine = world(run_factor=3.0, other_indel_factor=0.5).machine
    p = np.diff(single_machine(planted(), machine).run_change, axis=-1, prepend=0.0)
    odds = SHORTER_P / (1 - SHORTER_P)
    assert p[..., 3, MOST_CHANGE - 1] == pytest.approx(0.5 * odds / (1 + 0.5 * odds))
    assert p[..., 8, MOST_CHANGE - 1] == pytest.approx(3 * odds / (1 + 3 * odds))
    assert p.sum(axis=-1) == pytest.approx(1.0)
    assert p[..., 1, MOST_CHANGE] == pytest.approx(1.0)


def test_single_reads_have_other_lengths_and_rates() -> None:
    profile = replace(planted(), insertion_p=np.full(4, 0.01))
    machine = world(length_factor=0.5, substitution_factor=2.0, other_indel_factor=0.5).machine
    other = single_machine(profile, machine)
    assert (other.length == 450).all()
    assert other.substitution_p == pytest.approx(2 * profile.substitution_p)
    assert other.insertion_p == pytest.approx(0.005)
    assert (other.quality == profile.quality).all()
    assert 10 <= mean_quality(profile) <= 30
