"""What commands cost: CPU and wall time, and the peak memory of each process (Linux)."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dvplug.errors import DvplugError
from dvplug_lab.commands import Command, start

POLL_S = 0.02
"""Between two looks at the processes. Each shows its own peak so far, so that only its last moments can be missed."""


@dataclass(frozen=True)
class Cost:
    """What a pipeline took. Pages that forked processes share count for each in the peaks."""

    cpu_s: float  # user and system time of all its processes and theirs
    wall_s: float  # from the first start to the last end
    peak_mb: list[float]  # resident memory per process (VmHWM, 10^6 bytes), the largest first
    private_mb: list[float]  # memory that belongs to one process alone, in the same order of size


def measure(pipeline: Sequence[Command], environment: Mapping[str, str] | None = None) -> Cost:
    """Run commands, each fed by the one before, and measure them together.

    Parameters
    ----------
    environment
        Variables to add to this process's own.

    Raises
    ------
    DvplugError
        A command failed.
    """
    variables = {**os.environ, **(environment or {})}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    processes = start(pipeline, [subprocess.DEVNULL] * len(pipeline), variables)
    peaks: dict[int, float] = {}
    private: dict[int, float] = {}
    while any(process.poll() is None for process in processes):
        for pid in descendants([process.pid for process in processes]):
            memory = _memory_mb(pid)
            peaks[pid] = max(peaks.get(pid, 0.0), memory.get("VmHWM", 0.0))
            private[pid] = max(private.get(pid, 0.0), memory.get("RssAnon", 0.0))
        time.sleep(POLL_S)
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    for process, command in zip(processes, pipeline, strict=True):
        if process.returncode:
            raise DvplugError(
                f"{' '.join(command)[:300]} ended with {process.returncode}",
                repair="Run it by itself to see what it says.",
            )
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu_s, wall_s, sorted(peaks.values(), reverse=True), sorted(private.values(), reverse=True))


def descendants(pids: Sequence[int]) -> list[int]:
    """Return these processes and all that they started and that still run."""
    found, waiting = [], list(pids)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            waiting += map(int, _read(children).split())
    return found


def _memory_mb(pid: int) -> dict[str, float]:
    """The lines of /proc/PID/status that are sizes (given in units of 1024 bytes), in MB."""
    fields = (line.split() for line in _read(Path(f"/proc/{pid}/status")).splitlines())
    return {f[0].rstrip(":"): int(f[1]) * 1024 / 1e6 for f in fields if len(f) == 3 and f[2] == "kB"}


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return ""


def answer_times(command: Command, repeats: int = 5) -> tuple[float, float]:
    """Return the median wall and CPU seconds of a short command; raises DvplugError when it fails."""
    runs = [_answer_time(command) for _ in range(repeats)]
    wall, cpu = (statistics.median(times) for times in zip(*runs, strict=True))
    return wall, cpu


def _answer_time(command: Command) -> tuple[float, float]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise DvplugError(f"{' '.join(command)[:300]} ended with {done.returncode}", cause=done.stderr[-300:])
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
