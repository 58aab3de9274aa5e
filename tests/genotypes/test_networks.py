"""The networks and their weights."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dvplug.errors import ModelError, PluginError
from dvplug.genotypes.networks import build, count_flop, predict_batch, quiet_backend, softmax
from dvplug.genotypes.weights import load_weights, save_weights
from dvplug.plugins.network_checks import wrong_network
from helpers.training_toys import TINY, toy_examples


@given(arrays(np.float32, (7, 3), elements=st.floats(-80, 80, width=32)))
def test_softmax_sums_to_one_and_rows_do_not_meet(logits: np.ndarray) -> None:
    together = softmax(logits)
    assert together.dtype == np.float32
    exact = np.exp(logits.astype(np.float64))
    np.testing.assert_allclose(together, exact / exact.sum(axis=1, keepdims=True), atol=2e-6)
    np.testing.assert_array_equal(together, np.concatenate([softmax(row[None]) for row in logits]))


def test_the_default_network_keeps_to_its_budget() -> None:
    model = build("small-cnn", {}, (64, 55, 7), 30)
    assert model.count_params() < 300_000
    # Counted by hand: the stem gives 32x28 positions of 24 filters from 3x3x7.
    stem = 2 * 32 * 28 * 24 * 3 * 3 * 7
    assert stem < count_flop(model) <= 25e6
    assert model.output_shape == (None, 3)


def test_the_middle_of_the_image_is_seen_alike_from_both_sides() -> None:
    """The centre columns are in the middle of the last map, whatever its width."""
    for width in range(11, 60, 2):
        model = build("small-cnn", TINY, (16, width, 2), 2)
        before = model.get_layer("centre_columns").input.shape[2]
        left, right = model.get_layer("centre_columns").cropping[1]
        assert left == right
        assert before - left - right in (1, 2)


def test_weights_survive_a_round_trip(tmp_path: Path) -> None:
    examples = toy_examples(9, seed=1)
    one, other = (build("small-cnn", TINY, examples.images.shape[1:], 2) for _ in range(2))
    save_weights(one, tmp_path / "w.safetensors")
    expected = predict_batch(one, examples.images, examples.features)
    assert np.abs(predict_batch(other, examples.images, examples.features) - expected).max() > 1e-3
    load_weights(other, tmp_path / "w.safetensors")
    np.testing.assert_array_equal(predict_batch(other, examples.images, examples.features), expected)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(build("small-cnn", TINY, (16, 13, 2), 2), path)
    with pytest.raises(ModelError, match=r"features_1/kernel is \(2, 4\), the network has \(3, 4\)"):
        load_weights(build("small-cnn", TINY, (16, 13, 2), 3), path)
    path.write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="cannot be read as weights"):
        load_weights(build("small-cnn", TINY, (16, 13, 2), 2), path)


def test_unknown_architectures_and_settings_are_refused() -> None:
    with pytest.raises(
        PluginError, match=r"no plugin offers the network 'smal-cnn'.*Did you mean 'small-cnn'"
    ):
        build("smal-cnn", {}, (16, 13, 2), 2)
    with pytest.raises(
        ModelError, match=r"do not fit the network 'small-cnn': unknown: stam\. Known settings: stem, filters"
    ):
        build("small-cnn", {"stam": 8}, (16, 13, 2), 2)
    with pytest.raises(
        ModelError, match=r"settings \{'stem': 1\} do not fit the network 'small-cnn': stem: "
    ):
        build("small-cnn", {"stem": 1}, (16, 13, 2), 2)
    with pytest.raises(
        ModelError, match="'small-cnn' is given no feature: the technology names no feature set"
    ):
        build("small-cnn", {}, (16, 13, 2), 0)


@pytest.mark.parametrize("before", [None, "1"])
def test_loading_keras_leaves_the_environment_as_it_was(
    monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    if before:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", before)
    quiet_backend()
    assert os.environ.get("TF_CPP_MIN_LOG_LEVEL") == before


def test_weights_of_one_name_are_told() -> None:
    """They would be written over each other."""
    import keras
    from keras import layers

    class Twice(layers.Layer):
        def __init__(self, name: str) -> None:
            super().__init__(name=name)
            self.parts = [layers.Dense(4, name="same"), layers.Dense(4, name="same")]

        def call(self, x: object) -> object:
            return self.parts[1](self.parts[0](x))

    inputs = [keras.Input((16, 13, 2), dtype="uint8"), keras.Input((2,), dtype="float32")]
    pixels = layers.Flatten()(layers.Rescaling(1 / 255)(inputs[0]))
    x = Twice("own")(layers.Concatenate()([pixels, inputs[1]]))
    model = keras.Model(inputs, layers.Dense(3, name="logits")(x))
    (wrong,) = wrong_network(model, (16, 13, 2), 2)
    assert wrong == (
        "a network with two weights called 'own/same/kernel'",
        "each layer has a name of its own",
    )
