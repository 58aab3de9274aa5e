"""Families by Mendel: the messages against all genotypes enumerated, and what a trio's posterior must do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.joint.families import Kinship, family_posteriors
from dvplug.joint.frequencies import PSEUDO_COUNT, allele_frequencies, posteriors
from oracles.mendel import expected_frequencies, family, genotypes_of

PEDIGREES = {
    "trio": {2: (0, 1)},
    "two children": {2: (0, 1), 3: (0, 1)},
    "half siblings": {3: (0, 1), 4: (0, 2)},
    "three generations": {2: (0, 1), 4: (2, 3)},
}


def drawn(rng: np.random.Generator, persons: int, n: int) -> np.ndarray:
    """Likelihoods of very different strength, float64[persons, g]."""
    phred = rng.integers(0, 60, (persons, len(genotypes_of(n))))
    phred[rng.random(phred.shape) < 0.3] = 0
    return 10.0 ** (-phred / 10)


@pytest.mark.parametrize(
    ("name", "n"), [*((name, 2) for name in PEDIGREES), ("trio", 3), ("two children", 3)]
)
@pytest.mark.parametrize("rate", [1e-5, 0.01])
def test_families_are_as_all_genotypes_enumerated(name: str, n: int, rate: float) -> None:
    parents = PEDIGREES[name]
    persons = max(max(child, *both) for child, both in parents.items()) + 1
    rng = np.random.default_rng(10 * n + persons)
    for _ in range(3):
        likelihoods = drawn(rng, persons, n)
        frequencies = rng.dirichlet(np.ones(n))
        found = family_posteriors(
            Kinship.of(parents, persons),
            likelihoods,
            np.ones(persons, bool),
            np.zeros(persons, bool),
            frequencies,
            rate,
        )
        p, new = family(likelihoods.tolist(), parents, frequencies.tolist(), rate)
        np.testing.assert_allclose(found.genotypes, p, atol=1e-9)
        assert found.new == pytest.approx(new, abs=1e-9)


def test_an_unknown_parent_is_one_of_the_population() -> None:
    rng = np.random.default_rng(4)
    likelihoods, frequencies = drawn(rng, 2, 2), np.array([0.8, 0.2])
    found = family_posteriors(
        Kinship.of({1: (0, -1)}, 2), likelihoods, np.ones(2, bool), np.zeros(2, bool), frequencies, 1e-3
    )
    whole = np.vstack([likelihoods, np.ones(3)])
    p, new = family(whole.tolist(), {1: (0, 2)}, frequencies.tolist(), 1e-3)
    np.testing.assert_allclose(found.genotypes, p[:2], atol=1e-9)
    assert found.new == pytest.approx(new, abs=1e-9)


def test_a_son_has_his_mothers_x() -> None:
    """Father 1 of X, mother 0/0, son unsure: 0, whatever the father has."""
    likelihoods = np.array([[0.0, 0.0, 1.0], [1.0, 1e-6, 1e-9], [0.3, 0.0, 0.7]])
    haploid = np.array([True, False, True])
    found = family_posteriors(
        Kinship.of({2: (0, 1)}, 3), likelihoods, np.ones(3, bool), haploid, np.array([0.5, 0.5]), 1e-5
    )
    assert found.genotypes[2, 0] > 0.99
    of_y = family_posteriors(
        Kinship.of({2: (0, 1)}, 3),
        likelihoods,
        np.array([True, False, True]),
        haploid,
        np.array([0.5, 0.5]),
        1e-5,
    )
    assert of_y.genotypes[2, 2] > 0.99


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(1, 30))
def test_frequencies_are_where_expectation_and_maximisation_stay(seed: int, n: int, persons: int) -> None:
    rng = np.random.default_rng(seed)
    likelihoods, haploid = drawn(rng, persons, n), rng.random(persons) < 0.3
    for row in np.flatnonzero(haploid):
        for index, (a, b) in enumerate(genotypes_of(n)):
            likelihoods[row, index] *= a == b
    frequencies = allele_frequencies(likelihoods, haploid)
    after = expected_frequencies(likelihoods.tolist(), haploid.tolist(), frequencies.tolist(), PSEUDO_COUNT)
    np.testing.assert_allclose(frequencies, after, atol=1e-3)
    assert frequencies.sum() == pytest.approx(1)
    p = posteriors(likelihoods, haploid, frequencies)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p[:, [a != b for a, b in genotypes_of(n)]][haploid] == 0).all()
