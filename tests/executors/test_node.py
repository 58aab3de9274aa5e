"""What a worker compares before its first region: here, what the client said of itself is changed."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest

from dvplug.calling.options import CallOptions
from dvplug.calling.run import PreparedCall, prepare_call
from dvplug.engine.call import RunCaller, call_regions
from dvplug.errors import DvplugError, InputError, ModelError
from dvplug.executors.node import NodeState, packed, result_of, work_on_node
from dvplug.line.region import Partition, PartitionRun, Region
from dvplug.line.result import RegionResult
from dvplug.simulate import SimulatedDataset
from helpers.shipped_model import copy_of_model

HERE = gethostname()


@pytest.fixture
def prepared(dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedCall:
    """A run over copies of the files, named from within their folder, with a copy of the model."""
    for path in dataset.reference.parent.glob("re*"):
        shutil.copy2(path, tmp_path)
    copy_of_model(tmp_path)
    monkeypatch.chdir(tmp_path)
    reads = Path(dataset.reads.name)
    return prepare_call(
        CallOptions(
            "illumina-wgs", Path(dataset.reference.name), (reads,), "calls.vcf.gz", device="cpu",
            model="./illumina-wgs-1.0.0",
        )
    )  # fmt: skip


def ready(prepared: PreparedCall, work: bytes, **facts: Any) -> Any:
    return result_of(work_on_node({**prepared.facts, **facts}, work, b""))


def test_a_worker_in_another_folder_calls_the_same(
    prepared: PreparedCall, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path.cwd()
    work, run = packed(RunCaller, prepared.job), PartitionRun(tuple(prepared.partitions))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    state = ready(prepared, work)
    assert isinstance(state, NodeState)
    assert state.node == HERE
    there = result_of(work_on_node(prepared.facts, work, pickle.dumps(run)))
    monkeypatch.chdir(home)
    assert [one.lines for one in there] == [one.lines for one in RunCaller(prepared.job)(run)]
    assert any(one.lines for one in there)


@pytest.mark.parametrize(("workers", "together"), [(2, 8), (6, 3), (200, 1)])
def test_regions_go_out_together_where_all_workers_have_many(
    prepared: PreparedCall, workers: int, together: int
) -> None:
    places = [Region("chrSim", start, start + 50_000) for start in range(0, 10_000_000, 50_000)]
    parts = [Partition(place, (place,)) for place in places]
    given: list[PartitionRun] = []

    def spread(
        _make: object, _job: object, handed_out: Iterable[PartitionRun]
    ) -> Iterator[list[RegionResult]]:
        given.extend(handed_out)
        return iter(())

    assert not list(call_regions(prepared.job, parts, workers, spread=spread))
    assert [part for run in given for part in run.partitions] == parts
    assert max(len(run.partitions) for run in given) == together


def test_other_code_plugins_and_libraries_are_named_with_both_values(prepared: PreparedCall) -> None:
    work = packed(RunCaller, prepared.job)
    code, plugins, libraries = (dict(prepared.facts[what]) for what in ("code of", "plugin", "library"))
    numpy = libraries["numpy"]
    code["dvplug_illumina"], plugins["dvplug-lab"], libraries["numpy"] = "0badc0de", "1.5", "1.0.1"
    with pytest.raises(InputError, match=f"the worker on {HERE} is installed otherwise") as caught:
        ready(prepared, work, **{"code of": code, "plugin": plugins, "library": libraries})
    assert f"library numpy is {numpy} there, and 1.0.1 here" in caught.value.cause
    assert "plugin dvplug-lab is none there, and 1.5 here" in caught.value.cause
    assert "and 0badc0de here" in caught.value.cause


def test_another_version_is_told_before_anything_is_unpacked(prepared: PreparedCall) -> None:
    with pytest.raises(InputError, match=r"has dvplug \d\S+, and this is dvplug 9\.9\.9"):
        ready(prepared, b"what no other version can read", dvplug="9.9.9")


def test_inputs_that_are_not_there_or_not_the_same_are_told_with_the_node(prepared: PreparedCall) -> None:
    work = packed(RunCaller, prepared.job)
    Path("reads.bam.bai").unlink()
    state = Path("reference.fa").stat()
    os.utime("reference.fa", ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000_000))
    with pytest.raises(
        DvplugError, match=rf"reads\.bam\.bai is not on {HERE}.*there is no such file"
    ) as caught:
        ready(prepared, work)
    assert f"reference.fa is not the same on {HERE}" in str(caught.value)
    assert "it was written again" in str(caught.value)


def test_a_model_is_found_by_its_name_where_its_folder_is_absent_and_told_by_hash(
    prepared: PreparedCall,
) -> None:
    work = packed(RunCaller, prepared.job)
    folder = Path("illumina-wgs-1.0.0")
    (folder / "network.tflite").write_bytes(b"cut off")
    shutil.rmtree(folder)
    assert ready(prepared, work).node == HERE  # the one that came with the plugin
    copy_of_model(Path())
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    again = prepare_call(prepared.options)
    manifest.write_text(manifest.read_text() + "\n")
    with pytest.raises(ModelError, match=f"illumina-wgs@1.0.0 is not on {HERE}.*sha256.*that of the client"):
        ready(again, packed(RunCaller, again.job))
