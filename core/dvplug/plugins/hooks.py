"""Which hook returns what: the type of all things in its list."""

from __future__ import annotations

from pathlib import Path

from dvplug.hookspecs import (
    Annotation,
    CandidateFinder,
    Channel,
    Executor,
    FeatureSet,
    Genotyper,
    ImageEncoder,
    Network,
    Phaser,
    PluginSettings,
    ReadTransform,
    RowOrder,
)
from dvplug.technology import TechnologyProfile

HOOKS: dict[str, type] = {
    "dvplug_technologies": TechnologyProfile,
    "dvplug_candidate_finders": CandidateFinder,
    "dvplug_read_transforms": ReadTransform,
    "dvplug_phasers": Phaser,
    "dvplug_row_orders": RowOrder,
    "dvplug_annotations": Annotation,
    "dvplug_image_encoders": ImageEncoder,
    "dvplug_feature_sets": FeatureSet,
    "dvplug_channels": Channel,
    "dvplug_networks": Network,
    "dvplug_genotypers": Genotyper,
    "dvplug_executors": Executor,
    "dvplug_settings": PluginSettings,
    "dvplug_model_sources": Path,
}
