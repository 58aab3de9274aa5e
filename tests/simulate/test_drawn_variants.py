"""Variants drawn like those of a truth."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from dvplug.sequence.tracts import find_tracts
from dvplug.simulate.drawn_variants import VariantModel, drawn_variants
from dvplug.simulate.genome import random_genome
from dvplug.simulate.variants import Event, PhasedVariant, draw_events, place_events


def test_drawn_variants_resemble_those_they_are_drawn_from() -> None:
    rng = np.random.default_rng(1)
    codes = random_genome(1_200_000, rng)
    model = place_events(codes[:600_000], draw_events(rng), rng)
    drawn = drawn_variants(codes[600_000:], VariantModel.learn(codes[:600_000], model), rng)
    share = [np.mean([len(v.ref) != len(v.alts[0]) for v in some]) for some in (model, drawn)]
    assert len(drawn) == pytest.approx(len(model), rel=0.15)
    assert share[1] == pytest.approx(share[0], abs=0.04)
    assert all(one.end < other.start for one, other in itertools.pairwise(drawn))


def test_repeats_vary_as_often_as_real_ones_of_their_length() -> None:
    """Half of the homopolymers of 12 bp and none of those of 6 vary, but only confident ones count."""
    rng = np.random.default_rng(2)

    def sequence(n: int) -> np.ndarray:
        pieces = []
        for size in rng.permutation([6, 12] * n):
            pieces += [rng.permutation(np.tile([1, 2, 3], 20)).astype(np.uint8), np.zeros(size, np.uint8)]
        return np.concatenate(pieces)

    codes, other = sequence(400), sequence(400)
    tracts = find_tracts(codes)
    long = tracts.start[(tracts.unit == 1) & (tracts.length == 12)].tolist()
    confident = [(0, len(codes) // 2)]
    varied = [start for start in long if start > confident[0][1] or rng.random() < 0.5]
    variants = [PhasedVariant(start - 1, "CA", ("C",), (0, 1)) for start in varied]
    model = VariantModel.learn(codes, variants, confident)
    drawn = drawn_variants(other, replace(model, others=[Event(10**9, (0,), (0, 1))] * 30), rng)
    assert len([v for v in drawn if len(v.ref) != len(v.alts[0])]) == pytest.approx(200, abs=40)
    assert {other[v.start + 1 : v.start + 13].max() for v in drawn if len(v.ref) == 2} == {0}
    assert {v.genotype for v in drawn} == {(0, 1), (1, 0)}
