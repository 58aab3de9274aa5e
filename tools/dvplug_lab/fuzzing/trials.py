"""Break inputs one after another, run what takes them, and count what becomes of them."""

from __future__ import annotations

import gzip
import random
import shutil
from collections import Counter
from pathlib import Path

import pysam
from rich.table import Table

from dvplug.errors import DvplugError
from dvplug.system.console import info
from dvplug.system.rich_console import stdout
from dvplug_lab.fuzzing.inputs import COMMANDS, KINDS, Kind, make_inputs
from dvplug_lab.fuzzing.judge import Verdict, judge

BROKEN_READS = {
    "call": "reads.bam",
    "call stored BAM": "stored.bam",
    "call odd BAM": "odd.bam",
    "call CRAM": "reads.cram",
}
RIGHT = ("done", "refused")
WRONG = ("crash", "traceback", "hang", "invalid output", "output left", "half-true")


def run_inputs(
    folder: Path, numbers: list[int], seed: int, timeout_s: float, keep: Path | None = None
) -> dict[str, Counter[str]]:
    """Run broken inputs; returns the verdicts by kind, and tells those that are wrong on stderr."""
    whole = folder / "whole"
    make_inputs(whole, seed)
    for name, command in COMMANDS.items():
        # The forked processes then find all code loaded and all kernels compiled.
        verdict = judge_whole(name, folder, whole, timeout_s)
        if verdict.name != "done":
            raise DvplugError(f"{name}: even the whole input fails", cause=verdict.text)
        (folder / name).mkdir()
        command(whole, folder / name / "out.vcf.gz")
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for number in numbers:
        kind = list(KINDS)[number % len(KINDS)]
        verdict = run_one(folder, whole, kind, random.Random(f"{seed} {number}"), timeout_s)
        counts[kind][verdict.name] += 1
        if verdict.name not in RIGHT:
            info(f"input {number}, {kind}: {verdict.name}\n{verdict.text[-1500:]}")
            if keep:
                shutil.copytree(folder / "broken", keep / str(number), dirs_exist_ok=True)
    return counts


def judge_whole(name: str, folder: Path, whole: Path, timeout_s: float) -> Verdict:
    """Run a command on the inputs as they are."""
    return judge(lambda out: COMMANDS[name](whole, out), folder, 10 * timeout_s)


def run_one(folder: Path, whole: Path, kind: str, draw: random.Random, timeout_s: float) -> Verdict:
    """Break one file of a copy of the inputs, and run what takes it."""
    broken, of_kind = folder / "broken", KINDS[kind]
    shutil.rmtree(broken, ignore_errors=True)
    shutil.copytree(whole, broken)
    path = broken / of_kind.file
    path.write_bytes(of_kind.broken(path.read_bytes(), draw))
    of_kind.afterwards(path)
    verdict = judge(lambda out: COMMANDS[of_kind.command](broken, out), broken, timeout_s)
    if verdict.name == "done" and of_kind.same:
        expected, found = (calls(of / "out.vcf.gz") for of in (folder / of_kind.command, broken / "results"))
        if found != expected:
            return Verdict(
                "invalid output", f"{len(found)} lines in place of {len(expected)}\n{verdict.text}"
            )
    if verdict.name == "done" and of_kind.alignments:
        return _compared(folder, broken, of_kind, verdict, timeout_s)
    return verdict


def _compared(folder: Path, broken: Path, kind: Kind, verdict: Verdict, timeout_s: float) -> Verdict:
    """Call what samtools reads of the broken reads, and compare: some of the records would be a half-truth."""
    found = lines(broken / "results" / "out.vcf.gz")
    reads = broken / BROKEN_READS[kind.command]
    rewritten = judge(lambda out: _rewrite(reads, broken / "reference.fa", out.parent), broken, timeout_s)
    if rewritten.name != "done":
        return Verdict(
            "half-true", f"{len(found)} records of reads that samtools cannot read\n{rewritten.text}"
        )
    again = folder / "again"
    shutil.rmtree(again, ignore_errors=True)
    shutil.copytree(broken, again, ignore=shutil.ignore_patterns("results"))
    for name in ("reads.bam", "reads.bam.bai"):
        shutil.move(broken / "results" / name, again / name)
    expected = judge(lambda out: COMMANDS["call"](again, out), again, timeout_s)
    records = lines(again / "results" / "out.vcf.gz") if expected.name == "done" else []
    if records != found:
        return Verdict(
            "half-true", f"{len(found)} records in place of {len(records)}\n{verdict.text}\n{expected.text}"
        )
    return verdict


def _rewrite(reads: Path, reference: Path, folder: Path) -> None:
    """Write all that samtools reads of a file as a whole BAM; what it cannot read is an error."""
    try:
        pysam.view(
            "-T", str(reference), "-b", "-o", str(folder / "reads.bam"), str(reads), catch_stdout=False
        )
        pysam.index(str(folder / "reads.bam"))
    except pysam.SamtoolsError as error:
        raise DvplugError("samtools cannot read it", cause=str(error)) from error


def lines(vcf: Path) -> list[bytes]:
    """Return the records of a VCF."""
    return [line for line in gzip.decompress(vcf.read_bytes()).splitlines() if not line.startswith(b"#")]


def calls(vcf: Path) -> list[tuple[bytes, ...]]:
    """Return place, alleles and genotype of each record.

    How sure they are goes by the run's profile, which is measured where an index says that reads are: with a damaged
    one, elsewhere.
    """
    fields = (line.split(b"\t") for line in lines(vcf))
    return [(*of[:2], *of[3:5], of[9].partition(b":")[0]) for of in fields]


def show(counts: dict[str, Counter[str]]) -> None:
    """Print the verdicts by kind."""
    table = Table("what is broken", "inputs", *RIGHT, *WRONG)
    total: Counter[str] = Counter()
    for kind, of_kind in counts.items():
        total += of_kind
        table.add_row(kind, str(of_kind.total()), *(str(of_kind[name]) for name in (*RIGHT, *WRONG)))
    table.add_row("all", str(total.total()), *(str(total[name]) for name in (*RIGHT, *WRONG)))
    stdout.print(table)
