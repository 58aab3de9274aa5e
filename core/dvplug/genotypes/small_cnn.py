"""The network `small-cnn`, of `keras.layers` only, so that it trains on whichever backend Keras runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from dvplug.genotypes.head import genotype_logits, require_features
from dvplug.technology import Frozen

if TYPE_CHECKING:
    import keras


class SmallCnnSettings(Frozen):
    """Sizes of `small-cnn`."""

    stem: int = Field(default=24, ge=4, description="filters of the first convolution, 3x3 with stride 2")
    filters: tuple[int, ...] = Field(
        default=(32, 64, 96), min_length=1, description="one stage of stride 2 each"
    )
    blocks: int = Field(default=1, ge=1, description="residual blocks in each stage")
    feature_units: int = Field(
        default=32, ge=1, description="units of the two layers that see the features alone"
    )
    feature_bins: int = Field(
        default=0,
        ge=0,
        le=64,
        description="pieces in which each feature is told beside its value, between quantiles of the examples",
    )
    head_units: int = Field(default=64, ge=1, description="units of the layer that sees image and features")
    dropout: float = Field(default=0.1, ge=0, lt=1)
    sequencing_types: int = Field(
        default=0,
        ge=0,
        description="last features that tell the kind of sequencing: they join at the head alone",
    )


def _convolution(x: Any, filters: int, kernel: int, stride: int, name: str, normalise: bool = True) -> Any:
    """Convolution and, unless told otherwise, batch normalisation, which the export folds into it."""
    from keras import layers

    x = layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same",
        use_bias=not normalise,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return layers.BatchNormalization(momentum=0.95, name=f"{name}_norm")(x) if normalise else x


def _residual(x: Any, filters: int, stride: int, name: str) -> Any:
    """Two 3x3 convolutions beside a shortcut (He et al. 2016, basic block)."""
    from keras import layers

    shortcut = x
    if stride != 1 or x.shape[-1] != filters:
        shortcut = _convolution(x, filters, 1, stride, f"{name}_shortcut", normalise=False)
    y = layers.ReLU(name=f"{name}_relu_1")(_convolution(x, filters, 3, stride, f"{name}_conv_1"))
    y = _convolution(y, filters, 3, 1, f"{name}_conv_2")
    return layers.ReLU(name=f"{name}_relu_2")(layers.Add(name=f"{name}_add")([shortcut, y]))


def build_small_cnn(shape: tuple[int, int, int], features: int, settings: SmallCnnSettings) -> keras.Model:
    """Build the network (see `dvplug.hookspecs.BuildNetwork`); raises ModelError where it is given no feature."""
    require_features("small-cnn", features, settings.sequencing_types)
    import keras
    from keras import layers

    image = keras.Input(shape, dtype="uint8", name="image")
    given = keras.Input((features,), dtype="float32", name="features")
    # Zero is "nothing here", and stays zero: padding then looks like an empty pixel.
    x = layers.Rescaling(1 / 128, name="scale")(image)
    x = layers.ReLU(name="stem_relu")(_convolution(x, settings.stem, 3, 2, "stem", normalise=False))
    for stage, filters in enumerate(settings.filters, start=1):
        for block in range(1, settings.blocks + 1):
            x = _residual(x, filters, 2 if block == 1 else 1, f"stage_{stage}_{block}")
    width = x.shape[2]
    left, right = (width - 1) // 2, width - 1 - width // 2
    centre = layers.Cropping2D(((0, 0), (left, right)), name="centre_columns")(x)
    pooled = [
        layers.GlobalAveragePooling2D(name="image_mean")(x),
        layers.GlobalAveragePooling2D(name="centre_mean")(centre),
    ]
    logits = genotype_logits(pooled, given, settings)
    return keras.Model([image, given], logits, name="small_cnn")
