"""Networks, by the names that plugins give them: pileup image and features in, three genotype logits out."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from dvplug.errors import InputError
from dvplug.genotypes.backends import environment
from dvplug.hookspecs import Network
from dvplug.plugins.loading import installed_plugins
from dvplug.plugins.network_checks import CheckedBuild
from dvplug.plugins.settings import settings_of
from dvplug.system.quiet import libraries_kept_quiet

if TYPE_CHECKING:
    import keras

PREDICT_BATCH = 64
GPU_BATCH = 256
GENOTYPES = ("hom_ref", "het", "hom_alt")
TYPES_SETTING = "sequencing_types"
"""The setting of networks that can be fitted to examples of several technologies together."""


def build(
    architecture: str, settings: Mapping[str, object], shape: tuple[int, int, int], features: int
) -> keras.Model:
    """Build the network of an installed plugin that is called ``architecture``, with untrained weights.

    Parameters
    ----------
    architecture
        Name of a `dvplug.hookspecs.Network`.
    settings
        Overrides of its defaults.
    shape
        (height, width, channels) of the ``uint8[n,h,w,c]`` images.
    features
        Length of the ``float32[n,f]`` feature vectors.

    Returns
    -------
    keras.Model
        From ``[image, features]`` to logits ``float32[n,3]``, ordered as `GENOTYPES`. All of it computes in float32,
        channels last, whatever the user's settings of Keras say: what is called is what was trained.

    Raises
    ------
    PluginError
        No plugin has the network, or what it builds cannot be used: see `dvplug.plugins.network_checks`.
    ModelError
        One of the settings is unknown, or not as it should be.
    """
    plugins = installed_plugins()
    build_network = CheckedBuild.of(plugins, architecture)
    with usual_keras():
        return build_network(shape, features, checked_settings(architecture, settings))


@contextmanager
def usual_keras() -> Iterator[None]:
    """Build layers as models have them; under bfloat16 .99933 would become 1."""
    from keras import config

    before = config.dtype_policy(), config.floatx(), config.image_data_format()
    config.set_dtype_policy("float32")
    config.set_floatx("float32")
    config.set_image_data_format("channels_last")
    try:
        yield
    finally:
        config.set_dtype_policy(before[0])
        config.set_floatx(before[1])
        config.set_image_data_format(before[2])


def checked_settings(architecture: str, settings: Mapping[str, object]) -> BaseModel:
    """Fill in a network's defaults; raises as `build`."""
    return settings_of(installed_plugins().offer(Network.kind, architecture), settings)


def takes_sequencing_types(architecture: str) -> bool:
    """Whether a network has the setting of `fold_sequencing_type`; raises as `build`."""
    return TYPES_SETTING in type(checked_settings(architecture, {})).model_fields


def fold_sequencing_type(model: keras.Model, plain: keras.Model, types: int, chosen: int) -> None:
    """Give a network without sequencing types the weights of one that has them, for one type.

    The type is constant then: its weights in the layer `head`, whose last inputs tell it, become part of that layer's
    bias, exactly.

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
    return padded(lambda image, feature: model.predict_on_batch([image, feature]), images, features, size)


def padded(
    logits: Callable[[NDArray[np.uint8], NDArray[np.float32]], object],
    images: NDArray[np.uint8],
    features: NDArray[np.float32],
    size: int,
) -> NDArray[np.float32]:
    """Return what a network gives, float32[n,3], of images uint8[n,h,w,c] and features; it always gets ``size``."""
    parts = [np.empty((0, 3), np.float32)]
    for start in range(0, len(images), size):
        n = min(size, len(images) - start)
        padding = [(0, size - n)]
        image = np.pad(images[start : start + n], padding + [(0, 0)] * 3)
        feature = np.pad(features[start : start + n], [*padding, (0, 0)])
        parts.append(np.asarray(logits(image, feature))[:n])
    return np.concatenate(parts)


def quiet_backend(backend: str | None = None) -> None:
    """Import Keras, and keep its backend's start-up notices off the terminal: TensorFlow reads how many when loaded.

    Parameters
    ----------
    backend
        Which one Keras is to run; None leaves it to Keras. Where Keras was imported before, it goes on as it is.

    Raises
    ------
    InputError
        Keras or its backend is not installed, as where only calling was; or it runs another backend already.
    """
    level = "TF_CPP_MIN_LOG_LEVEL"
    wanted = {level: os.environ.get(level, "3")} | ({"KERAS_BACKEND": backend} if backend else {})
    try:
        # absl says some things before it is told how much to say
        with environment(wanted), libraries_kept_quiet():
            import keras
    except ModuleNotFoundError as error:
        raise _lacks(
            error.name or "keras", "networks are trained, and run on GPUs, by Keras on it"
        ) from error
    if backend and keras.config.backend() != backend:
        raise InputError(
            f"Keras runs on {keras.config.backend()} in this process, and not on {backend}",
            cause="it was imported before",
            repair=f"Set KERAS_BACKEND={backend} before Keras is imported.",
        )


def require_tensorflow() -> None:
    """Raise InputError where TensorFlow is not installed, for what needs it whatever the backend of Keras."""
    if importlib.util.find_spec("tensorflow") is None:
        raise _lacks(
            "tensorflow", "models are made into files for CPUs, and GPUs are used when calling, by it"
        )


def _lacks(module: str, why: str) -> InputError:
    return InputError(
        f"{module} is not installed",
        cause=why,
        repair="pip install 'tensorflow>=2.18,<3'; calling on a CPU goes without.",
    )


def count_flop(model: keras.Model) -> int:
    """Multiplications and additions (2 per multiply-accumulate) of the layers with kernels, for one image."""
    total = 0
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            positions = int(np.prod(layer.output.shape[1:-1], dtype=np.int64))
            total += 2 * int(np.prod(kernel.shape, dtype=np.int64)) * positions
    return total
