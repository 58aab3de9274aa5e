"""Profiles of pairs whose reads err as is said, and nowhere else."""

from __future__ import annotations

import numpy as np

from dvplug.simulate.learn.profile import LONGEST_TRACT, Profile
from dvplug.simulate.learn.states import RIGHT, WRONG
from dvplug.simulate.locus_noise import LocusNoise

QUIET = LocusNoise(indel_sd=0, short_indel_sd=0, site_p=0)


def make_profile(
    pairs: int = 4,
    size: int = 50,
    fragment: int = 120,
    wrong: int = 0,
    slip: float = 0.0,
    shared: float = 0.0,
) -> Profile:
    """A profile of ``pairs`` equal templates that misread their first ``wrong`` bases."""
    state = np.full((pairs, 2, size), RIGHT, dtype=np.uint8)
    state[:, :, :wrong] = WRONG
    always_next = np.array([[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1], [1, 1, 1, 1]], dtype=float)
    return Profile(
        quality=np.full((pairs, 2, size), 30, dtype=np.uint8),
        state=state,
        length=np.full((pairs, 2), size),
        fragment=np.full(pairs, fragment),
        substitution=always_next,
        deletion_p=np.full((5, LONGEST_TRACT + 1), slip),
        insertion_p=np.zeros((5, LONGEST_TRACT + 1)),
        recurrent_q=np.array([20], dtype=np.uint8),
        discordant_p=0.0,
        slips_shared=shared,
        wrong_shared=shared,
    )
