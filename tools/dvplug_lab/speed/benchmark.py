"""Speed and memory of dvplug beside bcftools, on the same reads and cores (Linux).

Kernels are compiled, and all code is loaded once, before anything is timed; what that costs is a figure of its own. CPU
time hardly depends on what else the machine does; wall time does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pysam
from rich.table import Table

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.errors import InputError
from dvplug.genome.reference import Reference
from dvplug.genome.regions import partitions, resolve_regions, skip_n_runs
from dvplug.line.region import Region
from dvplug.line.result import STAGES
from dvplug.plugins.loading import installed_plugins
from dvplug.simulate import simulate_dataset
from dvplug.system.console import info
from dvplug.system.rich_console import stderr, stdout
from dvplug_lab.commands import DVPLUG, Command, require
from dvplug_lab.comparison import peers
from dvplug_lab.speed.kernels import time_kernels
from dvplug_lab.speed.processes import Cost, answer_times, measure
from dvplug_lab.training_reads.build import build_benchmark

Part = Literal["call", "stages", "depth", "startup", "kernels"]
DEEP_DEPTH, DEEP_LIMIT_MB = 1000.0, 500
START_UPS = (["--help"], ["plugins", "list"], ["registry", "list"])
KERNEL_REGIONS = 10


@dataclass
class Job:
    """What is measured."""

    tech: str
    model: str | None
    reference: Path
    reads: Path
    regions: list[Region]
    folder: Path
    figures: dict[str, Any] = field(default_factory=dict)

    def dvplug_commands(self, workers: int, name: str = "dvplug", *, gvcf: bool = False) -> list[Command]:
        """Return the command that calls these reads, as a pipeline of one."""
        out = self.folder / f"{name}.vcf.gz"
        where = self.regions
        command = peers.dvplug(
            self.tech, self.reference, self.reads, out, where, model=self.model, workers=workers
        )
        if gvcf:
            command[0] += ["--gvcf", str(self.folder / f"{name}.g.vcf.gz")]
        return command


def simulated(data: Path, shared: Path) -> tuple[Path, Path]:
    """Return reference and reads of the simulated benchmark, made when absent."""
    if not (data / "done.txt").is_file():
        if data.name != "benchmark":
            raise InputError(
                f"'{data}' has no simulated reads", repair="A folder called 'benchmark' can be made."
            )
        info(f"Simulating reads into {data}: this takes some minutes, once.")
        build_benchmark(shared, data.parent, threads=2)
    return data / "ref.fa", data / "reads.bam"


def measure_call(job: Job) -> None:
    """Time bcftools and dvplug on one and two workers."""
    require("bcftools")
    first, warm = first_run(job)
    pipelines = {
        "bcftools mpileup | call": peers.bcftools(
            job.reference, job.reads, job.folder / "bcftools.vcf.gz", job.regions
        ),
        "dvplug, 1 worker": job.dvplug_commands(1),
        "dvplug, 2 workers": job.dvplug_commands(2),
        "dvplug, 1 worker, gVCF too": job.dvplug_commands(1, gvcf=True),
        "dvplug, 2 workers, gVCF too": job.dvplug_commands(2, gvcf=True),
    }
    table = Table("", "CPU s", "of bcftools", "wall s", "of bcftools", "peak MB per process", title="Calling")
    # bcftools last: while it runs for minutes, the system may drop what dvplug was about to read.
    costs = {name: measure(pipeline) for name, pipeline in reversed(pipelines.items())}
    base = costs["bcftools mpileup | call"]
    for name in pipelines:
        cost = costs[name]
        table.add_row(
            name,
            f"{cost.cpu_s:.1f}",
            f"{cost.cpu_s / base.cpu_s:.2f}",
            f"{cost.wall_s:.1f}",
            f"{cost.wall_s / base.wall_s:.2f}",
            ", ".join(f"{peak:.0f}" for peak in cost.peak_mb),
        )
    stdout.print(table)
    stdout.print(
        f"The very first run compiles the kernels: {first.cpu_s - warm.cpu_s:.0f} s of CPU more, "
        f"{first.wall_s - warm.wall_s:.0f} s of waiting, once. A small region takes {warm.wall_s:.1f} s when warm."
    )
    job.figures["call"] = {name: asdict(cost) for name, cost in costs.items()}
    job.figures["call"]["compile"] = {"first": asdict(first), "second": asdict(warm)}


def first_run(job: Job) -> tuple[Cost, Cost]:
    """Call a small region twice with an empty kernel cache, then once to warm up the usual one."""
    small = Job(job.tech, job.model, job.reference, job.reads, busy_partitions(job)[:1], job.folder)
    with TemporaryDirectory(prefix="kernels-") as cache:
        first, second = (
            measure(small.dvplug_commands(1, "small"), {"NUMBA_CACHE_DIR": cache}) for _ in range(2)
        )
    measure(small.dvplug_commands(1, "small"))
    return first, second


def busy_partitions(job: Job) -> list[Region]:
    """Return the partitions that have reads, as the engine cuts them."""
    size = installed_plugins().technology(job.tech).partition_size
    with Reference.open(job.reference) as reference:
        everywhere = job.regions or resolve_regions((), (), reference.lengths)
        parts = skip_n_runs(partitions(everywhere, size), reference)
    with pysam.AlignmentFile(str(job.reads)) as alignments:
        return [part for part in parts if next(alignments.fetch(*part), None) is not None]


def measure_stages(job: Job) -> None:
    """Show where the CPU time goes, in this process."""
    options = CallOptions(
        job.tech, job.reference, (job.reads,), str(job.folder / "stages.vcf.gz"),
        tuple(map(str, job.regions)), model=job.model, device="cpu",
    )  # fmt: skip
    part = busy_partitions(job)[0]
    with quiet():
        call_variants(CallOptions(**{**vars(options), "regions": (str(part),)}))  # loads kernels and network
        began = time.process_time()
        result = call_variants(options)
        total = time.process_time() - began
    seconds: dict[str, float] = {stage: result.seconds[stage] for stage in STAGES}
    seconds["other"] = total - sum(seconds.values())
    table = Table("stage", "CPU s", "share", "each", title="Where the CPU time goes, 1 worker, warm")
    counts = {
        "decode": result.reads,
        "realign": result.reads,
        "count": result.reads,
        "encode": result.images,
        "infer": result.images,
    }
    for stage, spent in seconds.items():
        each = f"{1e6 * spent / counts[stage]:.1f} us" if counts.get(stage) else ""
        unit = "" if not each else " per image" if stage in ("encode", "infer") else " per read"
        table.add_row(stage, f"{spent:.2f}", f"{spent / total:.0%}", each + unit)
    stdout.print(table)
    stdout.print(f"{result.reads:,} reads, {result.candidates:,} candidates, {result.images:,} images.")
    job.figures["stages"] = {
        "seconds": seconds,
        "total": total,
        "reads": result.reads,
        "candidates": result.candidates,
        "images": result.images,
    }


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the status lines of a call off the terminal."""
    before = stderr.quiet
    stderr.quiet = True
    try:
        yield
    finally:
        stderr.quiet = before


