"""Processes of a cluster on this machine, and work that kills them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from dvplug.executors.node import Facts, facts_of
from dvplug.plugins.loading import Plugins, installed_plugins
from dvplug.plugins.sources import RunCode

TECHNOLOGY = "illumina-wgs"
PATIENCE_S = 300  # of what takes seconds where nothing else runs


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
def started(*words: object, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of this Python, which is killed, with its children, at the end."""
    command = [sys.executable, *map(str, words)]
    process = subprocess.Popen(command, env=os.environ | variables, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        process.kill()
        process.wait()


def workers_of(pid: int) -> list[psutil.Process]:
    """The workers that a process started: not what keeps an eye on their resources."""
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found
