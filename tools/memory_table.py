"""Measure the memory that `dvplug call` takes at several depths, over all its processes (Linux).

    python tools/memory_table.py --depths 30 300 3000

A contig is simulated and called at each depth. The process tree is looked at every 20 ms. Pages that forked
processes share count once in "all processes" (the proportional set sizes, summed), and for each in "one worker".
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from cyclopts import App, Parameter
from rich.table import Table

from dvplug.errors import DvplugError
from dvplug.simulate import SimulatedDataset, simulate_dataset
from dvplug.system.console import info, stdout
from dvplug.system.memory import memory_of
from dvplug_lab.script import run
from dvplug_lab.speed.processes import descendants

DVPLUG = [sys.executable, "-c", "from dvplug.cli import main; main()"]
POLL_S = 0.02
app = App(help_format="plaintext")


@dataclass
class Peak:
    """The most that was seen, in bytes: of all processes, of the first one, of the largest of the others."""

    together: int = 0
    parent: int = 0
    worker: int = 0


@app.default
def memory_table(
    *,
    depths: Annotated[list[float], Parameter(consume_multiple=True)] = [30.0, 300.0, 3000.0],  # noqa: B006
    length: int = 100_000,
    workers: Annotated[list[int], Parameter(consume_multiple=True)] = [1, 2],  # noqa: B006
    seed: int = 1,
) -> None:
    """Measure the memory that calling takes at several depths.

    Parameters
    ----------
    depths
        Mean numbers of reads over a position.
    length
        bp of the contig.
    workers
        Numbers of worker processes.
    seed
        Of what is simulated.
    """
    table = Table("depth", "workers", "all processes MB", "parent MB", "one worker MB", "wall s")
    for depth in depths:
        with TemporaryDirectory(prefix="memory-") as folder:
            info(f"Simulating {length:,} bp at {depth:g}x.")
            data = simulate_dataset(Path(folder), length=length, depth=depth, seed=seed)
            for count in workers:
                began = time.monotonic()
                peak = measure(data, Path(folder) / "x.vcf.gz", count)
                sizes = (f"{size / 1e6:.0f}" for size in (peak.together, peak.parent, peak.worker))
                table.add_row(f"{depth:g}x", str(count), *sizes, f"{time.monotonic() - began:.1f}")
    stdout.print(table)


def measure(data: SimulatedDataset, out: Path, workers: int) -> Peak:
    """Call, and look at the processes meanwhile."""
    files = ["--ref", str(data.reference), "--reads", str(data.reads), "--out", str(out)]
    words = [*DVPLUG, "call", "--tech", "illumina-wgs", *files, "--workers", str(workers), "--device", "cpu"]
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


if __name__ == "__main__":
    run(app)
