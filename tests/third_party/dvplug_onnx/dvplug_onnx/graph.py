"""The network `small-cnn` as an ONNX graph, made from a model's float32 weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

EPSILON = 1e-3  # of Keras' batch normalisation
OPSET = 17

Weights = Mapping[str, NDArray[np.float32]]


class Graph:
    """Nodes and constants of a graph that grows layer by layer; each method returns the name of its output."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list = []
        self.constants: list = []

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Add a node."""
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: NDArray) -> str:
        """Add a constant."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def convolution(self, x: str, name: str, stride: int) -> str:
        """A convolution with "same" padding; the batch normalisation behind it, where there is one, is folded in."""
        kernel = self.weights[f"{name}/kernel"].transpose(3, 2, 0, 1)
        bias = self.weights.get(f"{name}/bias")
        if bias is None:
            norm = {key: self.weights[f"{name}_norm/{key}"] for key in ("gamma", "beta", "moving_mean")}
            scale = norm["gamma"] / np.sqrt(self.weights[f"{name}_norm/moving_variance"] + EPSILON)
            kernel, bias = kernel * scale[:, None, None, None], norm["beta"] - norm["moving_mean"] * scale
        return self.node(
            "Conv",
            x,
            self.constant(kernel),
            self.constant(bias),
            strides=[stride, stride],
            auto_pad="SAME_UPPER",
        )

    def dense(self, x: str, name: str) -> str:
        """A dense layer without activation."""
        parts = (self.constant(self.weights[f"{name}/{part}"]) for part in ("kernel", "bias"))
        return self.node("Gemm", x, *parts)

    def mean(self, x: str) -> str:
        """Mean over rows and columns."""
        return self.node("Flatten", self.node("GlobalAveragePool", x))


def small_cnn(weights: Weights, shape: tuple[int, int, int], features: int) -> ModelProto:
    """Build the graph from ``image`` uint8[n, h, w, c], ``features`` float32[n, f] to probabilities float32[n, 3]."""
    graph, width = Graph(weights), shape[1]
    x = graph.node("Cast", "image", to=TensorProto.FLOAT)
    x = graph.node("Mul", x, graph.constant(np.array(1 / 128, np.float32)))
    x = graph.node("Transpose", x, perm=[0, 3, 1, 2])
    x, width = graph.node("Relu", graph.convolution(x, "stem", 2)), -(-width // 2)
    names = [name.removesuffix("_conv_1/kernel") for name in weights if name.endswith("_conv_1/kernel")]
    for name in sorted(names):
        stride = 2 if name.endswith("_1") else 1
        y = graph.node("Relu", graph.convolution(x, f"{name}_conv_1", stride))
        y = graph.convolution(y, f"{name}_conv_2", 1)
        if f"{name}_shortcut/kernel" in weights:
            x = graph.convolution(x, f"{name}_shortcut", stride)
        x, width = graph.node("Relu", graph.node("Add", x, y)), -(-width // stride)
    first, last = (width - 1) // 2, width // 2 + 1
    bounds = (graph.constant(np.array([value], np.int64)) for value in (first, last, 3))
    centre = graph.node("Slice", x, *bounds)
    told = "features"
    if "features_in_pieces/kernel" in weights:
        cut = (graph.constant(np.array(value, np.float32)) for value in (0, 1))
        pieces = graph.node("Clip", graph.dense(told, "features_in_pieces"), *cut)
        told = graph.node("Concat", told, pieces, axis=1)
    y = graph.node("Relu", graph.dense(told, "features_1"))
    y = graph.node("Relu", graph.dense(y, "features_2"))
    z = graph.node("Concat", graph.mean(x), graph.mean(centre), y, axis=1)
    z = graph.dense(graph.node("Relu", graph.dense(z, "head")), "logits")
    out = graph.node("Softmax", z, axis=1)
    inputs = [
        helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", *shape]),
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", features]),
    ]
    outputs = [helper.make_tensor_value_info(out, TensorProto.FLOAT, ["n", 3])]
    made = helper.make_graph(graph.nodes, "small_cnn", inputs, outputs, graph.constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
