"""The whole extension menu: the hooks, the kinds of things that they return, and the types that their functions meet.

Hooks take no arguments and are called once, at start-up. What they return is data and *names* of functions
("package.module:function"), imported only when they are used, so that listing plugins stays fast. For the same reason
the types of others that can be imported from here (`_HOMES`) are imported when they are first asked for.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from dvplug.errors import PluginError
from dvplug.hookspecs.executors import Executor, OpenPool, Pending, Pool, WorkersWanted
from dvplug.hookspecs.extensions import (
    HAPLOTYPE,
    SOURCE,
    CandidateFinder,
    Channel,
    Extension,
    FeatureSet,
    Genotyper,
    ImageEncoder,
    Network,
    PluginSettings,
    import_named,
)
from dvplug.hookspecs.functions import (
    Annotate,
    BuildNetwork,
    Draw,
    Encode,
    Find,
    Measure,
    OpenModel,
    Phase,
    Predictor,
    Rank,
    Transform,
)
from dvplug.hookspecs.steps import Annotation, Phaser, ReadTransform, RecordField, RowOrder

if TYPE_CHECKING:
    from dvplug.errors import DvplugError, InputError, ModelError
    from dvplug.line.candidate_batch import OTHER, UNINFORMATIVE, CandidateBatch
    from dvplug.line.contexts import (
        AnnotateContext,
        EncodeContext,
        FindContext,
        PhaseContext,
        Phased,
        RegionContext,
    )  # fmt: skip
    from dvplug.line.image_batch import (
        DELETED,
        EMPTY,
        FAR,
        NEAR,
        NO_ALT,
        NO_SIDE,
        REFERENCE,
        ImageBatch,
        Pileup,
    )  # fmt: skip
    from dvplug.line.read_batch import ReadBatch
    from dvplug.line.record import Notes
    from dvplug.line.region import Region
    from dvplug.line.scene import ImageAlts, ImageReads, Scene
    from dvplug.technology import (
        Assembly,
        CandidateThresholds,
        Frozen,
        ImageLayout,
        ReadFilter,
        Recognition,
        Signs,
        TagRange,
        TechnologyProfile,
        UsualErrors,
    )
    from dvplug_registry.model_folder import LoadedModel

__all__ = [
    "DELETED",
    "EMPTY",
    "FAR",
    "HAPLOTYPE",
    "HOOK_API",
    "NEAR",
    "NO_ALT",
    "NO_SIDE",
    "OTHER",
    "REFERENCE",
    "SERVED_APIS",
    "SOURCE",
    "UNINFORMATIVE",
    "Annotate",
    "AnnotateContext",
    "Annotation",
    "Assembly",
    "BuildNetwork",
    "CandidateBatch",
    "CandidateFinder",
    "CandidateThresholds",
    "Channel",
    "Draw",
    "DvplugError",
    "Encode",
    "EncodeContext",
    "Executor",
    "Extension",
    "FeatureSet",
    "Find",
    "FindContext",
    "Frozen",
    "Genotyper",
    "ImageAlts",
    "ImageBatch",
    "ImageEncoder",
    "ImageLayout",
    "ImageReads",
    "InputError",
    "LoadedModel",
    "Measure",
    "ModelError",
    "Network",
    "Notes",
    "OpenModel",
    "OpenPool",
    "Pending",
    "Phase",
    "PhaseContext",
    "Phased",
    "Phaser",
    "Pileup",
    "PluginError",
    "PluginSettings",
    "Pool",
    "Predictor",
    "Rank",
    "ReadBatch",
    "ReadFilter",
    "ReadTransform",
    "Recognition",
    "RecordField",
    "Region",
    "RegionContext",
    "RowOrder",
    "Scene",
    "Signs",
    "TagRange",
    "TechnologyProfile",
    "Transform",
    "UsualErrors",
    "WorkersWanted",
    "hookimpl",
    "hookspec",
    "import_named",
]
_HOMES = {
    "dvplug.errors": ("DvplugError", "InputError", "ModelError"),
    "dvplug.line.candidate_batch": ("CandidateBatch", "OTHER", "UNINFORMATIVE"),
    "dvplug.line.contexts": (
        "AnnotateContext", "EncodeContext", "FindContext", "PhaseContext", "Phased", "RegionContext",
    ),
    "dvplug.line.image_batch": (
        "DELETED", "EMPTY", "FAR", "NEAR", "NO_ALT", "NO_SIDE", "REFERENCE", "ImageBatch", "Pileup",
    ),
    "dvplug.line.read_batch": ("ReadBatch",),
    "dvplug.line.record": ("Notes",),
    "dvplug.line.region": ("Region",),
    "dvplug.line.scene": ("ImageAlts", "ImageReads", "Scene"),
    "dvplug.technology": (
        "Assembly", "CandidateThresholds", "Frozen", "ImageLayout", "ReadFilter", "Recognition", "Signs", "TagRange",
        "TechnologyProfile", "UsualErrors",
    ),
    "dvplug_registry.model_folder": ("LoadedModel",),
}  # fmt: skip

HOOK_API = 3
"""Version of this menu. A plugin says which one it was written for in its module: ``DVPLUG_API = 3``."""
SERVED_APIS = (2, HOOK_API)
"""Versions whose plugins are served: those of an earlier one are called as that one said."""

hookspec = pluggy.HookspecMarker("dvplug")
hookimpl = pluggy.HookimplMarker("dvplug")


def __getattr__(name: str) -> Any:
    """Import a type of `_HOMES` when it is first used."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


