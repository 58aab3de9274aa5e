"""Ancient DNA: damaged ends of reads are masked, how many bases of them is a setting; the model is borrowed."""

from __future__ import annotations

from pydantic import Field

from dvplug.hookspecs import Frozen, PluginSettings, ReadTransform, TechnologyProfile, hookimpl
from dvplug_illumina.profile import ILLUMINA_WGS

DVPLUG_API = 3


class AncientSettings(Frozen):
    """What users can set."""

    ends: int = Field(default=5, ge=0, le=1000, description="bases at either end of a read that are masked")
    shortest: int = Field(default=30, ge=1, description="aligned bases of a read that is kept")


@hookimpl
def dvplug_settings() -> list[PluginSettings]:
    """Return them."""
    return [PluginSettings(AncientSettings)]


@hookimpl
def dvplug_read_transforms() -> list[ReadTransform]:
    """Return what masks the ends."""
    return [
        ReadTransform(
            "mask-ends", "damaged ends masked, short reads dropped", "dvplug_ancient.ends:mask_ends"
        )
    ]


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return a technology that differs from illumina-wgs by its transform alone."""
    changes = {
        "name": "ancient",
        "aliases": (),
        "description": "ancient DNA on Illumina machines",
        "model_technology": ILLUMINA_WGS.name,
        "recognition": None,
        "read_transforms": ("mask-ends",),
    }
    return [ILLUMINA_WGS.model_copy(update=changes)]
