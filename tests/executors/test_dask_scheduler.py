"""Calls by a scheduler and workers that others started, as people start them: `dask scheduler`, `dask worker`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from socket import gethostname

import pytest

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.errors import DvplugError, InputError
from dvplug.executors.dask_pool import open_dask
from dvplug.executors.spread import spread
from dvplug.hookspecs.executors import WorkersWanted
from dvplug.simulate import SimulatedDataset
from helpers.clusters import (
    DVPLUG,
    DeadlyJob,
    HungryWork,
    a_scheduler,
    a_worker,
    command,
    facts_here,
    ordered,
    outputs,
    partitions_told,
    path_of_another_version,
    started,
    wait_for,
)
from helpers.places import ROOT

pytest.importorskip("distributed", reason="dvplug[cluster] is not installed")


def workers_at(address: str) -> int:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        return len(client.scheduler_info(n_workers=-1)["workers"])


def test_two_workers_give_the_same_bytes(
    genome: SimulatedDataset, expected: tuple[bytes, bytes], tmp_path: Path
) -> None:
    with a_scheduler(tmp_path) as scheduler, a_worker(scheduler.address, "--nworkers", "2"):
        wait_for(lambda: workers_at(scheduler.address) == 2)
        words = command(genome, tmp_path, "--executor", f"dask:{scheduler.address}")
        subprocess.run([sys.executable, *DVPLUG, *words], check=True)
    assert outputs(tmp_path) == expected
    assert partitions_told(tmp_path / "log") == 8
    assert f"Dask at {scheduler.address}" in (tmp_path / "log").read_text()


def test_a_worker_of_another_version_is_refused_with_both_named(
    genome: SimulatedDataset, tmp_path: Path
) -> None:
    other = path_of_another_version(tmp_path / "other")
    with a_scheduler(tmp_path) as scheduler, a_worker(scheduler.address, "--no-nanny", PYTHONPATH=other):
        options = CallOptions(
            "illumina-wgs", genome.reference, (genome.reads,), str(tmp_path / "calls.vcf.gz"),
            executor=f"dask:{scheduler.address}",
        )  # fmt: skip
        with pytest.raises(InputError, match=r"has dvplug 0\.0\.7, and this is dvplug \d+\.\d+\.\d+"):
            call_variants(options)
    assert not list(tmp_path.glob("*.vcf.gz"))


def test_one_that_joins_late_ends_the_run_before_its_first_region_and_nothing_is_lost(
    genome: SimulatedDataset, expected: tuple[bytes, bytes], tmp_path: Path
) -> None:
    from distributed import Client

    other = path_of_another_version(tmp_path / "other")
    with (
        a_scheduler(tmp_path) as scheduler,
        a_worker(scheduler.address, "--no-nanny", **ordered(tmp_path, "wait", 100_000)),
        Client(scheduler.address, set_as_default=False) as looker,
    ):
        words = command(genome, tmp_path, "--resume", "--executor", f"dask:{scheduler.address}")
        with started(*DVPLUG, *words) as client:
            wait_for(lambda: partitions_told(tmp_path / "log") == 2 and list(tmp_path.glob("order.*")))
            (first,) = looker.has_what()
            with a_worker(scheduler.address, "--no-nanny", PYTHONPATH=other):
                wait_for(lambda: any(kept for one, kept in looker.has_what().items() if one != first))
                next(tmp_path.glob("order.*")).unlink()
                assert client.wait() == 2
        said = (tmp_path / "log").read_text()
        assert f"the worker on {gethostname()} has dvplug 0.0.7, and this is dvplug " in said
        assert not (tmp_path / "calls.vcf.gz").exists()
        wait_for(lambda: workers_at(scheduler.address) == 1)
        subprocess.run([sys.executable, *DVPLUG, *words], check=True)
    assert outputs(tmp_path) == expected


def test_a_scheduler_that_died_is_told_and_another_goes_on(
    genome: SimulatedDataset, expected: tuple[bytes, bytes], tmp_path: Path
) -> None:
    words = command(genome, tmp_path, "--resume", "--executor")
    with (
        a_scheduler(tmp_path) as scheduler,
        a_worker(scheduler.address, **ordered(tmp_path, "wait")),
        started(*DVPLUG, *words, f"dask:{scheduler.address}") as client,
    ):
        wait_for(lambda: partitions_told(tmp_path / "log") >= 2 and list(tmp_path.glob("order.*")))
        scheduler.process.kill()
        assert client.wait() == 2
    assert "the connection to the Dask scheduler was lost" in (tmp_path / "log").read_text()
    assert not (tmp_path / "calls.vcf.gz").exists()
    with a_scheduler(tmp_path) as scheduler, a_worker(scheduler.address):
        subprocess.run([sys.executable, *DVPLUG, *words, f"dask:{scheduler.address}"], check=True)
    assert outputs(tmp_path) == expected


def test_a_worker_that_retires_loses_no_result_and_no_other_region(
    genome: SimulatedDataset, expected: tuple[bytes, bytes], tmp_path: Path
) -> None:
    """The one that retires is in the middle of a region, and has results that were not fetched yet."""
    from distributed import Client

    with (
        a_scheduler(tmp_path) as scheduler,
        a_worker(scheduler.address, "--nworkers", "2", **ordered(tmp_path, "wait", 100_000)),
        Client(scheduler.address, set_as_default=False) as looker,
    ):
        wait_for(lambda: workers_at(scheduler.address) == 2)
        words = command(genome, tmp_path, "--executor", f"dask:{scheduler.address}")
        with started(*DVPLUG, *words) as client:
            wait_for(lambda: list(tmp_path.glob("order.*")))
            (waits,) = tmp_path.glob("order.*")
            busy = {pid: address for address, pid in looker.run(os.getpid).items()}[int(waits.suffix[1:])]
            wait_for(lambda: len((tmp_path / "called").read_text().split()) == 8)
            assert list(looker.retire_workers([busy])) == [busy]
            assert client.wait() == 0
    starts = [int(line) for line in (tmp_path / "called").read_text().split()]
    assert len(starts) == 9
    assert set(starts) == set(range(0, 400_000, 50_000))
    assert "a worker was lost" not in (tmp_path / "log").read_text()
    assert outputs(tmp_path) == expected


def test_a_region_that_takes_more_than_the_limit_is_named(tmp_path: Path) -> None:
    """The workers' nannies end them."""
    path = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    with (
        a_scheduler(tmp_path, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0") as scheduler,
        a_worker(scheduler.address, "--memory-limit", "500MB", PYTHONPATH=path),
        open_dask(scheduler.address, WorkersWanted(1, 500_000_000)) as pool,
    ):
        results = spread(pool, facts_here(), HungryWork, DeadlyJob(2, tmp_path), range(5))
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(DvplugError, match="3 workers died at 2, the last while no other") as caught:
            next(results)
    assert "most likely memory ran out there" in caught.value.cause


def test_inputs_that_a_node_does_not_reach_are_told_with_its_name(
    genome: SimulatedDataset, tmp_path: Path
) -> None:
    """The paths lead to what is in the folder of whoever opens them: the client's has the files, the worker's none."""
    words = [
        "call", "--tech", "illumina-wgs", "--device", "cpu", "--ref", f"/proc/self/cwd/{genome.reference.name}",
        "--reads", f"/proc/self/cwd/{genome.reads.name}", "--out", tmp_path / "calls.vcf",
    ]  # fmt: skip
    with a_scheduler(tmp_path) as scheduler, a_worker(scheduler.address, "--no-nanny", folder=tmp_path):
        done = subprocess.run(
            [sys.executable, *DVPLUG, *map(str, words), "--executor", f"dask:{scheduler.address}"],
            cwd=genome.reads.parent, check=False, capture_output=True, text=True,
        )  # fmt: skip
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    for path in (genome.reference, genome.reads):
        assert f"/proc/self/cwd/{path.name} is not on {gethostname()}" in said
    assert not (tmp_path / "calls.vcf").exists()
