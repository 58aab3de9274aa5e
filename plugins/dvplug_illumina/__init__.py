"""Illumina sequencing of whole genomes and exomes: profiles and their models, no code."""

from __future__ import annotations

from pathlib import Path

from dvplug.hookspecs import TechnologyProfile, hookimpl
from dvplug_illumina.profile import ILLUMINA_WES, ILLUMINA_WGS

DVPLUG_API = 3


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return both technologies."""
    return [ILLUMINA_WGS, ILLUMINA_WES]


@hookimpl
def dvplug_model_sources() -> list[Path]:
    """Return the folder of the models shipped beside this file."""
    return [Path(__file__).parent / "models"]
