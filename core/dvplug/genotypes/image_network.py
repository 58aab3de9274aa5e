"""The network `image-network`: one of `keras.applications` for the image, so that a fit can begin with its weights.

Those networks were made for photographs of three colours, and of up to 75 pixels at the least. A pileup image is
adapted so: it stands amid empty pixels where it is smaller; pixels are scaled as those of photographs were, to [-1, 1]
or otherwise; and of the first convolution, each new channel's kernels are the mean of the three colours', times
3 / channels, which leaves the response to an image that is alike in all channels what it was.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from dvplug.errors import ModelError
from dvplug.genotypes.head import genotype_logits, require_features
from dvplug.technology import Frozen

if TYPE_CHECKING:
    import keras

IMAGE_NETWORK = "image-network"
COLOURS = 3
_IMAGE = "image_layers"


@dataclass(frozen=True)
class Application:
    """A network of `keras.applications`.

    Attributes
    ----------
    least
        Pixels of the smallest image that it takes.
    published
        Name of the file of its weights without the last layer, as Keras downloads it.
    mean, sd
        By which pixels in [0, 1] were scaled for it. Of colours that had means and SDs of their own, those of grey.
    given
        What it is built with, beside the image's shape. Some networks scale the image themselves, and otherwise where
        there are not three channels: that is left out.
    """

    least: int
    published: str
    mean: float = 0.5
    sd: float = 0.5
    given: Mapping[str, bool] = field(default_factory=dict)


APPLICATIONS = {
    "InceptionV3": Application(75, "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    "Xception": Application(71, "xception_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    "ResNet50V2": Application(32, "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    "MobileNet": Application(32, "mobilenet_1_0_224_tf_no_top.h5"),
    "MobileNetV2": Application(32, "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"),
    "EfficientNetV2B0": Application(
        32, "efficientnetv2-b0_notop.h5", mean=0.449, sd=0.226, given={"include_preprocessing": False}
    ),
}


class ImageNetworkSettings(Frozen):
    """Which network sees the image, and sizes of the layers after it."""

    application: str = Field(default="InceptionV3", description=f"one of {', '.join(APPLICATIONS)}")
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

    @field_validator("application")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in APPLICATIONS:
            raise ValueError(f"'{name}' is none of {', '.join(APPLICATIONS)}")
        return name


def build_image_network(
    shape: tuple[int, int, int], features: int, settings: ImageNetworkSettings
) -> keras.Model:
    """Build the network (see `dvplug.hookspecs.BuildNetwork`); raises ModelError where it is given no feature."""
    require_features(IMAGE_NETWORK, features, settings.sequencing_types)
    import keras
    from keras import layers

    image = keras.Input(shape, dtype="uint8", name="image")
    given = keras.Input((features,), dtype="float32", name="features")
    network = APPLICATIONS[settings.application]
    x = layers.Rescaling(1 / (255 * network.sd), name="scale")(image)
    missing = [max(0, network.least - size) for size in shape[:2]]
    x = layers.ZeroPadding2D([(n // 2, n - n // 2) for n in missing], name="empty_around")(x)
    x = layers.Rescaling(1.0, offset=-network.mean / network.sd, name="centred")(x)
    x = _renamed(_application(settings.application, tuple(x.shape[1:])))(x)
    pooled = layers.GlobalAveragePooling2D(name="image_mean")(x)
    return keras.Model([image, given], genotype_logits([pooled], given, settings), name="image_network")


def _application(name: str, shape: tuple[int, ...]) -> keras.Model:
    import keras

    with warnings.catch_warnings():  # that channels are usually three
        warnings.simplefilter("ignore", UserWarning)
        made = getattr(keras.applications, name)
        return made(include_top=False, weights=None, input_shape=shape, **APPLICATIONS[name].given)


def _renamed(model: keras.Model) -> keras.Model:
    """Call the layers of a network by their places, which stay: many are numbered anew in each process.

    Batch normalisation takes its statistics over some hundred batches, and not over a thousand, as they are taken anew
    of the weights that are kept (`dvplug.train.fit`).
    """
    import keras

    names = {layer.name: f"image_{i:03d}" for i, layer in enumerate(model.layers)}

    def named(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config() | {"name": names[layer.name]}
        if isinstance(layer, keras.layers.BatchNormalization):
            config["momentum"] = 0.95
        return type(layer).from_config(config)

    cloned = keras.models.clone_model(model, clone_function=named)
    cloned.name = _IMAGE
    return cloned


def read_image_weights(name: str, path: Path) -> list[NDArray[np.float32]]:
    """Read the weights of one of `APPLICATIONS`, as Keras publishes them, in the order of its layers.

    Raises
    ------
    ModelError
        The file cannot be read, or is of another network.
    """
    least, published = APPLICATIONS[name].least, APPLICATIONS[name].published
    model = _application(name, (least, least, COLOURS))
    before = model.get_weights()
    try:
        with warnings.catch_warnings():  # that some layers of another network are as it happens alike
            warnings.simplefilter("ignore", UserWarning)
            model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        cause, repair = _why_unread(path, len([layer for layer in model.layers if layer.weights]))
        raise ModelError(
            f"'{path}' cannot be read as weights of {name}",
            cause=cause or str(error).splitlines()[0],
            repair=repair or f"Give the file that Keras downloads as {published}.",
        ) from error
    after = model.get_weights()
    # Of a file of another network Keras takes what fits, and leaves the rest random: kernels, as all else begins alike.
    kept = sum(one.ndim > 1 and np.array_equal(one, new) for one, new in zip(before, after, strict=True))
    if kept:
        raise ModelError(
            f"'{path}' has not all weights of {name}",
            cause=f"{kept} of its kernels are not in the file",
            repair=f"Give the file that Keras downloads as {published}.",
        )
    return after


def _why_unread(path: Path, layers: int) -> tuple[str, str]:
    """Cause and repair, where the file is of Keras all the same; nothing where it is not known why."""
    import h5py

    ending = ".weights.h5"
    with contextlib.suppress(OSError), h5py.File(path) as file:
        if "layers" in file and not path.name.endswith(ending):
            return (
                "it is of the kind that save_weights() writes, which Keras reads from names with another ending alone",
                f"Rename it to '{path.name.removesuffix('.h5')}{ending}', and name it after the =.",
            )
        saved = file.get("model_weights", file)
        found = sum(bool(len(saved[name].attrs.get("weight_names", ()))) for name in saved)
        if found == layers + 1:
            return (
                f"it has {found} layers with weights, where the network without its last one has {layers}",
                "Give the file without the last layer: of include_top=False, whose name ends with notop.h5.",
            )
    return "", ""


def start_from_image_weights(model: keras.Model, arrays: list[NDArray[np.float32]]) -> None:
    """Give the image's layers of a network that `build_image_network` built the weights of `read_image_weights`."""
    for weight, array in zip(model.get_layer(_IMAGE).weights, arrays, strict=True):
        weight.assign(array if weight.shape == array.shape else _spread(array, weight.shape[-2]))


def _spread(kernel: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """Spread kernels [h,w,3,n] of three colours over channels: [h,w,channels,n]."""
    mean = kernel.mean(axis=-2, keepdims=True)
    return np.repeat(mean * (COLOURS / channels), channels, axis=-2)
