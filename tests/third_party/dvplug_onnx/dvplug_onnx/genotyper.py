"""The genotypers: a session of ONNX Runtime on one thread, as dvplug's workers share the cores."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto
from safetensors.numpy import load_file

from dvplug.hookspecs import LoadedModel, ModelError
from dvplug_onnx.graph import small_cnn
from dvplug_registry.model_folder import ModelFolder, file_entry, save_manifest

BATCH = 64


@dataclass(frozen=True)
class OnnxGenotyper:
    """An opened model."""

    session: onnxruntime.InferenceSession
    device: str = "cpu"

    def predict(self, images: NDArray[np.uint8], features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities float32[n, 3]; the network always sees `BATCH` images, so that none depends on n."""
        parts = [np.empty((0, 3), np.float32)]
        for start in range(0, len(images), BATCH):
            n = min(BATCH, len(images) - start)
            image = np.zeros((BATCH, *images.shape[1:]), np.uint8)
            feature = np.zeros((BATCH, features.shape[1]), np.float32)
            image[:n], feature[:n] = images[start : start + n], features[start : start + n]
            parts.append(self.session.run(None, {"image": image, "features": feature})[0][:n])
        return np.concatenate(parts)


def open_graph(model: LoadedModel, device: str) -> OnnxGenotyper:
    """Open the model's graph."""
    return _opened(model.path("onnx").read_bytes())


def open_weights(model: LoadedModel, device: str) -> OnnxGenotyper:
    """Make a graph of the model's weights, and open it; raises ModelError as `graph_of`."""
    return _opened(graph_of(model).SerializeToString())


def graph_of(model: ModelFolder) -> ModelProto:
    """Make a graph of a model's weights; raises ModelError where its network is another than small-cnn."""
    manifest = model.manifest
    if manifest.architecture != "small-cnn":
        raise ModelError(
            f"the onnx genotyper knows no architecture '{manifest.architecture}'", repair="Use small-cnn."
        )
    return small_cnn(load_file(model.path("weights")), manifest.image.shape, len(manifest.features))


def write_model(model: ModelFolder, folder: Path) -> None:
    """Write a model of its own, with a graph in place of weights, after another model."""
    folder.mkdir()
    (folder / "network.onnx").write_bytes(graph_of(model).SerializeToString())
    files = {"network.onnx": file_entry(folder / "network.onnx", "onnx")}
    for role in ("known-answer", "first-stage"):  # neither is of the network's kind
        path = model.path(role)
        shutil.copy(path, folder)
        files[path.name] = file_entry(path, role)
    changes = {"genotyper": "onnx", "genotyper_settings": {}, "tolerance": 2e-5, "files": files}
    save_manifest(folder, model.manifest.model_copy(update={"name": folder.name, **changes}))


def _opened(graph: bytes) -> OnnxGenotyper:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return OnnxGenotyper(onnxruntime.InferenceSession(graph, options))
