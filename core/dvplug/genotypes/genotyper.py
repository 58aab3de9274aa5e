"""The genotypes step: pileup images and features in, genotype probabilities out."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from dvplug.errors import InputError, ModelError
from dvplug.genotypes.networks import build, predict_batch, quiet_backend, require_tensorflow, softmax
from dvplug.hookspecs import Predictor
from dvplug.system.console import stderr
from dvplug.system.quiet import libraries_kept_quiet
from dvplug.technology import Frozen

if TYPE_CHECKING:
    from dvplug_registry.model_folder import ModelFolder

_GPU_BATCH = 256


class LiteRTSettings(Frozen):
    """How the inference file of a model was made of its float32 weights."""

    precision: Literal["int8", "float32"]


class DevicePredictor(Predictor, Protocol):
    """An opened model that says where it runs; each row of what it predicts is the same, whatever n is."""

    device: str  # "cpu" or "gpu"


def open_genotyper(model: ModelFolder, device: str = "auto") -> DevicePredictor:
    """Open a model for inference.

    Parameters
    ----------
    model
        A model whose files have been verified.
    device
        ``cpu``: LiteRT in this process, on one thread. ``gpu``: TensorFlow on the first GPU. ``auto``: the GPU
        when `gpu_is_usable` says so, otherwise the CPU; ``device`` of what is returned says which it took.

    Raises
    ------
    InputError
        The device is unknown, or ``gpu`` was asked for and there is none that TensorFlow can use.
    ModelError
        The LiteRT file cannot be opened, or its inputs are not those of the manifest.
    """
    if choose_device(device) == "cpu":
        manifest = model.manifest
        return LiteRTPredictor(model.path("litert"), manifest.image.shape, len(manifest.features))
    with libraries_kept_quiet():
        _require_gpu()
        return KerasPredictor(model, "gpu")


def choose_device(device: str) -> Literal["cpu", "gpu"]:
    """Decide what ``auto`` means here, without importing TensorFlow.

    Raises
    ------
    InputError
        The device is unknown, or ``gpu`` was asked for and `gpu_is_usable` says no.
    """
    if device == "cpu" or (device == "auto" and not gpu_is_usable()):
        return "cpu"
    if device not in ("auto", "gpu"):
        raise InputError(f"unknown device '{device}'", repair="Use auto, cpu or gpu.")
    require_tensorflow()
    if not gpu_is_usable():
        raise _no_gpu("no NVIDIA driver, or no CUDA libraries, were found")
    return "gpu"


def gpu_is_usable() -> bool:
    """Tell, without importing it, whether TensorFlow, an NVIDIA GPU and CUDA's libraries are here.

    The GPU shows as a device file of NVIDIA's driver (``/dev/nvidia0``; ``/dev/dxg`` under WSL) that
    CUDA_VISIBLE_DEVICES does not hide; the libraries as the Python package ``nvidia.cudnn``, which
    ``tensorflow[and-cuda]`` brings, or as a system-wide libcudnn.
    """
    if importlib.util.find_spec("tensorflow") is None:
        return False
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return False
    if not any(Path("/dev").glob("nvidia[0-9]*")) and not Path("/dev/dxg").exists():
        return False
    packaged = importlib.util.find_spec("nvidia") and importlib.util.find_spec("nvidia.cudnn")
    return bool(packaged or find_library("cudnn"))


def _no_gpu(cause: str) -> InputError:
    return InputError(
        "device 'gpu' cannot be used",
        cause=cause,
        repair="Install NVIDIA's driver and 'tensorflow[and-cuda]', or use --device cpu.",
    )


def _require_gpu() -> None:
    """Have TensorFlow take the GPU; raises InputError."""
    require_tensorflow()
    quiet_backend()
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    if not found:
        raise _no_gpu("TensorFlow sees none")
    for gpu in found:
        tf.config.experimental.set_memory_growth(gpu, True)
    # TF32 would move probabilities by about 1e-3 away from the CPU's.
    tf.config.experimental.enable_tensor_float_32_execution(False)


class LiteRTPredictor:
    """The model's LiteRT file on one CPU thread.

    Images go through one at a time: measured on x86, a batch is no faster (0.12 ms per image either way),
    needs more memory, and would have to be padded to keep the results independent of it.
    """

    device = "cpu"

    def __init__(self, path: Path, shape: tuple[int, int, int], features: int) -> None:
        self._interpreter, self._image, self._features, self._logits = _open_litert(path, shape, features)

    def predict(self, images: NDArray[np.uint8], features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities float32[n,3] of images uint8[n,h,w,c] and features float32[n,f]."""
        logits = np.empty((len(images), 3), np.float32)
        interpreter = self._interpreter
        for i in range(len(images)):
            interpreter.set_tensor(self._image, images[i : i + 1])
            interpreter.set_tensor(self._features, features[i : i + 1])
            interpreter.invoke()
            logits[i] = interpreter.get_tensor(self._logits)[0]
        return softmax(logits)


class KerasPredictor:
    """The model's float32 weights in the network that a plugin builds, on whatever device Keras runs."""

    def __init__(self, model: ModelFolder, device: str) -> None:
        from dvplug.genotypes.weights import load_weights

        quiet_backend()
        manifest = model.manifest
        self.device = device
        self._network = build(
            manifest.architecture,
            manifest.architecture_settings,
            manifest.image.shape,
            len(manifest.features),
        )
        load_weights(self._network, model.path("weights"))
        self._network.compile(jit_compile=False)

    def predict(self, images: NDArray[np.uint8], features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities float32[n,3] of images uint8[n,h,w,c] and features float32[n,f]."""
        return predict_batch(self._network, images, features, _GPU_BATCH)


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Discard what native code prints: LiteRT tells each delegate it makes, and raises what goes wrong."""
    stderr.file.flush()
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _open_litert(path: Path, shape: tuple[int, int, int], features: int) -> tuple[Any, int, int, int]:
    """Open an interpreter; return it and the indices of its image, features and logits tensors."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        with _silent_stderr():
            interpreter = Interpreter(model_path=str(path), num_threads=1)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"'{path}' cannot be opened by LiteRT", cause=str(error)) from error
    inputs = {
        (tuple(map(int, tensor["shape"])), np.dtype(tensor["dtype"])): tensor["index"]
        for tensor in interpreter.get_input_details()
    }
    outputs = interpreter.get_output_details()
    image, given = ((1, *shape), np.dtype(np.uint8)), ((1, features), np.dtype(np.float32))
    if inputs.keys() != {image, given} or [tuple(o["shape"]) for o in outputs] != [(1, 3)]:
        raise ModelError(
            f"'{path}' has inputs {sorted(map(str, inputs))}",
            cause=f"the model's image is {shape}, and it has {features} features",
            repair="Export the model again.",
        )
    return interpreter, inputs[image], inputs[given], outputs[0]["index"]
