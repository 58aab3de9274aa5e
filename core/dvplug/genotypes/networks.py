"""Networks, by the names that plugins give them: pileup image and features in, three genotype logits out."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from dvplug.errors import InputError
from dvplug.hookspecs import Network
from dvplug.plugins.loading import installed_plugins
from dvplug.plugins.network_checks import CheckedBuild
from dvplug.plugins.settings import settings_of
from dvplug.system.quiet import libraries_kept_quiet

if TYPE_CHECKING:
    import keras

PREDICT_BATCH = 64
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
        From ``[image, features]`` to logits ``float32[n,3]``, ordered as `GENOTYPES`.

    Raises
    ------
    PluginError
        No plugin has the network, or what it builds cannot be used: see `dvplug.plugins.network_checks`.
    ModelError
        One of the settings is unknown, or not as it should be.
    """
    plugins = installed_plugins()
    build_network = CheckedBuild.of(plugins, architecture)
    return build_network(shape, features, checked_settings(architecture, settings))


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
    parts = [np.empty((0, 3), np.float32)]
    for start in range(0, len(images), size):
        n = min(size, len(images) - start)
        padding = [(0, size - n)]
        image = np.pad(images[start : start + n], padding + [(0, 0)] * 3)
        feature = np.pad(features[start : start + n], [*padding, (0, 0)])
        parts.append(np.asarray(model.predict_on_batch([image, feature]))[:n])
    return np.concatenate(parts)


def quiet_backend() -> None:
    """Import Keras, and keep its backend's start-up notices off the terminal: TensorFlow reads how many when loaded.

    Raises
    ------
    InputError
        Keras or its backend is not installed, as where only calling was.
    """
    name = "TF_CPP_MIN_LOG_LEVEL"
    before = os.environ.get(name)
    os.environ.setdefault(name, "3")
    try:
        with libraries_kept_quiet():  # absl says some things before it is told how much to say
            import keras  # noqa: F401
    except ModuleNotFoundError as error:
        raise _lacks(
            error.name or "keras", "networks are trained, and run on GPUs, by Keras on it"
        ) from error
    finally:
        if before is None:
            del os.environ[name]


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
