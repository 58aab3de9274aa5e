"""The memory that `dvplug call` takes, over all its processes (Linux)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.table import Table

from dvplug.errors import DvplugError
from dvplug.simulate import SimulatedDataset, simulate_dataset
from dvplug.system.console import info
from dvplug.system.memory import memory_of
from dvplug_lab.commands import dvplug_call
from dvplug_lab.speed.processes import POLL_S, descendants


@dataclass
class Peak:
    """The most that was seen, in bytes: of all processes, of the first one, of the largest of the others."""

    together: int = 0
    parent: int = 0
    worker: int = 0


def peak_of_call(data: SimulatedDataset, out: Path, workers: int) -> Peak:
    """Call, and look at the processes meanwhile."""
    words = dvplug_call(data.reference, data.reads, out, workers=workers)
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    peak = Peak()
    while process.poll() is None:
        parent, *others = descendants([process.pid])
        peak.together = max(peak.together, memory_of([parent, *others], 0))
        peak.parent = max(peak.parent, memory_of([parent], sys.maxsize))
        peak.worker = max([peak.worker, *(memory_of([pid], sys.maxsize) for pid in others)])
        time.sleep(POLL_S)
    if process.returncode:
        said = process.stderr.read() if process.stderr else ""
        raise DvplugError(f"{' '.join(words)} ended with {process.returncode}", cause=said)
    return peak


def memory_table(depths: Sequence[float], workers: Sequence[int], length: int, seed: int) -> Table:
    """Simulate ``length`` bp at each mean depth, call with each number of workers, and return the peaks."""
    table = Table("depth", "workers", "all processes MB", "parent MB", "one worker MB", "wall s")
    for depth in depths:
        with TemporaryDirectory(prefix="memory-") as folder:
            info(f"Simulating {length:,} bp at {depth:g}x.")
            data = simulate_dataset(Path(folder), length=length, depth=depth, seed=seed)
            for count in workers:
                began = time.monotonic()
                peak = peak_of_call(data, Path(folder) / "x.vcf.gz", count)
                sizes = (f"{size / 1e6:.0f}" for size in (peak.together, peak.parent, peak.worker))
                table.add_row(f"{depth:g}x", str(count), *sizes, f"{time.monotonic() - began:.1f}")
    return table
