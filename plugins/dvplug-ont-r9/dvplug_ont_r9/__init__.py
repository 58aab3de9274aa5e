"""ONT R9.4.1: a profile and its model, no code."""

from __future__ import annotations

from pathlib import Path

from dvplug.hookspecs import TechnologyProfile, hookimpl
from dvplug_ont_r9.profile import ONT_R9

DVPLUG_API = 3


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return the technology."""
    return [ONT_R9]


@hookimpl
def dvplug_model_sources() -> list[Path]:
    """Return the folder of the models shipped beside this file."""
    return [Path(__file__).parent / "models"]
