"""Processes of a cluster on this machine, and work that kills them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from dvplug.executors.node import Facts, facts_of
from dvplug.plugins.loading import Plugins, installed_plugins
from dvplug.plugins.sources import RunCode
from dvplug.simulate import SimulatedDataset
from helpers import deadly_region
from helpers.command import call_words
from helpers.places import ROOT

TECHNOLOGY = "illumina-wgs"
DVPLUG = ("-c", "from dvplug.cli import main; main()")
PATIENCE_S = 1200  # of what takes seconds where nothing else runs
TAKEN_AT_ONCE, MOST_TAKEN = 20_000_000, 200  # bytes, times: a machine must survive a worker that is not ended


def facts_here() -> Facts:
    """What this process would demand of workers."""
    plugins = installed_plugins()
    return facts_of(RunCode.of(plugins, plugins.technology(TECHNOLOGY), []), TECHNOLOGY, [])


@dataclass(frozen=True)
class DeadlyJob:
    """Work at which workers die: of one region, as often as there are marks in a folder to take away."""

    deadly: int
    marks: Path

    def portable(self) -> DeadlyJob:
        return self

    def on_this_machine(self, plugins: Plugins) -> DeadlyJob:
        return self


class HungryWork:
    """As `DeadlyWork`; at its region, a worker takes memory until it is ended."""

    def __init__(self, job: DeadlyJob) -> None:
        self.job = job

    def __call__(self, number: int) -> int:
        taken = []
        while number == self.job.deadly and len(taken) < MOST_TAKEN:
            taken.append(os.urandom(TAKEN_AT_ONCE))
            time.sleep(0.05)
        return number * number


class DeadlyWork:
    """Squares of numbers."""

    def __init__(self, job: DeadlyJob) -> None:
        self.job = job

    def __call__(self, number: int) -> int:
        if number == self.job.deadly:
            for mark in self.job.marks.iterdir():
                mark.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
        if number < 0:
            sys.exit("a task that ends its process")
        return number * number


def wait_for(what: Callable[[], object]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.1)


@contextmanager
def started(
    *words: object, folder: Path | None = None, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of this Python, in a folder, which is killed, with its children, at the end."""
    command = [sys.executable, *map(str, words)]
    process = subprocess.Popen(command, cwd=folder, env=os.environ | variables, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        process.kill()
        process.wait()


class Scheduler(NamedTuple):
    """A process of `dask scheduler`, and where it listens."""

    process: subprocess.Popen[bytes]
    address: str


@contextmanager
def a_scheduler(folder: Path, **variables: str) -> Iterator[Scheduler]:
    """Start `dask scheduler`, with a file of its own in the folder."""
    file = folder / f"scheduler.{time.monotonic_ns()}.json"
    words = ("--host", "127.0.0.1", "--port", "0", "--dashboard-address", ":0", "--scheduler-file", file)
    with started("-m", "dask", "scheduler", *words, **variables) as process:
        wait_for(file.exists)
        yield Scheduler(process, json.loads(file.read_text())["address"])


def a_worker(
    address: str, *more: object, folder: Path | None = None, **variables: str
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Start `dask worker`, with one thread."""
    words = ("-m", "dask", "worker", address, "--nthreads", "1", "--no-dashboard", *more)
    return started(*words, folder=folder, **variables)


def path_of_another_version(folder: Path) -> str:
    """Copy dvplug as another version of itself, and return a PYTHONPATH by which that is the one that is found."""
    shutil.copytree(ROOT / "core" / "dvplug", folder / "dvplug", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "dvplug" / "_version.py").write_text('__version__ = "0.0.7"\n')
    return os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])


def workers_of(pid: int, but: Collection[int] = ()) -> list[psutil.Process]:
    """The workers of `--executor dask:local`: children of the process that keeps them, which is none of ``but``."""
    keepers = [child for child in psutil.Process(pid).children() if child.pid not in but]
    return [worker for keeper in keepers for worker in keeper.children()]


def command(genome: SimulatedDataset, folder: Path, *more: object) -> list[str]:
    """The words of a call by two workers, with a gVCF and a log for programs."""
    words = call_words(genome, folder / "calls.vcf.gz", "--gvcf", folder / "calls.g.vcf.gz")
    return [*words, "--log-json", str(folder / "log"), "--workers", "2", *map(str, more)]


def partitions_told(log: Path) -> int:
    """How many partitions were called, by that log."""
    return log.read_text().count('"event": "partition"') if log.exists() else 0


def outputs(folder: Path) -> tuple[bytes, bytes]:
    """VCF and gVCF of a `command`."""
    return (folder / "calls.vcf.gz").read_bytes(), (folder / "calls.g.vcf.gz").read_bytes()


def ordered(folder: Path, word: str, start: int = 250_000) -> dict[str, str]:
    """Variables with which a worker obeys at a region: the sixth or later, if not told otherwise."""
    order = folder / "order"
    order.write_text(f"{word} {start}")
    preload = json.dumps([deadly_region.__file__])
    return {"DASK_DISTRIBUTED__WORKER__PRELOAD": preload, deadly_region.ORDER: str(order)}
