"""Calls by workers of Dask: real processes, some of which are killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.errors import DvplugError, InputError
from dvplug.executors import dask_pool
from dvplug.executors.dask_pool import open_dask
from dvplug.executors.spread import spread
from dvplug.hookspecs.executors import WorkersWanted
from dvplug.simulate import SimulatedDataset
from helpers.clusters import (
    DVPLUG,
    DeadlyJob,
    DeadlyWork,
    command,
    facts_here,
    ordered,
    outputs,
    partitions_told,
    started,
    wait_for,
    workers_of,
)

pytest.importorskip("distributed", reason="dvplug[cluster] is not installed")


def test_a_worker_that_is_killed_costs_its_region_alone(
    genome: SimulatedDataset, expected: tuple[bytes, bytes], tmp_path: Path
) -> None:
    words = command(genome, tmp_path, "--executor", "dask:local")
    with started(*DVPLUG, *words, **ordered(tmp_path, "die")) as client:
        assert client.wait() == 0
    (killed,) = tmp_path.glob("order.*")
    assert not psutil.pid_exists(int(killed.suffix[1:]))
    said = (tmp_path / "log").read_text()
    assert "a worker was lost at" in said
    assert partitions_told(tmp_path / "log") == 8
    assert "dashboard http://127.0.0.1:" in said
    assert outputs(tmp_path) == expected


def test_a_killed_client_goes_on_and_leaves_no_worker(
    genome: SimulatedDataset, expected: tuple[bytes, bytes], tmp_path: Path
) -> None:
    words = command(genome, tmp_path, "--executor", "dask:local", "--resume")
    with started(*DVPLUG, *words, **ordered(tmp_path, "wait")) as client:
        wait_for(lambda: partitions_told(tmp_path / "log") >= 2 and list(tmp_path.glob("order.*")))
        workers = workers_of(client.pid)
        assert len(workers) == 2
        client.kill()
        client.wait()
    next(tmp_path.glob("order.*")).unlink()
    wait_for(lambda: not any(worker.is_running() for worker in workers))
    subprocess.run([sys.executable, *DVPLUG, *words], check=True)
    told = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    resumed = [event["resumed"] for event in told if event["event"] == "calling"]
    assert resumed[0] == 0
    assert 2 <= resumed[1] < 8
    assert outputs(tmp_path) == expected


def test_a_region_that_kills_three_workers_is_named_and_its_neighbours_are_not(tmp_path: Path) -> None:
    for mark in range(5):
        (tmp_path / str(mark)).touch()
    given: list[int] = []
    deadly = "3 workers died at 7, the last while no other region was worked on"
    with open_dask("local", WorkersWanted(2)) as pool:
        results = spread(pool, facts_here(), DeadlyWork, DeadlyJob(7, tmp_path), range(20))
        with pytest.raises(DvplugError, match=deadly):
            given.extend(one for one in results)
    assert given == [number * number for number in range(7)]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_region_that_kills_two_workers_is_called_by_the_third(tmp_path: Path) -> None:
    for mark in range(2):
        (tmp_path / str(mark)).touch()
    with open_dask("local", WorkersWanted(2)) as pool:
        results = spread(pool, facts_here(), DeadlyWork, DeadlyJob(0, tmp_path), range(12))
        assert list(results) == [number * number for number in range(12)]
        with pytest.raises(RuntimeError, match="SystemExit: a task that ends its process"):
            list(spread(pool, facts_here(), DeadlyWork, DeadlyJob(0, tmp_path), [-1]))
        wait_for(lambda: pool.workers() == 2)


def test_a_scheduler_that_is_not_there_is_told(
    genome: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_pool, "CONNECT_S", 1.0)
    options = CallOptions(
        "illumina-wgs", genome.reference, (genome.reads,), str(tmp_path / "calls.vcf.gz"),
        executor="dask:tcp://127.0.0.1:9",
    )  # fmt: skip
    with pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        call_variants(options)
