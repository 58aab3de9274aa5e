"""A technology whose model is a file of ONNX alone: another plugin's genotyper opens it, as its manifest says."""

from __future__ import annotations

from pathlib import Path

from dvplug.hookspecs import TechnologyProfile, hookimpl
from dvplug_illumina.profile import ILLUMINA_WGS

DVPLUG_API = 3


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return a technology that differs from illumina-wgs by its model alone."""
    changes = {
        "name": "graph",
        "aliases": (),
        "description": "Illumina short reads, whole genome, by a graph of ONNX",
        "model": "graph@1",
        "model_technology": ILLUMINA_WGS.name,
        "recognition": None,
    }
    return [ILLUMINA_WGS.model_copy(update=changes)]


@hookimpl
def dvplug_model_sources() -> list[Path]:
    """Return the models beside this file."""
    return [Path(__file__).parent / "models"]
