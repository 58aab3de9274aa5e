"""What calls of real slices cost, per Mb: measured, and as the table of docs/performance.md."""

from __future__ import annotations

import gzip
import json
import os
import re
import statistics
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass, fields
from pathlib import Path

import pysam

from dvplug.errors import DvplugError
from dvplug.plugins.loading import installed_plugins
from dvplug_lab.costs.slices import Slice
from dvplug_lab.places import REPOSITORY, SHARED
from dvplug_lab.speed.laid_out import lay_out

BEGIN, END = "<!-- from tools/cost_table.py measure -->", "<!-- end of what was measured -->"
INDEX = re.compile(r"index of the gVCF of a whole genome takes ([\d.]+) ms")
REPEATS = 1
MEGABASES = 2.0
"""That slices are laid on: what a run takes but for its reads shows less then."""


@dataclass(frozen=True)
class Measured:
    """One row. Sizes are of what was written, without headers; megabases are those that reads lie on."""

    reads: str
    technology: str
    depth: float  # aligned bases per covered position
    cpu_s: float  # of everything after the start, per Mb
    start_s: float  # CPU of a run but for what each Mb costs
    writer_s: float  # of the process that was started, from the first result on, per Mb
    cram_mb: float  # 10^6 bytes per Mb
    vcf_kb: float  # 10^3 bytes per Mb
    gvcf_kb: float  # 10^3 bytes per Mb
    journal_kb: float  # 10^3 bytes per Mb
    request_b: float  # bytes to a worker of a cluster, for each region
    answer_b: float  # bytes back, for each region
    region_kb: float  # 10^3 bp of a region of a whole genome


_HEADS = (
    "reads", "technology", "depth", "CPU s", "start, CPU s", "writer, CPU s", "CRAM, MB", "VCF, kB", "gVCF, kB",
    "journal, kB", "to a worker, B", "from a worker, B", "region, kb",
)  # fmt: skip


def table(rows: list[Measured]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(_HEADS)} |", f"|---|---|{'--:|' * (len(_HEADS) - 2)}"]
    for row in rows:
        cells = [getattr(row, field.name) for field in fields(row)]
        lines.append(f"| {' | '.join(one if isinstance(one, str) else f'{one:.3g}' for one in cells)} |")
    return "\n".join(lines)


def parsed(page: str) -> list[Measured]:
    """Read the rows of a page that has the table between its marks; raises ValueError where there is none."""
    lines = page.partition(BEGIN)[2].partition(END)[0].split("\n")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    if not rows or tuple(rows[0]) != _HEADS:
        raise ValueError(f"no table of {', '.join(_HEADS)} between {BEGIN} and {END}")
    return [Measured(name, technology, *map(float, numbers)) for name, technology, *numbers in rows[2:]]


def index_open(page: str) -> float:
    """Read the milliseconds of `index_open_ms` on a page that has them; raises ValueError where it does not."""
    found = INDEX.search(page)
    if not found:
        raise ValueError("the page does not say what opening an index takes")
    return float(found[1])


def measure(one: Slice, folder: Path, shared: Path = SHARED) -> Measured:
    """Call a slice a few times, and take the middle of what it cost."""
    laid = lay_out(one, MEGABASES, folder, shared)
    reference, reads = laid.reference, laid.reads
    _call(one, reads, reference, folder)  # compiles what is not, and reads the files into memory
    runs = [_call(one, reads, reference, folder) for _ in range(REPEATS)]
    written, region = runs[0], installed_plugins().technology(one.technology).partition_size
    covered = written["covered_bp"] / 1e6

    def middle(name: str) -> float:
        return statistics.median(run[name] for run in runs)

    writer, called = middle("writer_s"), middle("called_s")
    return Measured(
        one.name, one.technology, laid.depth, (called + writer) / covered,
        middle("cpu_s") - called - writer, writer / covered, _cram_size(reads, reference) / 1e6 / covered,
        _body_size(folder / "calls.vcf.gz") / 1e3 / covered, _body_size(folder / "calls.g.vcf.gz") / 1e3 / covered,
        written["journal"] / 1e3 / covered, written["request"], written["answers"] / (1e6 * covered) * region,
        region / 1e3,
    )  # fmt: skip


def _call(one: Slice, reads: Path, reference: Path, folder: Path) -> dict[str, float]:
    log, figures = folder / "run.jsonl", folder / "figures.json"
    log.unlink(missing_ok=True)
    words = [
        sys.executable, "-m", "dvplug_lab.costs.counted_call", str(figures), "call", "--tech", one.technology,
        "--ref", str(reference), "--reads", str(reads), "--force", "--device", "cpu",
        "--workers", "1", "--out", str(folder / "calls.vcf.gz"), "--gvcf", str(folder / "calls.g.vcf.gz"),
        "--log-json", str(log),
    ]  # fmt: skip
    paths = [str(REPOSITORY / "tools"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise DvplugError(f"{' '.join(words)} ended with {done.returncode}", cause=done.stderr)
    *_, counts = (
        event for event in map(json.loads, log.read_text().splitlines()) if event["event"] == "counts"
    )
    return {**json.loads(figures.read_text()), "covered_bp": counts["covered_bp"]}


def _cram_size(reads: Path, reference: Path) -> int:
    out = reads.with_suffix(".cram")
    with (
        pysam.AlignmentFile(str(reads)) as given,
        pysam.AlignmentFile(str(out), "wc", template=given, reference_filename=str(reference)) as cram,
    ):
        for read in given:
            cram.write(read)
    return out.stat().st_size


def _body_size(vcf: Path) -> int:
    """Bytes of the records of a VCF, as BGZF packs them, but for the heads of its blocks."""
    lines = gzip.decompress(vcf.read_bytes()).splitlines(keepends=True)
    return len(zlib.compress(b"".join(line for line in lines if not line.startswith(b"#")), 6))


def index_open_ms(folder: Path) -> float:
    """Measure what it takes to open the index of a gVCF of a whole genome, in CPU milliseconds."""
    path, step = folder / "whole.g.vcf", 16_000
    with path.open("w") as file:
        file.write('##fileformat=VCFv4.2\n##INFO=<ID=END,Number=1,Type=Integer,Description="End">\n')
        file.writelines(f"##contig=<ID=chr{i}>\n" for i in range(1, 25))
        file.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for i in range(1, 25):
            file.writelines(
                f"chr{i}\t{at}\t.\tA\t<*>\t.\t.\tEND={at + step - 1}\n" for at in range(1, 121_000_000, step)
            )
    packed = pysam.tabix_index(str(path), preset="vcf", force=True)
    began, opened = time.process_time(), 20
    for _ in range(opened):
        pysam.TabixFile(packed).close()
    return 1e3 * (time.process_time() - began) / opened
