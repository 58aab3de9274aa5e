"""The genotyper: a session of ONNX Runtime on one thread, as dvplug's workers share the cores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from safetensors.numpy import load_file

from dvplug.hookspecs import InputError, LoadedModel, ModelError
from dvplug_onnx.graph import small_cnn

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


def open_onnx(model: LoadedModel, device: str) -> OnnxGenotyper:
    """Build the graph and open it.

    Raises
    ------
    InputError
        A GPU was asked for.
    ModelError
        The model has another architecture.
    """
    if device == "gpu":
        raise InputError("the onnx genotyper runs on the cpu", repair="Use --device cpu.")
    manifest = model.manifest
    if manifest.architecture != "small-cnn":
        raise ModelError(
            f"the onnx genotyper knows no architecture '{manifest.architecture}'", repair="Use small-cnn."
        )
    weights = load_file(model.path("weights"))
    graph = small_cnn(weights, manifest.image.shape, len(manifest.features))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return OnnxGenotyper(onnxruntime.InferenceSession(graph.SerializeToString(), options))
