"""Fixtures that many tests share: one small simulated dataset, made once. And how the tests share the machine."""

from __future__ import annotations

import compileall
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from dvplug.simulate import SimulatedDataset, simulate_dataset
from helpers.browser import browser
from helpers.places import ROOT

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
    "train/",
    "tools/test_reproducing.py",
    "docs/test_recipes_installed.py",
    "executors/",
    "cohort/test_run.py",
    "serve/",
    "docs/test_write_a_plugin.py",
    "docs/test_your_own_sequencer.py",
    "docs/test_recipes.py",
    "plugins/test_install.py",
    "plugins/test_wheels.py",
    "test_warm.py",
)
"""Where tests lie that take long: they begin first, so that none is left alone at the end."""
TOGETHER = ("train/", "executors/")
"""Folders whose tests share what takes long to make; in train/ that is TensorFlow, with which no process can be forked
any more: in one that has it, each worker of a call has to be started anew."""


def pytest_configure(config: pytest.Config) -> None:
    """Compile the sources where Python is told to keep nothing that is: each of hundreds of processes would anew."""
    if sys.dont_write_bytecode and not hasattr(config, "workerinput"):
        for part in ("core", "registry", "plugins", "tools"):
            compileall.compile_dir(ROOT / part, quiet=2)


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: many tests wait for servers and processes of their own."""
    return (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1) + 1


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Have a process of xdist run all tests of a file, or of a folder: what these share is made once.

    They are taken in the order of the tests.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next(
                (one for one in TOGETHER if nodeid.startswith(f"tests/{one}")), nodeid.partition("::")[0]
            )

    config.option.loadscopereorder = False
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long ones first; the others keep their order."""

    def rank(item: pytest.Item) -> int:
        return next((n for n, part in enumerate(LONG) if f"tests/{part}" in item.path.as_posix()), len(LONG))

    items.sort(key=rank)
