"""Weights as named arrays in safetensors: no code, no pickle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dvplug.errors import ModelError

if TYPE_CHECKING:
    import keras


def save_weights(model: keras.Model, path: Path) -> None:
    """Write every weight, batch normalisation's statistics too, under its ``layer/name``."""
    from keras.ops import convert_to_numpy
    from safetensors.numpy import save

    path.write_bytes(save({weight.path: convert_to_numpy(weight) for weight in model.weights}))


def load_weights(model: keras.Model, path: Path) -> None:
    """Set every weight of a network from a file that `save_weights` wrote.

    Raises
    ------
    ModelError
        The file is not safetensors, or its names or shapes are not the network's.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    repair = "Take the weights of a model with the same architecture, image layout and features."
    try:
        arrays = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"'{path}' cannot be read as weights", cause=str(error)) from error
    expected = {weight.path: tuple(weight.shape) for weight in model.weights}
    found = {name: array.shape for name, array in arrays.items()}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        first = wrong[0]
        raise ModelError(
            f"'{path}' does not fit the network in {len(wrong)} of {len(expected)} weights",
            cause=f"{first} is {found.get(first, 'absent')}, the network has {expected.get(first, 'none')}",
            repair=repair,
        )
    for weight in model.weights:
        weight.assign(arrays[weight.path])
