"""CPU per Mb of real reads, beside other callers, another version of dvplug, and the floor: only to decode them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dvplug.system.console import info
from dvplug_lab.commands import DVPLUG, Command
from dvplug_lab.comparison import peers
from dvplug_lab.costs.slices import CHR20, SLICES, Slice
from dvplug_lab.speed.laid_out import LaidOut, lay_out
from dvplug_lab.speed.processes import Cost, measure

BEGIN, END = "<!-- from tools/benchmark_real.py -->", "<!-- end of real reads -->"
LARGE_MB, SMALL_MB = 3.0, 0.2
"""The cost per Mb is what the larger costs more than the smaller: beyond the start-up."""
_BY_NAME = {one.name: one for one in SLICES}
SETS = (
    replace(_BY_NAME["HiSeq X, 0.4 of it"], name="30x"),
    replace(_BY_NAME["HiSeq X"], name="80x"),
    replace(_BY_NAME["HiFi, Sequel II"], name="hifi"),
    Slice(
        "hifi-35x", "pacbio", "pacbio/HG003_GRCh38.hifi_sequel.chr20_9.0-9.1M.35x.bam", CHR20,
        ("chr20:9000000-9100000",),
    ),
    replace(_BY_NAME["R10"], name="ont"),
)  # fmt: skip


@dataclass(frozen=True)
class PerMegabase:
    """What one program costs on one set."""

    program: str
    reads: str
    depth: float
    cpu_s: float
    """Per Mb beyond the start-up."""
    start_s: float
    """CPU of the start-up: what is left of the smaller set."""
    peak_mb: float
    """Resident memory of the largest process."""


def programs(
    laid: LaidOut, tech: str, folder: Path, others: Mapping[str, Path], names: Sequence[str]
) -> dict[str, tuple[list[Command], dict[str, str]]]:
    """Return the commands, by name, each with the variables it is run with.

    Parameters
    ----------
    others
        Trees of other versions of dvplug, by name.
    """
    ours = peers.dvplug(tech, laid.reference, laid.reads, folder / "dvplug.vcf.gz")
    gvcf = [[*ours[0], "--gvcf", str(folder / "dvplug.g.vcf.gz")]]
    floor: list[Command] = [["samtools", "view", "-u", "-o", os.devnull, str(laid.reads)]]
    bcftools = peers.bcftools(laid.reference, laid.reads, folder / "bcftools.vcf.gz", tech=tech)
    found: dict[str, tuple[list[Command], dict[str, str]]] = {"dvplug": (ours, {}), "gvcf": (gvcf, {})}
    for name, tree in others.items():
        roots = os.pathsep.join(str(tree / root) for root in ("core", "registry", "plugins"))
        out = str(folder / f"{name}.vcf.gz")
        command = [*DVPLUG, "call", *ours[0][len(DVPLUG) + 1 :]]
        command[command.index("--out") + 1] = out
        found[name] = (
            [command],
            {"PYTHONPATH": roots, "NUMBA_CACHE_DIR": str(folder.parent / f"cache-{name}")},
        )
    found |= {"bcftools": (bcftools, {}), "floor": (floor, {})}
    return {name: one for name, one in found.items() if name in (*names, *others)}


def measure_set(
    one: Slice, folder: Path, names: Sequence[str], others: Mapping[str, Path], repeats: int
) -> list[PerMegabase]:
    """Measure all programs on a set, in turns, and take the median of each."""
    info(f"Laying out {one.name}")
    large = lay_out(one, LARGE_MB, folder / one.name / "large")
    small = lay_out(one, SMALL_MB, folder / one.name / "small")
    runs: dict[tuple[str, bool], list[Cost]] = {}
    for turn in range(repeats + 1):  # the first compiles, and reads the files into memory
        for laid in (small, large):
            if laid is large and not turn:
                continue
            running = programs(laid, one.technology, folder, others, names)
            # While another one took minutes, the system may have dropped what the first one reads: not its cost.
            measure(*next(iter(running.values())))
            for name, (pipeline, variables) in running.items():
                cost = measure(pipeline, variables)
                if turn:
                    runs.setdefault((name, laid is large), []).append(cost)
        info(f"{one.name}: turn {turn} of {repeats}")
    found = []
    for name in programs(large, one.technology, folder, others, names):
        most, least = (statistics.median(c.cpu_s for c in runs[name, size]) for size in (True, False))
        each = (most - least) / (large.megabases - small.megabases)
        peak = statistics.median(max(cost.peak_mb, default=0) for cost in runs[name, True])
        found.append(PerMegabase(name, one.name, large.depth, each, least - each * small.megabases, peak))
    return found


def table(rows: Sequence[PerMegabase]) -> str:
    """Return a Markdown table; ratios are of dvplug's own cost on the same reads."""
    ours = {row.reads: row.cpu_s for row in rows if row.program == "dvplug"}
    lines = [
        "| reads | depth | program | CPU s per Mb | of dvplug's | start, CPU s | peak MB |",
        "|---|--:|---|--:|--:|--:|--:|",
    ]
    for row in rows:
        ratio = f"{row.cpu_s / ours[row.reads]:.2f}" if row.reads in ours else ""
        cells = (
            row.reads, f"{row.depth:.0f}", row.program, f"{row.cpu_s:.3f}", ratio, f"{row.start_s:.2f}",
            f"{row.peak_mb:.0f}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def keep(history: Path, rows: Sequence[PerMegabase], tree: Path) -> None:
    """Add figures to a history, a line of JSON for each, with the commit they were measured at."""
    commit = subprocess.run(
        ["git", "-C", str(tree), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    with history.open("a") as file:
        file.writelines(json.dumps({"commit": commit, **asdict(row)}) + "\n" for row in rows)
