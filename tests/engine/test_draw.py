"""The line up to the images: the parts of a crowded region."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from dvplug.engine import draw as engine
from dvplug.engine.draw import RegionImages
from dvplug.engine.pipeline import Pipeline
from dvplug.engine.usual import UNKNOWN_RUN, KnownRun
from dvplug.inputs.run_profile import measure_run
from dvplug.line.image_batch import ImageBatch
from dvplug.line.read_batch import ReadBatch
from dvplug.line.region import Region
from dvplug.line.scene import Scene
from dvplug.plugins.loading import installed_plugins
from dvplug.reads.groups import ReadSource
from dvplug.simulate import SimulatedDataset


def test_a_crowded_region_is_drawn_in_parts(
    dataset: SimulatedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = installed_plugins()
    pipeline = Pipeline.of(plugins, plugins.technology("illumina-wgs"))
    images = RegionImages(pipeline, dataset.reference, [ReadSource(dataset.reads)])
    region = Region(next(iter(images.reference.lengths)), 0, 50_000)
    (whole,) = images.draw(region)
    monkeypatch.setattr(engine, "MAX_SITES", 7)
    parts = list(images.draw(region))
    assert len(parts) == -(-len(whole.candidates) // 7) > 3
    assert sum(part.counts.reads for part in parts) == whole.counts.reads
    assert np.array_equal(np.concatenate([part.images.images for part in parts]), whole.images.images)
    assert np.array_equal(np.concatenate([part.images.features for part in parts]), whole.images.features)


def test_a_part_of_candidates_holds_their_reads(dataset: SimulatedDataset) -> None:
    plugins = installed_plugins()
    pipeline = Pipeline.of(plugins, plugins.technology("illumina-wgs"))
    images = RegionImages(pipeline, dataset.reference, [ReadSource(dataset.reads)])
    (drawn,) = images.draw(Region(next(iter(images.reference.lengths)), 0, 50_000))
    whole = drawn.candidates
    part = whole.part(3, 6)
    assert part.alts == whole.alts[3:6]
    for i in range(3):
        rows = slice(part.read_offset[i], part.read_offset[i + 1])
        of_whole = slice(whole.read_offset[3 + i], whole.read_offset[4 + i])
        assert np.array_equal(part.read_index[rows], whole.read_index[of_whole])
        assert np.array_equal(part.read_allele[rows], whole.read_allele[of_whole])


def test_reads_that_the_next_region_shares_are_left_as_they_were(
    dataset: SimulatedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Realigned reads change places where they lie, but for those that are kept for the region beside."""
    plugins = installed_plugins()
    pipeline = Pipeline.of(plugins, plugins.technology("illumina-wgs"))

    def opened() -> RegionImages:
        return RegionImages(pipeline, dataset.reference, [ReadSource(dataset.reads)])

    answers: list[bool] = []
    plain = RegionImages._are_kept

    def noting(self: RegionImages, reads: ReadBatch) -> bool:
        answers.append(plain(self, reads))
        return answers[-1]

    monkeypatch.setattr(RegionImages, "_are_kept", noting)
    following, contig = opened(), next(iter(opened().reference.lengths))
    cuts = [0, *range(35_000, 45_000, 700)]
    for start, end in pairwise(cuts):
        (after,) = following.draw(Region(contig, start, end))
        (alone,) = opened().draw(Region(contig, start, end))
        assert np.array_equal(after.images.images, alone.images.images)
        assert np.array_equal(after.images.features, alone.images.features)
    assert set(answers) == {False, True}


def test_what_draws_knows_how_the_run_errs(
    dataset: SimulatedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = installed_plugins()
    technology = plugins.technology("illumina-wgs")
    sources = [ReadSource(dataset.reads)]
    measured = measure_run(sources, dataset.reference, technology)[1]
    pipeline = Pipeline.of(plugins, technology)
    scenes: list[Scene] = []
    plain = Pipeline.draw

    def noting(self: Pipeline, scene: Scene) -> ImageBatch:
        scenes.append(scene)
        return plain(self, scene)

    monkeypatch.setattr(Pipeline, "draw", noting)
    for run in (KnownRun(measured), UNKNOWN_RUN):
        images = RegionImages(pipeline, dataset.reference, sources, run=run)
        list(images.draw(Region(next(iter(images.reference.lengths)), 0, 5_000)))
    assert [scene.run.reads for scene in scenes] == [measured.reads, 0]
    assert scenes[0].run.length_p.tolist() == measured.length_p.tolist()
    assert scenes[1].run.insertion_p == technology.usual_errors.insertion
