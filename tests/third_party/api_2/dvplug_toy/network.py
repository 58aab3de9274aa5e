"""The toy's network: mean pixels by channel, joined with the features, and one layer in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dvplug.hookspecs import Frozen

if TYPE_CHECKING:
    import keras


class DenseSettings(Frozen):
    """Sizes of `toy-dense`."""

    units: int = Field(default=16, ge=1)


def build_dense(shape: tuple[int, int, int], features: int, settings: DenseSettings) -> keras.Model:
    """Build it with `keras.layers` alone, so that it trains on every backend. Weights are kept by layers' names."""
    import keras
    from keras import layers

    image = keras.Input(shape, dtype="uint8", name="image")
    given = keras.Input((features,), dtype="float32", name="features")
    x = layers.Rescaling(1 / 255, name="scale")(image)
    x = layers.GlobalAveragePooling2D(name="means")(x)
    x = layers.Concatenate(name="joined")([x, given])
    x = layers.Dense(settings.units, activation="relu", name="hidden")(x)
    return keras.Model([image, given], layers.Dense(3, name="logits")(x), name="toy_dense")
