"""What genomes and cohorts cost, computed from what slices cost; and where the design would break first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dvplug.joint.gvcfs import OPEN_FILES
from dvplug.joint.run import region_bp
from dvplug_lab.costs.measured import Measured

BEGIN, END = "<!-- from tools/cost_table.py -->", "<!-- end of what was computed -->"
COHORTS = (1, 100, 100_000)
GENOME_MB = 2_900.0
"""Of a human genome that reads lie on: GRCh38 without its runs of N."""
EXOME_MB = 60.0
"""Targets of 35 Mb with the reads beside them."""
FILES = 7
"""Of a sample: CRAM, VCF and gVCF with their indexes, report."""
JOINT_S = 0.26
"""CPU seconds of joint genotyping, per sample and Mb (docs/cohort.md)."""
ARGUMENTS_B, PATH_B = 2 << 20, 40 + 1 + 8
"""What Linux gives to the words of a command: a quarter of a stack of 8 MiB; a path of 40 letters, end and address."""
CORES, CLUSTER_CORES = (8, 16, 64), 1_000


@dataclass(frozen=True)
class Prices:
    """What is paid, in whatever currency."""

    core_hour: float = 0.05
    tb_month: float = 20.0


def size_of(row: Measured) -> float:
    """Megabases of a sample."""
    return EXOME_MB if row.technology == "illumina-wes" else GENOME_MB


def cpu_h(row: Measured) -> float:
    """CPU hours of a sample."""
    return (row.start_s + row.cpu_s * size_of(row)) / 3600


def wall_h(row: Measured, cores: int) -> float:
    """Hours of a sample: all cores work all the time, unless the process that writes takes longer than they."""
    writer = row.writer_s * size_of(row)
    return (row.start_s + max(row.cpu_s * size_of(row) / cores, writer)) / 3600


def tb(row: Measured) -> tuple[float, float]:
    """10^12 bytes of a sample: of reads (CRAM), and of what is written (VCF and gVCF)."""
    return row.cram_mb * size_of(row) / 1e6, (row.vcf_kb + row.gvcf_kb) * size_of(row) / 1e9


def one_table(rows: Sequence[Measured]) -> str:
    """Return the table of one sample."""
    heads = [
        "reads", "depth", "CPU h", *(f"h, {cores} cores" for cores in CORES), "CRAM, GB", "VCF, MB", "gVCF, MB",
        "journal, MB", "regions", "to and from workers, GB",
    ]  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"|---|{'--:|' * (len(heads) - 1)}"]
    for row in rows:
        size = size_of(row)
        regions = math.ceil(1e3 * size / row.region_kb)
        cells = [
            f"{row.technology}: {row.reads}", f"{row.depth:.0f}x", _short(cpu_h(row)),
            *(_short(wall_h(row, cores)) for cores in CORES), _short(row.cram_mb * size / 1e3),
            _short(row.vcf_kb * size / 1e3), _short(row.gvcf_kb * size / 1e3), _short(row.journal_kb * size / 1e3),
            f"{regions:,}", _short(regions * (row.request_b + row.answer_b) / 1e9),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def many_table(rows: Sequence[Measured], prices: Prices) -> str:
    """Return the table of cohorts."""
    heads = [
        "samples", "reads", "depth", "calling, CPU h", "joint, CPU h", f"days, {CLUSTER_CORES:,} cores", "CRAM, TB",
        "VCF and gVCF, TB", "files", "calling and joint, money", "storage, money a month",
    ]  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"|--:|---|{'--:|' * (len(heads) - 2)}"]
    for count in COHORTS:
        for row in rows:
            joint = count * size_of(row) * JOINT_S / 3600 if count > 1 else 0.0
            hours, stored = count * cpu_h(row) + joint, count * sum(tb(row))
            reads, written = tb(row)
            cells = [
                f"{count:,}", f"{row.technology}: {row.reads}", f"{row.depth:.0f}x", _short(count * cpu_h(row)),
                _short(joint), _short(hours / CLUSTER_CORES / 24), _short(count * reads), _short(count * written),
                f"{count * FILES:,}", _short(hours * prices.core_hour), _short(stored * prices.tb_month),
            ]  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def limits_table(rows: Sequence[Measured], open_ms: float) -> str:
    """Return the table of what breaks, and when."""
    first = rows[0]
    regions = math.ceil(1e3 * GENOME_MB / first.region_kb)
    opened = {count: _opened(count) for count in (100, 1_000, 10_000, 100_000)}
    journal = max(row.journal_kb * size_of(row) for row in rows) / 1e6
    lines = ["| what | it ends at | by |", "|---|---|---|"]
    for row in rows:
        lines.append(
            f"| one process writes a sample in order ({row.technology}, {row.depth:.0f}x) | "
            f"{_short(row.cpu_s / row.writer_s)} cores for one sample, with a gVCF | {row.writer_s:.2g} of "
            f"{row.cpu_s:.2g} CPU s per Mb are its own; more cores wait for it |"
        )
    lines += [
        f"| the words of a command: `dvplug joint` takes gVCFs by name | {_short(ARGUMENTS_B / PATH_B)} samples | "
        "2 MiB, paths of 40 letters |",
        *(
            f"| joint genotyping opens files again: {OPEN_FILES} stay open | {count:,} samples: {_short(times)} "
            f"openings, {_short(times * open_ms / 3.6e6)} CPU h | {open_ms:.1f} ms each, for its index; "
            f"{_short(count * GENOME_MB * JOINT_S / 3600)} CPU h is the genotyping itself |"
            for count, times in opened.items()
        ),
        f"| requests for regions, if one scheduler had them all | 100,000 samples: {_short(1e5 * regions)} regions, "
        f"{_short(1e5 * regions * (first.request_b + first.answer_b) / 1e12)} TB | {first.request_b:,.0f} B to a "
        f"worker and {first.answer_b:,.0f} B back, for each |",
        f"| objects of a store or a folder | 100,000 samples: {1e5 * FILES:,.0f} | {FILES} of a sample: a folder for "
        "each thousand samples |",
        f"| a journal, beside the output until that is whole | {_short(journal)} GB | of the sample that has most; "
        f"{CLUSTER_CORES // 8} samples at a time: {_short(journal * CLUSTER_CORES / 8)} GB |",
    ]
    return "\n".join(lines)


def _opened(count: int) -> float:
    """How often `dvplug joint` opens a gVCF for a whole genome, in one process."""
    regions = math.ceil(1e6 * GENOME_MB / region_bp(count))
    return OPEN_FILES + regions * (count - OPEN_FILES) if count > OPEN_FILES else count


def _short(number: float) -> str:
    if number >= 1_000:
        return f"{float(f'{number:.3g}'):,.0f}"
    return f"{number:.3g}" if number >= 1 else f"{number:.2g}"


def computed(rows: Sequence[Measured], open_ms: float, prices: Prices) -> str:
    """Return what stands between the marks of docs/costs.md."""
    parts = (
        ("One sample", one_table(rows)),
        ("1, 100 and 100,000 samples", many_table(rows, prices)),
        ("Where it ends", limits_table(rows, open_ms)),
    )
    return "\n\n".join(f"## {title}\n\n{table}" for title, table in parts)


def between(page: str, marks: tuple[str, str], text: str) -> str:
    """Return a page with a text between its marks."""
    before, _, rest = page.partition(marks[0])
    return f"{before}{marks[0]}\n{text}\n{marks[1]}{rest.partition(marks[1])[2]}"
