"""How much places differ: what was put in is found, and the shipped tilt is what real reads show."""

from __future__ import annotations

import numpy as np
import pytest

from dvplug.images.features.length_errors import LengthErrors
from dvplug_lab.homopolymers.tilt import SDS, Place, find_places, log_likelihoods
from dvplug_lab.read_sets import CONFIDENT, MAIN, R10_2022, R10_NOISE, TRUTH
from helpers.places import ROOT
from helpers.shared_data import SHARED, needs_shared

TABLE = ROOT / "plugins" / "dvplug_ont" / "length_errors.npz"


@pytest.mark.parametrize("sd", [0.0, 0.15, 0.3])
def test_the_spread_that_was_put_in_is_the_likeliest(sd: float) -> None:
    rng = np.random.default_rng(4)
    errors = LengthErrors.load(TABLE)
    places = []
    for _ in range(150):
        tables, weights = errors.at_tilt(rng.normal(0, sd))
        table = tables[rng.choice(3, p=weights)]
        length, read_class, base = int(rng.integers(10, 16)), rng.integers(0, 4, 25), rng.integers(0, 4, 25)
        change = [
            int(rng.choice(len(p), p=p / p.sum())) - errors.most for p in table[read_class, base, length]
        ]
        places.append(Place(length, read_class, base, np.array(change)))
    found = log_likelihoods(places, errors)
    assert SDS[int(found.argmax())] == pytest.approx(sd, abs=0.0501)


@needs_shared
def test_the_tilt_is_what_real_reads_show() -> None:
    errors = LengthErrors.load(TABLE)
    places = find_places(*(SHARED / part for part in (R10_2022, MAIN, TRUTH, CONFIDENT)), edges=errors.edges)
    assert len(places) > 30
    assert min(place.length for place in places) == 8
    best = SDS[int(log_likelihoods(places, errors).argmax())]
    assert best == R10_NOISE.tilt_sd == errors.tilt_sd
