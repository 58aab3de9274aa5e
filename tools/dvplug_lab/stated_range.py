"""State in a shipped manifest which reads its network has met, from reads that are like those it was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dvplug.inputs.run_sample import RunSample, sample_run
from dvplug.plugins.loading import installed_plugins
from dvplug.reads.groups import ReadSource
from dvplug.train.store import ExampleReader
from dvplug.train.trained_range import trained_on
from dvplug_lab.model_building import examples
from dvplug_lab.model_run import ModelRun
from dvplug_lab.read_sets import MAIN, ReadSet, training_sets
from dvplug_lab.recipes import Shard
from dvplug_lab.training_reads.build import build_absent
from dvplug_registry.manifest import Manifest
from dvplug_registry.model_folder import load_manifest, save_manifest


def state_range(run: ModelRun, scale: float) -> Manifest:
    """Write `trained_on` into the shipped model's manifest; returns it.

    Limits and qualities are measured on the real reads that the training reads were copied from, usual values of
    features on a small share of the training reads, made again.
    """
    folder = run.recipe.models / run.label
    manifest, rules = load_manifest(folder), run.recipe.usual
    trained = training_sets(run.tech)
    runs = [profile_sample(run, chosen) for chosen in first_of_each_profile(trained)]
    sets = first_of_each_profile([chosen for chosen in trained if chosen.fasta == MAIN])
    features = (
        heterozygous_features(run, sets, scale) if rules.features_outside or rules.features_above else None
    )
    found = trained_on(runs, rules, manifest.features, features)
    manifest = manifest.model_copy(update={"trained_on": found})
    save_manifest(folder, manifest)
    return manifest


def first_of_each_profile(sets: Sequence[ReadSet]) -> list[ReadSet]:
    """Return one set per BAM that errors were learnt from."""
    return list({chosen.profile_bam: chosen for chosen in reversed(sets)}.values())[::-1]


def profile_sample(run: ModelRun, chosen: ReadSet) -> RunSample:
    """Measure the real reads that a set is like."""
    read_filter = installed_plugins().technology(run.tech).read_filter
    reference = run.shared / (chosen.profile_fasta or MAIN)
    return sample_run([ReadSource(run.shared / chosen.profile_bam)], reference, read_filter)


def heterozygous_features(run: ModelRun, sets: list[ReadSet], scale: float) -> NDArray[np.float32]:
    """Make a share of the reads again, and return the features of images that show a heterozygote, float32[n, f]."""
    small = [replace(chosen, scale=chosen.scale * scale) for chosen in sets]
    build_absent(small, run.shared, run.reads, run.workers)
    return np.concatenate(list(_of_heterozygotes(run, small)))


def _of_heterozygotes(run: ModelRun, sets: list[ReadSet]) -> Iterator[NDArray[np.float32]]:
    for chosen in sets:
        shard = examples(run, Shard(chosen.name))
        if shard:
            yield from (part.features[part.labels == 1] for part in ExampleReader([shard]).in_order())
