"""Which library runs the network on a GPU: told by drivers and installed packages, before any of them is imported.

A backend is one of Keras (TensorFlow, JAX, PyTorch), or ONNX Runtime for models that have a file of ONNX.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ctypes.util import find_library
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from dvplug.errors import InputError

ONNX_RUNTIME = "onnxruntime"
DISTRIBUTIONS = {
    "tensorflow": ("keras", "tensorflow"),
    "jax": ("keras", "jax", "jaxlib"),
    "torch": ("keras", "torch"),
    ONNX_RUNTIME: ("onnxruntime-gpu",),
}
"""By backend, in the order in which they are tried: what is installed of it, whose versions bear on probabilities."""
VISIBLE = "CUDA_VISIBLE_DEVICES"
_DRIVER = Path("/proc/driver/nvidia/gpus")
_JAX_PLUGINS = ("jax_cuda12_plugin", "jax_cuda13_plugin")


def gpu_backend(onnx: bool = False) -> str | None:
    """Find the backend that can use a GPU of this machine; None where there is none.

    Parameters
    ----------
    onnx
        Whether the model has a file for ONNX Runtime, which is taken where no backend of Keras can.

    Returns
    -------
    str or None
        A key of `DISTRIBUTIONS`. Where Keras is loaded, or KERAS_BACKEND is set, no other of Keras' is taken.
    """
    if _lacking_gpu():
        return None
    return next((name for name in _wanted(onnx) if not _lacking(name)), None)


def choose_backend(onnx: bool = False) -> str:
    """Find the backend as `gpu_backend` does; raises InputError that says what each of them lacks."""
    found = gpu_backend(onnx)
    if found is None:
        wanted = [_lacking(name) for name in _wanted(onnx)]
        raise no_gpu("; ".join(filter(None, [_lacking_gpu(), *wanted])))
    return found


def no_gpu(cause: str) -> InputError:
    """Make the error of a GPU that was asked for and cannot be used."""
    return InputError(
        "device 'gpu' cannot be used",
        cause=cause,
        repair="Install NVIDIA's driver and one backend: pip install 'tensorflow[and-cuda]', 'jax[cuda13]' or torch; "
        "or use --device cpu.",
    )


def gpu_names() -> list[str]:
    """Names of the GPUs as NVIDIA's driver tells them, without any library; none under WSL."""
    names = []
    for file in sorted(_DRIVER.glob("*/information")):
        lines = (line.partition(":") for line in file.read_text().splitlines())
        names += [value.strip() for key, _, value in lines if key == "Model"]
    return names


def _wanted(onnx: bool) -> list[str]:
    """The backends that may be taken, in order."""
    keras = sys.modules.get("keras")
    only = keras.config.backend() if keras is not None else os.environ.get("KERAS_BACKEND", "")
    of_keras = [only] if only else [name for name in DISTRIBUTIONS if name != ONNX_RUNTIME]
    return [*of_keras, *([ONNX_RUNTIME] if onnx else [])]


def _lacking_gpu() -> str:
    """Why no GPU can be used, whatever the backend; empty where there is one."""
    if os.environ.get(VISIBLE, "0").strip() in ("", "-1"):
        return f"{VISIBLE} hides all GPUs"
    return "no NVIDIA driver was found" if _no_driver() else ""


def _no_driver() -> bool:
    return (
        not any(Path("/dev").glob("nvidia[0-9]*")) and not Path("/dev/dxg").exists()
    )  # the latter under WSL


def _lacking(backend: str) -> str:
    """Why a backend cannot use a GPU, as its files tell; empty where it can."""
    if backend not in DISTRIBUTIONS:
        return f"the backend of Keras is {backend}, which runs on none"
    for module in (backend, *(["keras"] if backend != ONNX_RUNTIME else [])):
        if _spec(module) is None:
            return f"{module} is not installed"
    if backend == "tensorflow":
        found = bool(_spec("nvidia") and _spec("nvidia.cudnn")) or find_library("cudnn") is not None
    elif backend == "jax":
        found = any(map(_spec, _JAX_PLUGINS))
    elif backend == "torch":
        found = _has_file("torch", "lib/libtorch_cuda.so")
    else:
        found = _has_file(ONNX_RUNTIME, "capi/libonnxruntime_providers_cuda.so")
    return "" if found else f"{backend} is installed without CUDA"


def _spec(module: str) -> ModuleSpec | None:
    return importlib.util.find_spec(module)


def _has_file(package: str, file: str) -> bool:
    spec = _spec(package)
    places = spec.submodule_search_locations if spec else None
    return any((Path(place) / file).is_file() for place in places or ())


@contextmanager
def environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment for a while."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def take_gpu(backend: str) -> str:
    """Have a backend of Keras, which is loaded, take the first GPU, and compute with whole float32; returns its name.

    TensorFloat-32, which the libraries prefer, would move probabilities by about 1e-3 away from the CPU's.

    Raises
    ------
    InputError
        It sees none.
    """
    try:
        name = {"tensorflow": _take_by_tensorflow, "jax": _take_by_jax, "torch": _take_by_torch}[backend]()
    except RuntimeError as error:  # as JAX tells it
        raise no_gpu(f"{backend} sees none: {error}") from error
    if name is None:
        raise no_gpu(f"{backend} sees none")
    return name


def _take_by_tensorflow() -> str | None:
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    for gpu in found:
        tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.experimental.enable_tensor_float_32_execution(False)
    if not found:
        return None
    return str(tf.config.experimental.get_device_details(found[0]).get("device_name", "a GPU"))


def _take_by_jax() -> str | None:
    jax: Any = importlib.import_module("jax")
    jax.config.update("jax_default_matmul_precision", "highest")  # of convolutions, too
    with environment(
        {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    ):  # else it takes three quarters of the memory at once
        return str(jax.devices("gpu")[0].device_kind)


def _take_by_torch() -> str | None:
    torch: Any = importlib.import_module("torch")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return str(torch.cuda.get_device_name(0)) if torch.cuda.is_available() else None
