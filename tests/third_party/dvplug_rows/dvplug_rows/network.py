"""The network: reads are a set, so the same layers look at each row, and the order of rows tells nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dvplug.hookspecs import Frozen

if TYPE_CHECKING:
    import keras


class RowSetSettings(Frozen):
    """Sizes of `row-set`."""

    filters: int = Field(default=12, ge=1, description="of the layers that look along a row")
    units: int = Field(default=24, ge=1, description="of the layer that sees rows and features")


def build(shape: tuple[int, int, int], features: int, settings: RowSetSettings) -> keras.Model:
    """Build it: convolutions along rows, the mean and the greatest of all rows, features, and a layer over all."""
    import keras
    from keras import layers

    image = keras.Input(shape, dtype="uint8", name="image")
    given = keras.Input((features,), dtype="float32", name="features")
    x = layers.Rescaling(1 / 255, name="scale")(image)
    for number in (1, 2):
        x = layers.Conv2D(
            settings.filters,
            (1, 5),
            strides=(1, 2),
            padding="same",
            activation="relu",
            name=f"along_{number}",
        )(x)
    x = layers.AveragePooling2D((1, x.shape[2]), name="row_means")(x)
    x = layers.Conv2D(settings.filters, 1, activation="relu", name="of_row")(x)
    pooled = [
        layers.GlobalAveragePooling2D(name="mean_row")(x),
        layers.GlobalMaxPooling2D(name="greatest")(x),
    ]
    x = layers.Concatenate(name="joined")([*pooled, given])
    x = layers.Dense(settings.units, activation="relu", name="of_all")(x)
    return keras.Model([image, given], layers.Dense(3, name="logits")(x), name="row_set")
