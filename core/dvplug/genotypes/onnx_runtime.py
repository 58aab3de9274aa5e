"""Networks as files of ONNX, which ONNX Runtime runs without Keras."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dvplug.errors import ModelError
from dvplug.genotypes.backends import no_gpu
from dvplug.genotypes.networks import GPU_BATCH, padded, softmax

if TYPE_CHECKING:
    from dvplug_registry.model_folder import ModelFolder

ONNX = "onnx"
"""Role of the file: from ``image`` uint8[n,h,w,c] and ``features`` float32[n,f] to ``logits`` float32[n,3]."""
INPUTS, OUTPUT = ("image", "features"), "logits"
_CUDA = "CUDAExecutionProvider"


class OnnxPredictor:
    """The model's ONNX file, in float32, on the first GPU or on the CPU."""

    runs_on = ""

    def __init__(self, model: ModelFolder, device: str) -> None:
        self.device = device
        self._session = open_session(model.path(ONNX), device)

    def predict(self, images: NDArray[np.uint8], features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities float32[n,3] of images uint8[n,h,w,c] and features float32[n,f]."""
        return softmax(padded(self.logits, images, features, GPU_BATCH))

    def logits(self, images: NDArray[np.uint8], features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits float32[n,3] of all in one batch."""
        return run(self._session, images, features)


def open_session(path: Path, device: str) -> Any:
    """Open a file by ONNX Runtime.

    Parameters
    ----------
    device
        ``cpu``, or ``gpu`` for the first one.

    Raises
    ------
    InputError
        ONNX Runtime does not run on the GPU, though it seemed to.
    ModelError
        The file cannot be opened, or its inputs and output are not those of `ONNX`.
    """
    runtime: Any = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised
    providers: list[Any] = ["CPUExecutionProvider"]
    if device == "gpu":
        runtime.preload_dlls()  # CUDA's libraries where they are installed as Python packages
        if _CUDA not in runtime.get_available_providers():
            raise no_gpu("onnxruntime is installed without CUDA")
        providers.insert(0, (_CUDA, {"use_tf32": "0"}))
    try:
        session = runtime.InferenceSession(path, options, providers=providers)
    except Exception as error:  # each kind is a class of its own
        raise ModelError(f"'{path}' cannot be opened by ONNX Runtime", cause=str(error)) from error
    if (
        device == "gpu" and session.get_providers()[0] != _CUDA
    ):  # it goes on without, and says so nowhere else
        raise no_gpu("onnxruntime cannot load CUDA's libraries")
    names = tuple(one.name for one in session.get_inputs()), tuple(one.name for one in session.get_outputs())
    if names != (INPUTS, (OUTPUT,)):
        raise ModelError(
            f"'{path}' has the inputs {', '.join(names[0])} and the outputs {', '.join(names[1])}",
            cause=f"they are to be {', '.join(INPUTS)} and {OUTPUT}",
            repair="Export the model again.",
        )
    return session


def run(session: Any, images: NDArray[np.uint8], features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logits float32[n,3] of one batch of any size."""
    (logits,) = session.run([OUTPUT], dict(zip(INPUTS, (images, features), strict=True)))
    return logits
