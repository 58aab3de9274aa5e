"""The first stage: what it computes, whose answers it takes, and how those and the network's are joined."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from dvplug.errors import ModelError
from dvplug.genotypes.first_stage import DenseLayer, FeatureNetwork, Settled, settles
from dvplug.line.scene import ImageAlts
from dvplug_registry.first_stage import FirstStage

FEATURES = 11
THRESHOLDS = FirstStage(snp=(0.9, 0.8, 1.0), indel=(0.95, 0.5, 0.6), examples=1, settled=0, disagreements=0)


def network(seed: int = 0, sizes: tuple[int, ...] = (FEATURES, 7, 5, 3)) -> FeatureNetwork:
    """One of random weights."""
    random = np.random.default_rng(seed)
    layers = tuple(
        DenseLayer(
            random.normal(size=(n, units)).astype(np.float32), random.normal(size=units).astype(np.float32)
        )
        for n, units in pairwise(sizes)
    )
    mean, scale = random.normal(size=(2, sizes[0])).astype(np.float32)
    return FeatureNetwork(mean, np.abs(scale) + np.float32(0.1), layers)


def test_it_is_dense_layers_over_standardised_features() -> None:
    one, features = network(), np.random.default_rng(1).normal(size=(50, FEATURES)).astype(np.float32)
    features[0, 0] = 1e6  # cut off
    x = np.clip((features.astype(np.float64) - one.mean) / one.scale, -8, 8)
    first, second, last = one.layers
    x = np.maximum(x @ first.kernel + first.bias, 0)
    x = np.maximum(x @ second.kernel + second.bias, 0)
    logits = x @ last.kernel + last.bias
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(one.predict(features), odds / odds.sum(axis=1, keepdims=True), atol=1e-4)


@given(st.integers(0, 2**32 - 1), st.integers(1, 70))
def test_no_answer_depends_on_which_others_are_asked_for(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    one, features = network(seed), random.normal(size=(n, FEATURES)).astype(np.float32)
    rows = random.permutation(n)[: random.integers(1, n + 1)]
    assert np.array_equal(one.predict(features)[rows], one.predict(features[rows]))


def test_it_is_read_back(tmp_path: Path) -> None:
    one, features = network(), np.ones((3, FEATURES), np.float32)
    one.save(tmp_path / "first_stage.safetensors")
    again = FeatureNetwork.load(tmp_path / "first_stage.safetensors", FEATURES)
    assert np.array_equal(again.predict(features), one.predict(features))


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "first_stage.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot be read as a first stage"):
        FeatureNetwork.load(path, FEATURES)
    save_file({"kernel_0": np.zeros((2, 3), np.float32)}, path)
    with pytest.raises(ModelError, match="cannot be read as a first stage"):
        FeatureNetwork.load(path, FEATURES)
    network().save(path)
    with pytest.raises(ModelError, match="from 12 features to 3 genotypes are wanted"):
        FeatureNetwork.load(path, FEATURES + 1)
    network(sizes=(FEATURES, 7, 4)).save(path)
    with pytest.raises(ModelError, match="to 3 genotypes are wanted"):
        FeatureNetwork.load(path, FEATURES)


def test_answers_are_taken_above_the_threshold_of_their_kind_and_genotype() -> None:
    p = np.array(
        [[0.91, 0.09, 0], [0.89, 0.11, 0], [0.1, 0.9, 0], [0.2, 0.8, 0], [0, 0, 1], [0.3, 0.05, 0.65]],
        np.float32,
    )
    snps, indels = np.zeros(6, np.bool_), np.ones(6, np.bool_)
    assert settles(p, snps, THRESHOLDS).tolist() == [True, False, True, False, False, False]
    assert settles(p, indels, THRESHOLDS).tolist() == [False, False, True, True, True, True]


def test_answers_are_joined_with_those_of_the_network() -> None:
    taken = np.array([True, False, True, False])
    images = ImageAlts(
        np.array([0, 1, 1, 1], np.int32), np.array([[0, -1], [0, -1], [1, -1], [0, 1]], np.int8)
    )
    own, network_p = np.full((4, 3), 0.25, np.float32), np.arange(12, dtype=np.float32).reshape(4, 3)
    settled = Settled(taken, own, images)
    expected = np.where(taken[:, None], own, network_p)
    assert np.array_equal(settled.joined(network_p[~taken]), expected)
    assert np.array_equal(settled.joined(network_p), expected)  # where all images were drawn
    of_site = settled.of_site(1)
    assert of_site.taken.tolist() == [False, True, False]
    assert of_site.images.site.tolist() == [0, 0, 0]
    assert of_site.images.alt_set.tolist() == [[0, -1], [1, -1], [0, 1]]
