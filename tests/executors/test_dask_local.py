"""Workers of `dask:local`, and the process that keeps them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dvplug.errors import DvplugError
from dvplug.executors import dask_pool
from dvplug.executors.dask_pool import open_dask
from dvplug.executors.spread import spread
from dvplug.hookspecs.executors import WorkersWanted
from dvplug.simulate import SimulatedDataset
from helpers.clusters import DVPLUG, DeadlyJob, DeadlyWork, command, facts_here, ordered, wait_for, workers_of

pytest.importorskip("distributed", reason="dvplug[cluster] is not installed")


def test_a_region_that_takes_more_than_max_memory_is_named(genome: SimulatedDataset, tmp_path: Path) -> None:
    words = command(genome, tmp_path, "--executor", "dask:local", "--max-memory", "1GB")
    done = subprocess.run(
        [sys.executable, *DVPLUG, *words], env=os.environ | ordered(tmp_path, "swell", 350_000),
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert "3 workers died at chrS:350001-400000, the last while no other region was worked on" in said
    assert "most likely memory ran out there" in said
    assert not (tmp_path / "calls.vcf.gz").exists()


def test_workers_end_with_what_keeps_them_and_the_run_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(dask_pool.LOCAL_SETTINGS, dask_pool.WORKERS_WITHIN, "3s")
    others = {child.pid for child in psutil.Process().children()}
    with open_dask("local", WorkersWanted(2)) as pool:
        results = spread(pool, facts_here(), DeadlyWork, DeadlyJob(-1, tmp_path), range(100))
        assert next(results) == 0
        workers = workers_of(os.getpid(), others)
        assert len(workers) == 2
        workers[0].parent().kill()
        wait_for(lambda: not any(psutil.pid_exists(worker.pid) for worker in workers))
        with pytest.raises(DvplugError, match="no worker is left: none came in 3 s"):
            list(results)


def test_no_process_and_no_folder_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with open_dask("local", WorkersWanted(2)) as pool:
        assert list(spread(pool, facts_here(), DeadlyWork, DeadlyJob(-1, tmp_path), range(3))) == [0, 1, 4]
        assert list(tmp_path.iterdir())
    assert {child.pid for child in psutil.Process().children(recursive=True)} == before
    assert not list(tmp_path.iterdir())
