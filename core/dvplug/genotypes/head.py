"""The last layers of networks that see an image and features: what both say is joined, and logits made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from dvplug.errors import ModelError


class HeadSettings(Protocol):
    """Sizes of these layers, as the settings of a network have them."""

    @property
    def feature_units(self) -> int:
        """Units of the two layers that see the features alone."""

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
    y = layers.Dense(settings.feature_units, activation="relu", name="features_1")(own)
    y = layers.Dense(settings.feature_units, activation="relu", name="features_2")(y)
    z = layers.Concatenate(name="joined")([*pooled, y])
    z = layers.Dropout(settings.dropout, name="dropout")(z)
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
