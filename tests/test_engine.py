"""Work over processes: in order, with what goes wrong told as it is; and the parts of a crowded region."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest

from dvplug import engine
from dvplug.engine import Pipeline, RegionImages, map_in_order
from dvplug.errors import DvplugError, InputError
from dvplug.plugins import installed_plugins
from dvplug.regions import Region
from dvplug.simulate import SimulatedDataset

REGIONS = [Region("c", i, i + 1) for i in range(40)]


def squares(job: int) -> Callable[[Region], int]:
    return lambda region: job * region.start**2


def fails_at_start(job: int) -> Callable[[Region], int]:
    raise InputError("the truth is out", repair="Close the door.")


def fails_late(job: int) -> Callable[[Region], int]:
    def work(region: Region) -> int:
        if region.start == job:
            raise InputError(f"region {region} is bad")
        return region.start

    return work


def dies(job: int) -> Callable[[Region], int]:
    return lambda region: os._exit(9)


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order(workers: int) -> None:
    assert list(map_in_order(squares, 2, REGIONS, workers)) == [2 * r.start**2 for r in REGIONS]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_worker_meets_when_it_starts_is_told(workers: int) -> None:
    with pytest.raises(DvplugError, match=r"the truth is out\. Close the door\."):
        list(map_in_order(fails_at_start, 0, REGIONS, workers))


@pytest.mark.parametrize("workers", [1, 2])
def test_results_before_a_failure_are_given(workers: int) -> None:
    results = map_in_order(fails_late, 5, REGIONS, workers)
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(DvplugError, match="region c:6-6 is bad"):
        next(results)


def test_a_worker_that_dies_is_an_error() -> None:
    with pytest.raises(DvplugError, match=r"a worker process died.*fewer --workers"):
        list(map_in_order(dies, 0, REGIONS, 2))


def test_a_crowded_region_is_drawn_in_parts(
    dataset: SimulatedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = installed_plugins()
    pipeline = Pipeline.of(plugins, plugins.technology("illumina-wgs"))
    images = RegionImages(pipeline, dataset.reference, [dataset.reads])
    region = Region(next(iter(images.reference.lengths)), 0, 50_000)
    (whole,) = images.draw(region)
    monkeypatch.setattr(engine, "MAX_SITES", 7)
    parts = list(images.draw(region))
    assert len(parts) == -(-len(whole.candidates) // 7) > 3
    assert sum(part.result.reads for part in parts) == whole.result.reads
    assert np.array_equal(np.concatenate([part.images.images for part in parts]), whole.images.images)
    assert np.array_equal(np.concatenate([part.images.features for part in parts]), whole.images.features)


def test_a_part_of_candidates_holds_their_reads(dataset: SimulatedDataset) -> None:
    plugins = installed_plugins()
    pipeline = Pipeline.of(plugins, plugins.technology("illumina-wgs"))
    images = RegionImages(pipeline, dataset.reference, [dataset.reads])
    (drawn,) = images.draw(Region(next(iter(images.reference.lengths)), 0, 50_000))
    whole = drawn.candidates
    part = whole.part(3, 6)
    assert part.alts == whole.alts[3:6]
    for i in range(3):
        rows = slice(part.read_offset[i], part.read_offset[i + 1])
        of_whole = slice(whole.read_offset[3 + i], whole.read_offset[4 + i])
        assert np.array_equal(part.read_index[rows], whole.read_index[of_whole])
        assert np.array_equal(part.read_allele[rows], whole.read_allele[of_whole])
