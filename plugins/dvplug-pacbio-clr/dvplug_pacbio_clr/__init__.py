"""PacBio CLR, continuous long reads: a profile and its model, no code."""

from __future__ import annotations

from pathlib import Path

from dvplug.hookspecs import TechnologyProfile, hookimpl
from dvplug_pacbio_clr.profile import PACBIO_CLR

DVPLUG_API = 3


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return the technology."""
    return [PACBIO_CLR]


@hookimpl
def dvplug_model_sources() -> list[Path]:
    """Return the folder of the models shipped beside this file."""
    return [Path(__file__).parent / "models"]
