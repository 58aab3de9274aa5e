"""State in a shipped manifest how often the network's sure answers are wrong."""

from __future__ import annotations

from dvplug.genotypes.genotyper import LiteRTPredictor
from dvplug.train.export import LITERT_NAME, lapse_rates
from dvplug.train.first_stage import answers_of
from dvplug.train.store import ExampleReader
from dvplug_lab.model_building import examples
from dvplug_lab.model_run import ModelRun
from dvplug_lab.read_sets import ReadSet, sets_of
from dvplug_lab.training_reads.build import build_absent
from dvplug_lab.world_sets import worlds_of
from dvplug_registry.manifest import Manifest
from dvplug_registry.model_folder import load_manifest, open_folder, save_manifest


def state_lapses(run: ModelRun, *, worlds: bool, whole: bool) -> Manifest:
    """Write `lapse_rates` into the shipped model's manifest, by the tune examples of its recipe; returns it.

    Parameters
    ----------
    worlds
        Take those of worlds, too.
    whole
        Take those of sets that are mostly to train on, too, not only of the persons drawn to tune on.
    """
    folder = run.recipe.models / run.label
    manifest = load_manifest(folder)
    every: dict[str, ReadSet] = {one.name: one for one in sets_of(run.tech) if whole or one.tune_only}
    if worlds:
        every |= {one.name: one for one in worlds_of(run.tech)}
    shards = [
        shard for shard in run.recipe.shards(run.tech) if shard.part == "tune" and shard.read_set in every
    ]
    build_absent([every[shard.read_set] for shard in shards], run.shared, run.reads, run.workers)
    tune = ExampleReader([path for shard in shards if (path := examples(run, shard))])
    genotyper = LiteRTPredictor(folder / LITERT_NAME, tune.header.layout.shape, len(tune.header.features))
    p = answers_of(open_folder(folder), tune, genotyper.predict)
    manifest = manifest.model_copy(update={"lapse_rates": lapse_rates(p, tune)})
    save_manifest(folder, manifest)
    return manifest
