"""A technology with a candidate finder, features, a channel, a network, a genotyper and a model of its own."""

from __future__ import annotations

from pathlib import Path

from dvplug.hookspecs import (
    CandidateFinder,
    Channel,
    FeatureSet,
    Genotyper,
    ImageLayout,
    Network,
    TechnologyProfile,
    hookimpl,
)

DVPLUG_API = 3


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return the toy technology."""
    layout = ImageLayout(height=8, width=11, reference_rows=1, channels=("read_base", "toy_stripes"))
    return [
        TechnologyProfile(
            name="toy",
            aliases=("toy-reads",),
            description="reads of a toy sequencer",
            model="toy >=1,<2",
            image=layout,
            candidate_finder="toy-finder",
            features=("toy-counts",),
        )
    ]


@hookimpl
def dvplug_candidate_finders() -> list[CandidateFinder]:
    """Return a finder that is imported when a run that uses it begins."""
    return [CandidateFinder("toy-finder", "indels need one read more", "dvplug_toy.finding:find_sites")]


@hookimpl
def dvplug_channels() -> list[Channel]:
    """Return a channel that is imported when a run that draws it begins."""
    return [Channel("toy_stripes", "every other column", "dvplug_toy.drawing:stripes")]


@hookimpl
def dvplug_feature_sets() -> list[FeatureSet]:
    """Return two numbers that accompany each image."""
    counts = "dvplug_toy.measuring:alt_counts"
    return [FeatureSet("toy-counts", "reads of the alts", counts, ("n_alt", "vaf"))]


@hookimpl
def dvplug_networks() -> list[Network]:
    """Return a network that can be trained; Keras is imported when it is built."""
    where = "dvplug_toy.network"
    return [Network("toy-dense", "means and features", f"{where}:build_dense", f"{where}:DenseSettings")]


@hookimpl
def dvplug_genotypers() -> list[Genotyper]:
    """Return a genotyper that needs no network, and the file that it opens."""
    formula = "dvplug_toy.formula:open_formula"
    files = {"formula": ".bin"}
    return [Genotyper("toy-formula", "a formula of the mean pixel", formula, devices=("cpu",), files=files)]


@hookimpl
def dvplug_model_sources() -> list[Path]:
    """Return the models beside this file."""
    return [Path(__file__).parent / "models"]
