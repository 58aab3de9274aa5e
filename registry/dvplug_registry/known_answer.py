"""The known-answer test: images in, probabilities out, compared with what the float32 weights gave."""

from __future__ import annotations

import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dvplug_registry.errors import ModelError
from dvplug_registry.model_folder import ModelFolder

Predict = Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.float32]]
MAX_UNPACKED_BYTES = 512 * 2**20
_HEADS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_NPZ_ERRORS = (
    OSError, EOFError, ValueError, KeyError, TypeError, SyntaxError, OverflowError, MemoryError, RuntimeError,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError,
)  # fmt: skip
"""What zipfile (RuntimeError: a password, a way to pack that is not known) and numpy raise of damaged archives."""
_REPAIR = "Reinstall the plugin that ships the model, or ask its author for a whole one."


@dataclass(frozen=True)
class KnownAnswer:
    """Inputs and the probabilities that the float32 weights give for them.

    Where the model has a first stage, also what that gives for the features.
    """

    images: NDArray[np.uint8]
    features: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    first_stage: NDArray[np.float32] | None = None


def load_known_answer(model: ModelFolder) -> KnownAnswer:
    """Read the known-answer file: images uint8[n,h,w,c], features float32[n,f], probabilities float32[n,3].

    Of a model with a first stage, its probabilities float32[n,3], too.

    Raises
    ------
    ModelError
        The file is not an archive of these arrays, holds pickled objects, or has other shapes or types than
        the manifest says.
    """
    path, staged = model.path("known-answer"), model.manifest.first_stage is not None
    label = model.manifest.label
    try:
        _require_modest(path)
        with np.load(path, allow_pickle=False) as arrays:
            known = KnownAnswer(
                arrays["images"],
                arrays["features"],
                arrays["probabilities"],
                arrays["first_stage"] if staged else None,
            )
    except _NPZ_ERRORS as error:
        raise ModelError(
            f"model {label}: '{path.name}' is not a known-answer file", cause=str(error), repair=_REPAIR
        ) from None
    n = len(known.images)
    expected: tuple[tuple[str, tuple[int, ...], type[np.generic]], ...] = (
        ("images", (n, *model.manifest.image.shape), np.uint8),
        ("features", (n, len(model.manifest.features)), np.float32),
        ("probabilities", (n, 3), np.float32),
        *([("first_stage", (n, 3), np.float32)] if staged else []),
    )
    for name, shape, dtype in expected:
        array = getattr(known, name)
        if array.shape != shape or array.dtype != dtype or n == 0:
            raise ModelError(
                f"model {label}: '{path.name}' has {name} {array.dtype}{list(array.shape)}",
                cause=f"the manifest says {np.dtype(dtype)}{list(shape)}, with at least one image",
                repair=_REPAIR,
            )
    return known


def _require_modest(path: Path) -> None:
    """Refuse an archive that unpacks to too much, or whose arrays say that they are larger than their files.

    numpy makes room for as much as the head of an array says before it reads on. Raises ValueError, and what `zipfile`
    and numpy raise of damaged files.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
            raise ValueError(f"it unpacks to more than {MAX_UNPACKED_BYTES} bytes")
        for member in members:
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                read_head = _HEADS.get(version)
                if read_head is None:
                    raise ValueError(f"'{member.filename}' has a head of version {version}")
                shape, _, dtype = read_head(file)
                if dtype.hasobject or math.prod(shape) * dtype.itemsize > member.file_size:
                    raise ValueError(f"'{member.filename}' says that it is {dtype}{list(shape)}")


def known_answer_test(model: ModelFolder, predict: Predict, tolerance: float | None = None) -> float:
    """Run the known-answer images through a predictor and compare.

    Parameters
    ----------
    model
        A model whose files have been verified.
    predict
        images uint8[n,h,w,c], features float32[n,f] -> probabilities float32[n,3].
    tolerance
        Largest absolute difference allowed; None takes the manifest's.

    Returns
    -------
    float
        The largest absolute difference.

    Raises
    ------
    ModelError
        The difference is larger than the tolerance, or the output has the wrong shape or is not a number.
    """
    known = load_known_answer(model)
    allowed = model.manifest.tolerance if tolerance is None else tolerance
    answer = np.asarray(predict(known.images, known.features))
    if answer.shape != known.probabilities.shape:
        raise ModelError(
            f"model {model.manifest.label} gives probabilities of shape {list(answer.shape)}",
            cause=f"expected {list(known.probabilities.shape)}",
            repair=_REPAIR,
        )
    difference = float(np.abs(answer.astype(np.float64) - known.probabilities).max())
    if not difference <= allowed:  # NaN fails too
        raise ModelError(
            f"model {model.manifest.label} fails its known-answer test",
            cause=f"probabilities differ by up to {difference:.3g}, allowed {allowed:.3g}; likely the model "
            "was exported from other weights, or this inference library computes differently",
            repair="Reinstall the model, its plugin and the inference library; report it if it stays.",
        )
    return difference
