"""The genotypes step: pileup images and features in, genotype probabilities out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from dvplug.errors import InputError, ModelError
from dvplug.genotypes.backends import ONNX_RUNTIME, choose_backend, gpu_backend, gpu_names, take_gpu
from dvplug.genotypes.networks import GPU_BATCH, build, predict_batch, quiet_backend, softmax
from dvplug.genotypes.onnx_runtime import ONNX, OnnxPredictor
from dvplug.hookspecs import Predictor
from dvplug.system.quiet import libraries_kept_quiet
from dvplug.system.streams import StatusStream
from dvplug.technology import Frozen
from dvplug_registry.known_answer import known_answer_test

if TYPE_CHECKING:
    from dvplug_registry.manifest import Manifest
    from dvplug_registry.model_folder import ModelFolder


class LiteRTSettings(Frozen):
    """How the inference file of a model was made of its float32 weights."""

    precision: Literal["int8", "float32"]


class DevicePredictor(Predictor, Protocol):
    """An opened model that says where it runs; each row of what it predicts is the same, whatever n is."""

    @property
    def device(self) -> str:
        """Either "cpu" or "gpu"."""

    @property
    def runs_on(self) -> str:
        """For people: which GPU, and by what; empty on a CPU."""


def open_genotyper(model: ModelFolder, device: str = "auto") -> DevicePredictor:
    """Open a model for inference.

    Parameters
    ----------
    model
        A model whose files have been verified.
    device
        ``cpu``: LiteRT in this process, on one thread. ``gpu``: the first GPU, by the backend that `gpu_backend`
        finds. ``auto``: the GPU where it finds one, otherwise the CPU; ``device`` of what is returned says which it
        took.

    Raises
    ------
    InputError
        The device is unknown, or ``gpu`` was asked for and there is none that a backend can use.
    ModelError
        The LiteRT file cannot be opened, or its inputs are not those of the manifest; or the GPU does not give the
        model's known answers.
    """
    manifest = model.manifest
    if choose_device(device, has_onnx(manifest)) == "cpu":
        return told_type(
            LiteRTPredictor(model.path("litert"), manifest.image.shape, network_inputs(manifest)),
            manifest,
            model.sequencing_type,
        )
    with libraries_kept_quiet():
        return _open_on_gpu(model)


def network_inputs(manifest: Manifest) -> int:
    """How many numbers a model's network is given beside the image: the features, and those that tell its type."""
    return len(manifest.features) + len(manifest.sequencing_types)


def told_type(predictor: DevicePredictor, manifest: Manifest, sequencing_type: str = "") -> DevicePredictor:
    """Have a network told its sequencing type with every image, the first unless said; others are left as they are."""
    types = manifest.sequencing_types
    if not types:
        return predictor
    told = np.array([name == (sequencing_type or types[0]) for name in types], np.float32)
    return TypedPredictor(predictor, told)


@dataclass(frozen=True)
class TypedPredictor:
    """A network of several sequencing types, of which all images are of one: 1 of float32[types], the others 0."""

    predictor: DevicePredictor
    told: NDArray[np.float32]

    @property
    def device(self) -> str:
        """Where it runs."""
        return self.predictor.device

    @property
    def runs_on(self) -> str:
        """By what, for people."""
        return self.predictor.runs_on

    def predict(self, images: NDArray[np.uint8], features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities float32[n,3] of images uint8[n,h,w,c] and features float32[n,f]."""
        types = np.broadcast_to(self.told, (len(features), len(self.told)))
        return self.predictor.predict(images, np.hstack([features, types]))


def choose_device(device: str, onnx: bool = False) -> Literal["cpu", "gpu"]:
    """Decide what ``auto`` means here, without importing a backend.

    Parameters
    ----------
    onnx
        As of `gpu_backend`.

    Raises
    ------
    InputError
        The device is unknown, or ``gpu`` was asked for and no backend can use one.
    """
    if device == "cpu" or (device == "auto" and gpu_backend(onnx) is None):
        return "cpu"
    if device not in ("auto", "gpu"):
        raise InputError(f"unknown device '{device}'", repair="Use auto, cpu or gpu.")
    choose_backend(onnx)
    return "gpu"


def has_onnx(manifest: Manifest) -> bool:
    """Whether a model has a file for ONNX Runtime."""
    return any(entry.role == ONNX for entry in manifest.files.values())


def _open_on_gpu(model: ModelFolder) -> DevicePredictor:
    """Open a model on the first GPU, and try its known answers there; raises as `open_genotyper`."""
    backend = choose_backend(has_onnx(model.manifest))
    predictor: KerasPredictor | OnnxPredictor
    if backend == ONNX_RUNTIME:
        predictor = OnnxPredictor(model, "gpu")
        name = " and ".join(gpu_names()[:1]) or "a GPU"
    else:
        quiet_backend(backend)
        name = take_gpu(backend)
        predictor = KerasPredictor(model, "gpu")
    difference = known_answer_test(model, told_type(predictor, model.manifest).predict)
    predictor.runs_on = f"{name} by {backend}, known answers within {difference:.1g}"
    return told_type(predictor, model.manifest, model.sequencing_type)


class LiteRTPredictor:
    """The model's LiteRT file on one CPU thread.

    Images go through one at a time: measured on x86, a batch is no faster (0.12 ms per image either way),
    needs more memory, and would have to be padded to keep the results independent of it.
    """

    device = "cpu"
    runs_on = ""

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
    """The model's float32 weights in the network that a plugin builds, on whatever backend and device Keras runs."""

    runs_on = ""

    def __init__(self, model: ModelFolder, device: str) -> None:
        from dvplug.genotypes.weights import load_weights

        quiet_backend()
        from keras import config

        manifest = model.manifest
        self.device = device
        self._network = build(
            manifest.architecture,
            manifest.architecture_settings,
            manifest.image.shape,
            network_inputs(manifest),
        )
        load_weights(self._network, model.path("weights"))
        self._network.compile(jit_compile=config.backend() == "jax")  # which would go step by step without

    def predict(self, images: NDArray[np.uint8], features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities float32[n,3] of images uint8[n,h,w,c] and features float32[n,f]."""
        return predict_batch(self._network, images, features, GPU_BATCH)


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Discard what native code prints: LiteRT tells each delegate it makes, and raises what goes wrong."""
    StatusStream("stderr").flush()
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
