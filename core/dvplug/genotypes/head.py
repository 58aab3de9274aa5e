"""The last layers of networks that see an image and features: what both say is joined, and logits made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from dvplug.errors import ModelError
from dvplug.genotypes.binned_features import told_in_pieces

if TYPE_CHECKING:
    import keras

HEAD = ("features_1", "features_2", "head", "logits")
"""Layers with weights that are trained where those of the image are kept."""
DROPOUT = "dropout"


class HeadSettings(Protocol):
    """Sizes of these layers, as the settings of a network have them."""

    @property
    def feature_units(self) -> int:
        """Units of the two layers that see the features alone."""

    @property
    def feature_bins(self) -> int:
        """Pieces in which each feature is told beside its value; 0 where it is told by that alone."""

    @property
    def head_units(self) -> int:
        """Units of the layer that sees image and features."""

    @property
    def dropout(self) -> float:
        """Share of what is joined that is left out in training."""

    @property
    def sequencing_types(self) -> int:
        """Last features that tell the kind of sequencing: they join at the layer `head` alone."""


def genotype_logits(pooled: Sequence[Any], given: Any, settings: HeadSettings) -> Any:
    """Join tensors float32[n, ...] of the image and the input of features float32[n,f]; return logits float32[n,3]."""
    from keras import layers

    features, types = given.shape[1], settings.sequencing_types
    own = given[:, : features - types] if types else given
    if settings.feature_bins:
        own = told_in_pieces(own, settings.feature_bins)
    y = layers.Dense(settings.feature_units, activation="relu", name="features_1")(own)
    y = layers.Dense(settings.feature_units, activation="relu", name="features_2")(y)
    z = layers.Concatenate(name="joined")([*pooled, y])
    z = layers.Dropout(settings.dropout, name=DROPOUT)(z)
    if types:
        z = layers.Concatenate(name="with_sequencing_type")([z, given[:, features - types :]])
    z = layers.Dense(settings.head_units, activation="relu", name="head")(z)
    return layers.Dense(3, name="logits")(z)


def require_features(network: str, features: int, types: int) -> None:
    """Raise ModelError where a network is given no feature but those that tell the kind of sequencing."""
    if features <= types:
        raise ModelError(
            f"the network '{network}' is given no feature",
            cause="the technology names no feature set",
            repair="Name one in the profile's `features`, or choose another network.",
        )


def keep_image_layers(model: keras.Model) -> None:
    """Let a fit train the layers `HEAD` alone, and leave none of what the others say out.

    Dropout is to keep layers from relying on each other while they learn, and those of the image do not.

    Raises
    ------
    ModelError
        The network has other last layers.
    """
    names = {layer.name for layer in model.layers}
    absent = [name for name in HEAD if name not in names]
    if absent:
        raise ModelError(
            f"the image's layers of the network '{model.name}' cannot be kept",
            cause=f"it has no layer {' and no '.join(absent)}, so which are the image's is not known",
            repair="Train all of its layers, or take small-cnn or image-network.",
        )
    for layer in model.layers:
        if layer.name not in HEAD:
            layer.trainable = False
        if layer.name == DROPOUT:
            layer.rate = 0.0
