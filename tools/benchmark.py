"""Measure the speed and memory of dvplug beside bcftools, on the same reads and cores (Linux).

    python tools/benchmark.py
    python tools/benchmark.py --parts call stages --reads my.bam --ref my.fa --json FILE

Without `--reads`, 4 Mb at 30x of 2x150 are simulated once (as by `build_training_reads.py benchmark`, with bwa).
Kernels are compiled, and all code is loaded once, before anything is timed; what that costs is a figure of its
own. CPU time hardly depends on what else the machine does; wall time does.
"""

from __future__ import annotations

import json as json_format
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from cyclopts import App, Parameter

from dvplug.errors import InputError
from dvplug.genome.reference import Reference
from dvplug.genome.regions import resolve_regions
from dvplug.system.console import info
from dvplug_lab.places import REPOSITORY, SHARED
from dvplug_lab.script import run
from dvplug_lab.speed.benchmark import MEASURES, Job, Part, simulated

PARTS: tuple[Part, ...] = ("call", "stages", "kernels", "depth", "startup")
app = App(help=__doc__, help_format="plaintext")


@app.default
def main(
    *,
    parts: Annotated[list[Part], Parameter(consume_multiple=True)] = list(PARTS),  # noqa: B006
    ref: Path | None = None,
    reads: Path | None = None,
    regions: Annotated[list[str], Parameter(consume_multiple=True)] = [],  # noqa: B006
    data: Path = REPOSITORY / "build" / "benchmark",
    shared: Path = SHARED,
    tech: str = "illumina-wgs",
    model: str | None = None,
    json: Path | None = None,
) -> None:
    """Measure the speed and memory of dvplug beside bcftools, on the same reads and cores.

    Parameters
    ----------
    parts
        call: CPU, time and memory beside bcftools. stages: where the CPU time goes. kernels: time per read and
        image. depth: memory at 1,000x. startup: how soon light commands answer.
    ref
        Reference of --reads.
    reads
        BAM to call in place of the simulated one.
    regions
        Where to call; everywhere by default.
    data
        Folder of the simulated reads, which are made when they are not there.
    shared
        Folder of the real data that they are simulated from.
    tech
        Technology of the reads.
    model
        Model, in place of the technology's own.
    json
        File to write all figures to.
    """
    if (ref is None) != (reads is None):
        raise InputError("--ref and --reads belong together")
    if ref is None or reads is None:
        ref, reads = simulated(data, shared)
    with Reference.open(ref) as reference:
        where = resolve_regions(regions, (), reference.lengths) if regions else []
    with TemporaryDirectory(prefix="benchmark-") as temporary:
        job = Job(tech, model, ref, reads, where, Path(temporary))
        for part in parts:
            info(f"Measuring: {part}")
            MEASURES[part](job)
    if json:
        json.write_text(json_format.dumps(job.figures, indent=2) + "\n")


if __name__ == "__main__":
    run(app)
