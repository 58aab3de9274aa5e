"""Profiles of pairs: what simulated reads were made with is learnt from them again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.errors import InputError
from dvplug.simulate import SimulatedDataset
from dvplug.simulate.learn.mates import WRONG_EXPECTED
from dvplug.simulate.learn.profile import Profile, learn_profile
from dvplug.simulate.learn.states import RIGHT, WRONG


@pytest.fixture(scope="module")
def profile(dataset: SimulatedDataset) -> Profile:
    return learn_profile(dataset.reads, dataset.reference)


def test_pairs_are_copied_with_lengths_and_fragments(profile: Profile) -> None:
    assert (profile.length == 150).all()
    assert profile.quality.shape == profile.state.shape == (len(profile.fragment), 2, 150)
    assert (profile.fragment.mean(), profile.fragment.std()) == (
        pytest.approx(400, rel=0.03),
        pytest.approx(80, rel=0.1),
    )
    assert profile.discordant_p < 0.01


def test_bases_err_as_often_as_their_qualities_say(profile: Profile) -> None:
    known = np.isin(profile.state, (RIGHT, WRONG))
    expected = (10 ** (profile.quality[known] / -10.0)).mean()
    assert (profile.state[known] == WRONG).mean() == pytest.approx(expected, rel=0.25)


def test_longer_homopolymers_slip_more(profile: Profile) -> None:
    rates = profile.deletion_p[1, [4, 8, 12, 16]]
    assert (np.diff(rates) > 0).all()


def test_reads_that_err_each_by_itself_share_little(profile: Profile) -> None:
    """The simulated reads do; what is expected of real ones weighs little against them."""
    assert profile.wrong_shared < WRONG_EXPECTED


def test_a_profile_is_kept_whole(profile: Profile, tmp_path: Path) -> None:
    profile.save(tmp_path / "x.npz")
    again = Profile.load(tmp_path / "x.npz")
    for name, value in vars(profile).items():
        np.testing.assert_array_equal(getattr(again, name), value)


def test_too_few_reads_are_refused(dataset: SimulatedDataset, tmp_path: Path) -> None:
    few = tmp_path / "few.bam"
    pysam.view("-b", "-o", str(few), "-s", "1.02", str(dataset.reads), catch_stdout=False)
    pysam.index(str(few))
    with pytest.raises(InputError, match=r"learnt from .*few\.bam: it has no mapped pairs"):
        learn_profile(few, dataset.reference)