@hookspec
def dvplug_technologies() -> list[TechnologyProfile]:  # type: ignore[empty-body]
    """Sequencing technologies, to be chosen by name or alias with ``--tech``."""


@hookspec
def dvplug_candidate_finders() -> list[CandidateFinder]:  # type: ignore[empty-body]
    """Candidate finders, to be named in `TechnologyProfile.candidate_finder`."""


@hookspec
def dvplug_read_transforms() -> list[ReadTransform]:  # type: ignore[empty-body]
    """Read transforms, to be named in `TechnologyProfile.read_transforms`."""


@hookspec
def dvplug_phasers() -> list[Phaser]:  # type: ignore[empty-body]
    """Phasers, to be named in `TechnologyProfile.phaser`."""


@hookspec
def dvplug_row_orders() -> list[RowOrder]:  # type: ignore[empty-body]
    """Row orders, to be named in `TechnologyProfile.row_order`."""


@hookspec
def dvplug_annotations() -> list[Annotation]:  # type: ignore[empty-body]
    """Annotations, to be named in `TechnologyProfile.annotations`."""


@hookspec
def dvplug_image_encoders() -> list[ImageEncoder]:  # type: ignore[empty-body]
    """Image encoders, to be named in `TechnologyProfile.image_encoder`."""


@hookspec
def dvplug_feature_sets() -> list[FeatureSet]:  # type: ignore[empty-body]
    """Feature sets, to be named in `TechnologyProfile.features`."""


@hookspec
def dvplug_channels() -> list[Channel]:  # type: ignore[empty-body]
    """Channels, to be named in `ImageLayout.channels`."""


@hookspec
def dvplug_networks() -> list[Network]:  # type: ignore[empty-body]
    """Networks that can be trained, to be named by ``dvplug train fit --architecture``."""


@hookspec
def dvplug_genotypers() -> list[Genotyper]:  # type: ignore[empty-body]
    """Genotypers, to be named in a model's manifest, or in `TechnologyProfile.genotyper` in place of that."""


@hookspec
def dvplug_executors() -> list[Executor]:  # type: ignore[empty-body]
    """Executors, to be chosen by ``--executor NAME:PLACE``."""


@hookspec
def dvplug_settings() -> list[PluginSettings]:  # type: ignore[empty-body]
    """What users can set of the plugin with ``--set``: one class of settings."""


@hookspec
def dvplug_model_sources() -> list[Path]:  # type: ignore[empty-body]
    """Folders that hold model folders, each called ``name-version``."""
