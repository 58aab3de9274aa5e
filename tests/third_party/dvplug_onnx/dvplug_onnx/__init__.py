"""Other genotypers: float32 networks on ONNX Runtime, from a file of ONNX or from weights."""

from __future__ import annotations

from dvplug.hookspecs import Genotyper, hookimpl
from dvplug.technology import TechnologyProfile
from dvplug_illumina.profile import ILLUMINA_WGS

DVPLUG_API = 3


@hookimpl
def dvplug_genotypers() -> list[Genotyper]:
    """Return both; ONNX Runtime is imported when a model is opened."""
    here = "dvplug_onnx.genotyper"
    return [
        Genotyper("onnx", "a graph of ONNX", f"{here}:open_graph", devices=("cpu",), files={"onnx": ".onnx"}),
        Genotyper(
            "onnx-from-weights",
            "the weights of small-cnn",
            f"{here}:open_weights",
            devices=("cpu",),
            files={"weights": ".safetensors"},
        ),
    ]


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return a technology that differs from illumina-wgs by its genotyper alone, and borrows its model."""
    changes = {
        "name": "illumina-wgs-onnx",
        "aliases": (),
        "description": "Illumina short reads, whole genome, by ONNX Runtime",
        "model_technology": ILLUMINA_WGS.name,
        "genotyper": "onnx-from-weights",
    }
    return [ILLUMINA_WGS.model_copy(update=changes)]
