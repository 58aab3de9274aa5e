"""ONT R10: a profile, its model, and features that know how these reads err."""

from __future__ import annotations

from pathlib import Path

from dvplug.hookspecs import FeatureSet, TechnologyProfile, hookimpl
from dvplug_ont.profile import ONT_R10

DVPLUG_API = 3


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return the one technology."""
    return [ONT_R10]


@hookimpl
def dvplug_feature_sets() -> list[FeatureSet]:
    """Return what is measured of R10 reads alone."""
    return [
        FeatureSet(
            "r10-length-likelihoods",
            "how likely the lengths of homopolymers are under each genotype, by the errors of R10 reads",
            "dvplug_ont.features:length_likelihoods",
            "dvplug.images.features.length_likelihoods:LIKELIHOOD_FEATURES",
            reach=123,  # as the engine's features of repeats
        )
    ]


@hookimpl
def dvplug_model_sources() -> list[Path]:
    """Return the folder of the models shipped beside this file."""
    return [Path(__file__).parent / "models"]
