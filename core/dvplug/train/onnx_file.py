"""A network as a file of ONNX, which other runtimes read: converted from TensorFlow, and run before it is kept."""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dvplug.errors import InputError, ModelError
from dvplug.genotypes.networks import predict_batch, softmax
from dvplug.genotypes.onnx_runtime import INPUTS, OUTPUT, open_session, run
from dvplug.train.store import Examples

if TYPE_CHECKING:
    import keras

ONNX_NAME = "network.onnx"
BACKEND = "tensorflow"
"""Files that are made on other backends differ, and some of them do not run; weights mean the same on all."""
_PACKAGES = ("tf2onnx", "onnx", "onnxruntime")
_BATCHES = (1, 7, 64)
_ALLOWED = 1e-4
_UINT8 = 2  # onnx.TensorProto.UINT8


def require_onnx() -> None:
    """Raise InputError where a package that `write_onnx` needs is not installed."""
    lacking = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if lacking:
        raise InputError(
            f"{', '.join(lacking)} not installed",
            cause="a file of ONNX is made by tf2onnx, and tried by ONNX Runtime",
            repair="pip install 'dvplug[onnx]'; or export without --onnx.",
        )


def write_onnx(model: keras.Model, examples: Examples, path: Path) -> float:
    """Write a network as ONNX: ``image`` uint8[n,h,w,c], ``features`` float32[n,f] -> ``logits`` float32[n,3], any n.

    Parameters
    ----------
    model
        A network of float32 on the backend `BACKEND`.
    examples
        On which ONNX Runtime is compared with Keras, in batches of several sizes.

    Returns
    -------
    float
        The largest difference of a probability.

    Raises
    ------
    ModelError
        The network cannot be converted, or the file does not run, or gives other probabilities. It is not kept then.
    """
    try:
        _convert(model, path)
        difference = max(_difference(model, examples, path, size) for size in _BATCHES)
        if not difference <= _ALLOWED:  # NaN fails too
            raise ModelError(
                f"its probabilities differ from those of Keras by up to {difference:.2g}, allowed {_ALLOWED:g}"
            )
    except Exception as error:
        path.unlink(missing_ok=True)
        raise ModelError(
            "the network cannot be kept as ONNX", cause=str(error), repair="Export without --onnx."
        ) from error
    return difference


def _convert(model: keras.Model, path: Path) -> None:
    """Convert, and name inputs, output and the size of the batch as `open_session` wants them."""
    import keras

    onnx: Any = importlib.import_module("onnx")
    signature = [keras.InputSpec(shape=t.shape, dtype=t.dtype, name=t.name) for t in model.inputs]
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / ONNX_NAME
        model.export(raw, format="onnx", verbose=False, input_signature=[signature])
        graph_file = onnx.load(raw)
    graph = graph_file.graph
    names = {}
    for tensor in graph.input:
        names[tensor.name] = INPUTS[tensor.type.tensor_type.elem_type != _UINT8]
    names[graph.output[0].name] = OUTPUT
    for tensor in (*graph.input, *graph.output):
        tensor.name = names[tensor.name]
        tensor.type.tensor_type.shape.dim[0].dim_param = "n"
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    onnx.checker.check_model(graph_file)
    onnx.save(graph_file, path)


def _difference(model: keras.Model, examples: Examples, path: Path, size: int) -> float:
    """The largest difference between the probabilities of both, where ONNX Runtime gets batches of this size."""
    session = open_session(path, "cpu")
    images, features = examples.images, examples.features
    parts = [
        run(session, images[start : start + size], features[start : start + size])
        for start in range(0, len(images), size)
    ]
    return float(np.abs(softmax(np.concatenate(parts)) - predict_batch(model, images, features)).max())
