"""Fixtures that many tests share: one small simulated dataset, made once. And how the tests share the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from dvplug.simulate import SimulatedDataset, simulate_dataset
from helpers.browser import browser

__all__ = ["browser"]  # one for all: playwright can be started once in a process

settings.register_profile("untimed", deadline=None)  # how long an example takes is the machine's business
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SimulatedDataset:
    """60 kb of a diploid genome with 30x reads, and its truth."""
    return simulate_dataset(tmp_path_factory.mktemp("dataset"), length=60_000, depth=30.0, seed=7)


@pytest.fixture
def called(dataset: SimulatedDataset, tmp_path: Path) -> Path:
    """The calls of the simulated dataset, RefCalls included."""
    from dvplug.calling.options import CallOptions
    from dvplug.calling.run import call_variants

    out = tmp_path / "calls.vcf.gz"
    call_variants(
        CallOptions(
            "illumina-wgs", dataset.reference, (dataset.reads,), str(out), device="cpu", keep_ref_calls=True
        )
    )
    return out


LONG = (
    "tools/test_reproducing",
    "docs/test_write_a_plugin",
    "plugins/test_install",
    "docs/test_recipes",
    "test_warm",
    "serve/",
    "train/",
    "executors/",
    "cohort/",
)
"""Where tests lie that take long: they begin first, so that none is left alone at the end."""


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: many tests wait for servers and processes of their own."""
    return (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have each process of xdist begin with its share of the long ones; the others keep their order.

    xdist gives each of n processes a run of 1 / 4n of the tests to begin with, then ever smaller ones
    (`xdist.scheduler.load`).
    """

    def rank(item: pytest.Item) -> int:
        return next((n for n, part in enumerate(LONG) if f"tests/{part}" in item.path.as_posix()), len(LONG))

    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = sorted((item for item in items if rank(item) < len(LONG)), key=rank)
    others = [item for item in items if rank(item) == len(LONG)]
    share = max(len(items) // (4 * processes), 2)
    arranged: list[pytest.Item] = []
    for process in range(processes):
        own = long[process::processes]
        filled = max(0, share - len(own))
        arranged += own + others[:filled]
        del others[:filled]
    items[:] = arranged + others
