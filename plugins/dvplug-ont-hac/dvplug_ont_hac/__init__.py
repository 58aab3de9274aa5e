"""ONT R10.4.1, high-accuracy basecalls: a profile and its model, no code."""

from __future__ import annotations

from pathlib import Path

from dvplug.hookspecs import TechnologyProfile, hookimpl
from dvplug_ont_hac.profile import ONT_HAC

DVPLUG_API = 3


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return the technology."""
    return [ONT_HAC]


@hookimpl
def dvplug_model_sources() -> list[Path]:
    """Return the folder of the models shipped beside this file."""
    return [Path(__file__).parent / "models"]
