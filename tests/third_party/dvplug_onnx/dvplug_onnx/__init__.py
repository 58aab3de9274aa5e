"""Another genotyper: the float32 network on ONNX Runtime, and Illumina reads that are called with it."""

from __future__ import annotations

from dvplug.hookspecs import Genotyper, hookimpl
from dvplug.technology import TechnologyProfile
from dvplug_illumina.profile import ILLUMINA_WGS

DVPLUG_API = 1


@hookimpl
def dvplug_genotypers() -> list[Genotyper]:
    """Return the genotyper; ONNX Runtime is imported when a model is opened."""
    return [Genotyper("onnx", "float32, by ONNX Runtime", "dvplug_onnx.genotyper:open_onnx")]


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return a technology that differs from illumina-wgs by its genotyper alone, and borrows its model."""
    changes = {
        "name": "illumina-wgs-onnx",
        "aliases": (),
        "description": "Illumina short reads, whole genome, by ONNX Runtime",
        "model_technology": ILLUMINA_WGS.name,
        "genotyper": "onnx",
    }
    return [ILLUMINA_WGS.model_copy(update=changes)]
