"""Amplicon panels of Illumina and Ion Torrent reads: primers are cut off; the models are borrowed."""

from __future__ import annotations

from dvplug.hookspecs import (
    PluginSettings,
    ReadTransform,
    Recognition,
    Signs,
    TechnologyProfile,
    hookimpl,
)
from dvplug_amplicon.settings import AmpliconSettings
from dvplug_illumina.profile import ILLUMINA_WGS
from dvplug_ion.profile import ION

DVPLUG_API = 3
# Named alone: what else the reads are like, exomes are like too.
_SAID = Signs(header=(r"ampli(con|seq)",))
_NAMED = Recognition(shown_by=_SAID, only_with=_SAID)


@hookimpl
def dvplug_settings() -> list[PluginSettings]:
    """Return what users can set."""
    return [PluginSettings(AmpliconSettings)]


@hookimpl
def dvplug_read_transforms() -> list[ReadTransform]:
    """Return what cuts primers off."""
    return [
        ReadTransform(
            "cut-primers",
            "bases that primers brought along are masked",
            "dvplug_amplicon.primers:cut_primers",
        )
    ]


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return panels of both kinds of reads."""
    return [_panel("amplicon", "Illumina", ILLUMINA_WGS), _panel("amplicon-ion", "Ion Torrent", ION)]


def _panel(name: str, machine: str, profile: TechnologyProfile) -> TechnologyProfile:
    return profile.model_copy(
        update={
            "name": name,
            "aliases": (),
            "description": f"amplicon panels, {machine} reads, 30x to 3,000x; called with {profile.name}'s model",
            "model_technology": profile.name,
            "recognition": _NAMED,
            "depth": (30, 3000),
            "read_transforms": ("cut-primers",),
        }
    )
