"""Features told to a network in pieces: how far a value has come from each edge to the next, between 0 and 1.

Of a bare number, dense layers learn slowly where a little more means much: whether two reads of sixty or three have
another length, say. Pieces between the quantiles of a feature make that a step of its own (the piecewise linear
encoding of Gorishniy et al. 2022, arXiv:2203.05556, section 3.2, beside the number itself).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

BINS_SETTING = "feature_bins"
"""The setting of networks that can tell features so."""
PIECES = "features_in_pieces"
"""The layer that makes the pieces: its weights are the edges, and stay as they are in training."""
_NARROWEST = 1e-3
"""Width of a piece, below which it is left out: features lie near [0, 1], and rounding would count."""


def told_in_pieces(features: Any, bins: int) -> Any:
    """Join to an input of features float32[n,f] their pieces; returns float32[n, f * (1 + bins)]."""
    from keras import layers

    pieces = layers.Dense(features.shape[1] * bins, trainable=False, name=PIECES)(features)
    pieces = layers.ReLU(max_value=1.0, name=f"{PIECES}_cut")(pieces)
    return layers.Concatenate(name="features_and_pieces")([features, pieces])


def has_pieces(model: keras.Model) -> bool:
    """Whether `told_in_pieces` is part of a network."""
    return any(layer.name == PIECES for layer in model.layers)


def edges_of(features: NDArray[np.float32], bins: int) -> NDArray[np.float64]:
    """Return the edges float64[f, bins + 1] of pieces: quantiles, ascending, of features float32[n,f]."""
    return np.quantile(features.astype(np.float64), np.linspace(0, 1, bins + 1), axis=0).T


def set_edges(model: keras.Model, edges: NDArray[np.float64]) -> None:
    """Give a network that `told_in_pieces` is part of these edges, as `edges_of` returns them."""
    features, bins = len(edges), edges.shape[1] - 1
    width = np.diff(edges, axis=1)
    told = width >= _NARROWEST
    slope = np.where(told, 1 / np.where(told, width, 1.0), 0.0)
    kernel = np.zeros((features, features, bins), np.float32)
    kernel[np.arange(features), np.arange(features)] = slope
    bias = -slope * edges[:, :-1]
    model.get_layer(PIECES).set_weights(
        [kernel.reshape(features, features * bins), bias.ravel().astype(np.float32)]
    )
