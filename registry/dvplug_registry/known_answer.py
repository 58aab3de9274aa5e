"""The known-answer test: images in, probabilities out, compared with what the float32 weights gave."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dvplug_registry.errors import ModelError
from dvplug_registry.model_folder import ModelFolder

Predict = Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.float32]]
MAX_UNPACKED_BYTES = 512 * 2**20
_REPAIR = "Reinstall the plugin that ships the model, or ask its author for a whole one."


@dataclass(frozen=True)
class KnownAnswer:
    """Inputs and the probabilities that the float32 weights give for them."""

    images: NDArray[np.uint8]
    features: NDArray[np.float32]
    probabilities: NDArray[np.float32]


def load_known_answer(model: ModelFolder) -> KnownAnswer:
    """Read the known-answer file: images uint8[n,h,w,c], features float32[n,f], probabilities float32[n,3].

    Raises
    ------
    ModelError
        The file is not an archive of these arrays, holds pickled objects, or has other shapes or types than
        the manifest says.
    """
    path = model.path("known-answer")
    label = model.manifest.label
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise ValueError(f"it unpacks to more than {MAX_UNPACKED_BYTES} bytes")
        with np.load(path, allow_pickle=False) as arrays:
            known = KnownAnswer(arrays["images"], arrays["features"], arrays["probabilities"])
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(
            f"model {label}: '{path.name}' is not a known-answer file", cause=str(error), repair=_REPAIR
        ) from None
    n = len(known.images)
    expected: tuple[tuple[str, tuple[int, ...], type[np.generic]], ...] = (
        ("images", (n, *model.manifest.image.shape), np.uint8),
        ("features", (n, len(model.manifest.features)), np.float32),
        ("probabilities", (n, 3), np.float32),
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


def known_answer_test(model: ModelFolder, predict: Predict, tolerance: float | None = None) -> float:
    """Run the known-answer images through a predictor and compare.

    Parameters
    ----------
    model
        A model whose files have been verified.
    predict
        images uint8[n,h,w,c], features float32[n,f] -> probabilities float32[n,3].
    tolerance
        Largest absolute difference allowed; None takes the manifest's, which is that of the LiteRT file.

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
    allowed = model.manifest.litert.tolerance if tolerance is None else tolerance
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
            repair="Reinstall the model and the ai-edge-litert package; report it if it stays.",
        )
    return difference
