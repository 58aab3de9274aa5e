"""Features told in pieces."""

from __future__ import annotations

import numpy as np
import pytest

from dvplug.genotypes.binned_features import PIECES, edges_of, has_pieces, set_edges
from dvplug.genotypes.networks import build, predict_batch
from helpers.training_toys import LAYOUT, TINY


def test_pieces_say_how_far_a_value_has_come_from_edge_to_edge() -> None:
    """By interpolation between edges: all pieces below the value are whole, and the one it lies in is in part."""
    import keras

    random = np.random.default_rng(1)
    edges = np.sort(random.random((3, 6)), axis=1)
    model = build("small-cnn", TINY | {"feature_bins": 5}, LAYOUT.shape, 3)
    assert has_pieces(model)
    assert not has_pieces(build("small-cnn", TINY, LAYOUT.shape, 3))
    set_edges(model, edges)
    given = random.uniform(-0.2, 1.2, (200, 3)).astype(np.float32)
    told = keras.Model(model.inputs, model.get_layer("features_and_pieces").output)
    said = np.asarray(told([np.zeros((200, *LAYOUT.shape), np.uint8), given]))
    np.testing.assert_array_equal(said[:, :3], given)
    pieces = said[:, 3:].reshape(200, 3, 5)
    for column in range(3):
        come = np.interp(given[:, column], edges[column], np.arange(6))
        np.testing.assert_allclose(pieces[:, column].sum(axis=1), come, atol=1e-3)
        assert (np.diff(pieces[:, column], axis=1) <= 1e-6).all()


def test_edges_part_what_is_seen_alike_and_a_value_that_never_differs_has_no_pieces() -> None:
    random = np.random.default_rng(2)
    features = np.stack(
        [random.gamma(0.5, 0.1, 4000), np.full(4000, 0.3), random.integers(0, 2, 4000)], axis=1
    ).astype(np.float32)
    edges = edges_of(features, 4)
    assert edges.shape == (3, 5)
    counts, _ = np.histogram(features[:, 0], edges[0])
    np.testing.assert_allclose(counts, 1000, atol=2)
    model = build("small-cnn", TINY | {"feature_bins": 4}, LAYOUT.shape, 3)
    set_edges(model, edges)
    kernel, bias = (values.reshape(-1, 3, 4) for values in model.get_layer(PIECES).get_weights())
    assert np.isfinite(kernel).all()
    assert not kernel[1, 1].any()
    assert not bias[0, 1].any()
    assert (kernel[2, 2] > 0).sum() == 1  # of 0 and 1 there is one way from the one to the other


@pytest.mark.parametrize("types", [0, 2])
def test_pieces_are_of_features_alone_and_none_of_sequencing_types(types: int) -> None:
    settings = TINY | {"feature_bins": 3, "sequencing_types": types}
    model = build("small-cnn", settings, LAYOUT.shape, 2 + types)
    assert model.get_layer(PIECES).units == 2 * 3
    set_edges(model, np.array([[0, 0.2, 0.5, 1.0], [0.1, 0.2, 0.3, 0.4]]))
    images = np.zeros((4, *LAYOUT.shape), np.uint8)
    features = np.random.default_rng(3).random((4, 2 + types), np.float32)
    assert predict_batch(model, images, features).shape == (4, 3)