def measure_kernels(job: Job) -> None:
    """Time each step over some partitions."""
    parts = busy_partitions(job)
    chosen = parts[:: max(1, len(parts) // KERNEL_REGIONS)][:KERNEL_REGIONS]
    times = time_kernels(job.tech, job.model, job.reference, job.reads, chosen)
    table = Table("step", "us", "per", "units", title=f"Steps alone, over {len(chosen)} partitions")
    for kernel in times:
        table.add_row(kernel.name, f"{kernel.each_us:.3f}", kernel.unit, f"{kernel.count:,}")
    stdout.print(table)
    job.figures["kernels"] = {kernel.name: {**asdict(kernel), "us": kernel.each_us} for kernel in times}


def measure_memory_at_depth(job: Job) -> None:
    """Print and keep, as "depth", the memory that a call with two workers takes on 20 kb covered 1,000 times."""
    data = simulate_dataset(job.folder / "deep", length=20_000, depth=DEEP_DEPTH, seed=11)
    deep = Job(job.tech, job.model, data.reference, data.reads, regions=[], folder=job.folder)
    cost = measure(deep.dvplug_commands(2, "deep"))
    verdict = "under" if cost.peak_mb[0] < DEEP_LIMIT_MB else "OVER"
    stdout.print(
        f"At {DEEP_DEPTH:,.0f}x the largest process took {cost.peak_mb[0]:.0f} MB, {verdict} {DEEP_LIMIT_MB} MB; "
        f"the most that was one's own was {cost.private_mb[0]:.0f} MB; 20 kb took {cost.cpu_s:.1f} s of CPU."
    )
    job.figures["depth"] = asdict(cost)


def measure_startup(job: Job) -> None:
    """Time the light commands."""
    table = Table("command", "wall s", "CPU s", title="Start-up, medians of 5")
    job.figures["startup"] = {}
    for words in START_UPS:
        wall_s, cpu_s = answer_times([*DVPLUG, *words])
        job.figures["startup"][" ".join(words)] = {"wall_s": wall_s, "cpu_s": cpu_s}
        table.add_row(f"dvplug {' '.join(words)}", f"{wall_s:.2f}", f"{cpu_s:.2f}")
    stdout.print(table)


MEASURES: dict[Part, Callable[[Job], None]] = {
    "call": measure_call,
    "stages": measure_stages,
    "kernels": measure_kernels,
    "depth": measure_memory_at_depth,
    "startup": measure_startup,
}
