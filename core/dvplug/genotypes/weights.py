"""Weights as named arrays in safetensors: no code, no pickle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dvplug.errors import ModelError

if TYPE_CHECKING:
    import keras


def save_weights(model: keras.Model, path: Path) -> None:
    """Write every weight, batch normalisation's statistics too, under its ``layer/name``."""
    from keras.ops import convert_to_numpy
    from safetensors.numpy import save

    path.write_bytes(save({weight.path: convert_to_numpy(weight) for weight in model.weights}))


def load_weights(
    model: keras.Model, path: Path, more: Sequence[int] = (), absent: Sequence[str] = ()
) -> None:
    """Set every weight of a network from a file that `save_weights` wrote.

    Parameters
    ----------
    more
        By how many inputs, channels, features or sequencing types, a layer of the network may have more than that of
        the file: they follow behind the others, and their weights are zero.
    absent
        Layers that the file need not have: their weights stay as they are then.

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
    wanted = [
        weight for weight in model.weights if weight.path in arrays or weight.path.split("/")[0] not in absent
    ]
    expected = {weight.path: tuple(weight.shape) for weight in wanted}
    arrays = {name: _widened(array, expected.get(name, ()), more) for name, array in arrays.items()}
    found = {name: array.shape for name, array in arrays.items()}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        first = wrong[0]
        raise ModelError(
            f"'{path}' does not fit the network in {len(wrong)} of {len(expected)} weights",
            cause=f"{first} is {found.get(first, 'absent')}, the network has {expected.get(first, 'none')}",
            repair=repair,
        )
    for weight in wanted:
        weight.assign(arrays[weight.path])


def _widened(array: NDArray[np.float32], shape: tuple[int, ...], more: Sequence[int]) -> NDArray[np.float32]:
    """Return weights with zeros for further inputs, whose axis is the last but one, where that gives the shape."""
    if array.ndim < 2 or len(shape) != array.ndim or shape[-2] - array.shape[-2] not in more:
        return array
    padding = [(0, 0)] * array.ndim
    padding[-2] = (0, shape[-2] - array.shape[-2])
    return np.pad(array, padding)
