"""The networks, by name: pileup image and named features in, three genotype logits out.

Everything here is `keras.layers` only, so that a network trains on whichever backend Keras runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from dvplug.errors import ModelError, near_misses
from dvplug.system.explain import explain
from dvplug.system.quiet import libraries_kept_quiet
from dvplug.technology import Frozen

if TYPE_CHECKING:
    import keras

PREDICT_BATCH = 64
GENOTYPES = ("hom_ref", "het", "hom_alt")


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


def _small_cnn(shape: tuple[int, int, int], features: int, settings: SmallCnnSettings) -> keras.Model:
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
    types = settings.sequencing_types
    own = given[:, : features - types] if types else given
    y = layers.Dense(settings.feature_units, activation="relu", name="features_1")(own)
    y = layers.Dense(settings.feature_units, activation="relu", name="features_2")(y)
    z = layers.Concatenate(name="joined")([*pooled, y])
    z = layers.Dropout(settings.dropout, name="dropout")(z)
    if types:
        z = layers.Concatenate(name="with_sequencing_type")([z, given[:, features - types :]])
    z = layers.Dense(settings.head_units, activation="relu", name="head")(z)
    logits = layers.Dense(len(GENOTYPES), name="logits")(z)
    return keras.Model([image, given], logits, name="small_cnn")


Builder = Callable[[tuple[int, int, int], int, Any], "keras.Model"]
ARCHITECTURES: dict[str, tuple[type[Frozen], Builder]] = {"small-cnn": (SmallCnnSettings, _small_cnn)}


def build(
    architecture: str, settings: dict[str, Any], shape: tuple[int, int, int], features: int
) -> keras.Model:
    """Build the network that is called ``architecture``, with untrained weights.

    Parameters
    ----------
    architecture
        A key of `ARCHITECTURES`.
    settings
        Overrides of that architecture's defaults.
    shape
        (height, width, channels) of the ``uint8[n,h,w,c]`` images.
    features
        Length of the ``float32[n,f]`` feature vectors.

    Returns
    -------
    keras.Model
        From ``[image, features]`` to logits ``float32[n,3]``, ordered as `GENOTYPES`.

    Raises
    ------
    ModelError
        The architecture or one of its settings is unknown.
    """
    checked = checked_settings(architecture, settings)
    return ARCHITECTURES[architecture][1](shape, features, checked)


def checked_settings(architecture: str, settings: dict[str, Any]) -> Frozen:
    """Fill in an architecture's defaults; raises ModelError as `build`."""
    if architecture not in ARCHITECTURES:
        raise ModelError(
            f"unknown architecture '{architecture}'",
            cause=near_misses(architecture, ARCHITECTURES),
            repair="Update dvplug, or choose a model made for this version.",
        )
    kind, _ = ARCHITECTURES[architecture]
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        raise ModelError(
            f"settings {settings} do not fit architecture '{architecture}'",
            cause=explain(error),
            repair=f"Known settings: {', '.join(kind.model_fields)}.",
        ) from error


def fold_sequencing_type(model: keras.Model, plain: keras.Model, types: int, chosen: int) -> None:
    """Give a network without sequencing types the weights of one that has them, for one type.

    The type is constant then: its weights in the layer `head` become part of that layer's bias, exactly.

    Parameters
    ----------
    model
        Built with ``sequencing_types=types``; unchanged.
    plain
        Built alike with none and so many features less.
    chosen
        Index of the type that ``plain`` is for.
    """
    for layer in plain.layers:
        weights = model.get_layer(layer.name).get_weights()
        if layer.name == "head":
            kernel, bias = weights
            weights = [kernel[:-types], bias + kernel[len(kernel) - types + chosen]]
        layer.set_weights(weights)


Floats = TypeVar("Floats", NDArray[np.float32], NDArray[np.float64])


def softmax(logits: Floats) -> Floats:
    """Probabilities ``[n,3]`` of logits ``[n,3]``, of the same type; each row on its own, so batch-independent."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    total = shifted[:, 0] + shifted[:, 1] + shifted[:, 2]
    return shifted / total[:, None]


def predict_batch(
    model: keras.Model, images: NDArray[np.uint8], features: NDArray[np.float32], size: int = PREDICT_BATCH
) -> NDArray[np.float32]:
    """Probabilities float32[n,3]; the network always sees ``size`` images, so that none depends on n."""
    return softmax(logits_batch(model, images, features, size))


def logits_batch(
    model: keras.Model, images: NDArray[np.uint8], features: NDArray[np.float32], size: int = PREDICT_BATCH
) -> NDArray[np.float32]:
    """Logits float32[n,3], as `predict_batch` makes probabilities of them."""
    parts = [np.empty((0, 3), np.float32)]
    for start in range(0, len(images), size):
        n = min(size, len(images) - start)
        padding = [(0, size - n)]
        image = np.pad(images[start : start + n], padding + [(0, 0)] * 3)
        feature = np.pad(features[start : start + n], [*padding, (0, 0)])
        parts.append(np.asarray(model.predict_on_batch([image, feature]))[:n])
    return np.concatenate(parts)


def quiet_backend() -> None:
    """Import Keras, and keep its backend's start-up notices off the terminal: TensorFlow reads how many when loaded."""
    name = "TF_CPP_MIN_LOG_LEVEL"
    before = os.environ.get(name)
    os.environ.setdefault(name, "3")
    with libraries_kept_quiet():  # absl says some things before it is told how much to say
        import keras  # noqa: F401

    if before is None:
        del os.environ[name]


def count_flop(model: keras.Model) -> int:
    """Multiplications and additions (2 per multiply-accumulate) of the layers with kernels, for one image."""
    total = 0
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            positions = int(np.prod(layer.output.shape[1:-1], dtype=np.int64))
            total += 2 * int(np.prod(kernel.shape, dtype=np.int64)) * positions
    return total
