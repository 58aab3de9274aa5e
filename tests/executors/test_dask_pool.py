"""Calls by workers of Dask: real processes, some of which are killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.errors import DvplugError, InputError
from dvplug.executors.dask_pool import open_dask
from dvplug.executors.pool import WorkersWanted
from dvplug.executors.spread import spread
from dvplug.simulate import SimulatedDataset, simulate_dataset
from helpers import deadly_region
from helpers.clusters import DeadlyJob, DeadlyWork, facts_here, started, wait_for, workers_of
from helpers.command import call_words
from helpers.places import ROOT

pytest.importorskip("distributed", reason="dvplug[cluster] is not installed")


DVPLUG = ("-c", "from dvplug.cli import main; main()")


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> SimulatedDataset:
    """Eight partitions, shallow."""
    return simulate_dataset(tmp_path_factory.mktemp("genome"), length=400_000, depth=8.0, seed=11)


@pytest.fixture(scope="module")
def expected(genome: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """VCF and gVCF of the local executor."""
    folder = tmp_path_factory.mktemp("local")
    vcf, gvcf = folder / "calls.vcf.gz", folder / "calls.g.vcf.gz"
    call_variants(
        CallOptions("illumina-wgs", genome.reference, (genome.reads,), str(vcf), device="cpu", gvcf=str(gvcf))
    )
    return vcf.read_bytes(), gvcf.read_bytes()


def command(genome: SimulatedDataset, folder: Path, *more: object) -> list[str]:
    words = call_words(genome, folder / "calls.vcf.gz", "--gvcf", folder / "calls.g.vcf.gz")
    return [*words, "--log-json", str(folder / "log"), "--workers", "2", *map(str, more)]


def partitions_told(log: Path) -> int:
    return log.read_text().count('"event": "partition"') if log.exists() else 0


def outputs(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "calls.vcf.gz").read_bytes(), (folder / "calls.g.vcf.gz").read_bytes()


def ordered(folder: Path, word: str) -> dict[str, str]:
    """Variables with which a worker obeys at the sixth region or later."""
    order = folder / "order"
    order.write_text(f"{word} 250000")
    preload = json.dumps([deadly_region.__file__])
    return {"DASK_DISTRIBUTED__WORKER__PRELOAD": preload, deadly_region.ORDER: str(order)}


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
    assert re.search(r'"event": "progress".*"note": "[12] worker\(s\)"', said)
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


def scheduler_file(folder: Path) -> list[object]:
    return ["--scheduler-file", folder / "scheduler.json"]


def test_a_worker_of_another_version_is_refused_with_both_named(
    genome: SimulatedDataset, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(ROOT / "core" / "dvplug", other / "dvplug", ignore=shutil.ignore_patterns("__pycache__"))
    (other / "dvplug" / "_version.py").write_text('__version__ = "0.0.7"\n')
    path = os.pathsep.join([str(other), os.environ.get("PYTHONPATH", "")])
    file = tmp_path / "scheduler.json"
    dask = ("-m", "distributed.cli")
    scheduler = [
        f"{dask[1]}.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--dashboard-address",
        ":0",
    ]
    worker = [f"{dask[1]}.dask_worker", "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    with started("-m", *scheduler, *scheduler_file(tmp_path)):
        wait_for(file.exists)
        address = json.loads(file.read_text())["address"]
        with started("-m", *worker, *scheduler_file(tmp_path), PYTHONPATH=path):
            options = CallOptions(
                "illumina-wgs", genome.reference, (genome.reads,), str(tmp_path / "calls.vcf.gz"),
                executor=f"dask:{address}",
            )  # fmt: skip
            with pytest.raises(InputError, match=r"has dvplug 0\.0\.7, and this is dvplug \d+\.\d+\.\d+"):
                call_variants(options)
    assert not list(tmp_path.glob("*.vcf.gz"))


def test_a_scheduler_that_is_not_there_is_told(genome: SimulatedDataset, tmp_path: Path) -> None:
    options = CallOptions(
        "illumina-wgs", genome.reference, (genome.reads,), str(tmp_path / "calls.vcf.gz"),
        executor="dask:tcp://127.0.0.1:9",
    )  # fmt: skip
    with pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        call_variants(options)
