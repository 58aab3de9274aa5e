"""Run other callers, and dvplug itself, as a user would: one command line each."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import pysam

from dvplug.errors import DvplugError
from dvplug.line.region import Region

Command = list[str]
DVPLUG: Command = [sys.executable, "-c", "from dvplug.cli import main; main()"]
"""The command of this very environment, installed or not."""


def require(*programs: str) -> None:
    """Raise DvplugError unless these programs can be run."""
    absent = [program for program in programs if not shutil.which(program)]
    if absent:
        raise DvplugError(
            f"{' and '.join(absent)} cannot be found",
            cause="dvplug is compared with it",
            repair=f"Install it (apt-get install {' '.join(absent)}, or from bioconda), or leave it out.",
        )


def run(pipeline: Sequence[Command]) -> None:
    """Run commands, each fed by the one before; raises DvplugError with what it said when one fails."""
    with ExitStack() as stack:
        said = [stack.enter_context(TemporaryFile()) for _ in pipeline]
        processes = start(pipeline, said)
        for process, command, text in zip(processes, pipeline, said, strict=True):
            if process.wait():
                text.seek(0)
                cause = text.read().decode().strip()[-1000:]
                raise DvplugError(f"{' '.join(command[:4])} ... failed", cause=cause)


def start(pipeline: Sequence[Command], stderrs: Sequence[IO[bytes] | int]) -> list[subprocess.Popen[bytes]]:
    """Start commands, each fed by the one before; what the last one prints is lost."""
    processes: list[subprocess.Popen[bytes]] = []
    for number, (command, stderr) in enumerate(zip(pipeline, stderrs, strict=True), 1):
        source = processes[-1].stdout if processes else None
        target = subprocess.PIPE if number < len(pipeline) else subprocess.DEVNULL
        processes.append(subprocess.Popen(command, stdin=source, stdout=target, stderr=stderr))
        if source:
            source.close()  # so that a writer learns when its reader is gone
    return processes


BCFTOOLS_PRESETS = {"pacbio": ["-X", "pacbio-ccs"], "ont": ["-X", "ont"]}
"""Options of `bcftools mpileup` by technology."""
FREEBAYES_OPTIONS = {"ont": ["--min-alternate-fraction", "0.2"]}
"""By technology. With the default of 0.05 it weighs so many errors of ONT reads that 1 Mb takes an hour; on the real
set it makes fewer errors this way, not more."""


def bcftools(
    reference: Path, reads: Path, out: Path, where: Sequence[Region] = (), tech: str = ""
) -> list[Command]:
    """Return `bcftools mpileup | call -mv`, nothing filtered, in these regions or everywhere."""
    regions = ["-r", ",".join(map(str, where))] if where else []
    return [
        [
            "bcftools",
            "mpileup",
            "-Ou",
            *BCFTOOLS_PRESETS.get(tech, []),
            "-f",
            str(reference),
            *regions,
            str(reads),
        ],
        ["bcftools", "call", "-mv", "-Oz", "-o", str(out)],
    ]


def freebayes(
    reference: Path, reads: Path, out: Path, where: Sequence[Region], targets: Path, tech: str = ""
) -> list[Command]:
    """Return `freebayes`, filtered by QUAL > 20; writes the regions to ``targets``, as it wants a BED file.

    The reference must not be compressed.
    """
    targets.write_text("".join(f"{contig}\t{start}\t{end}\n" for contig, start, end in where))
    return [
        ["freebayes", *FREEBAYES_OPTIONS.get(tech, []), "-f", str(reference), "-t", str(targets), str(reads)],
        ["bcftools", "view", "-i", "QUAL>20", "-Oz", "-o", str(out)],
    ]


def dvplug(
    tech: str,
    reference: Path,
    reads: Path,
    out: Path,
    where: Sequence[Region] = (),
    *,
    model: str | None = None,
    workers: int = 1,
    keep_ref_calls: bool = False,
) -> list[Command]:
    """Return `dvplug call` on the CPU, of whatever technology: reads are called as another's on purpose, too."""
    words = ["call", "--tech", tech, "--ref", str(reference), "--reads", str(reads), "--out", str(out)]
    words += ["--device", "cpu", "--workers", str(workers), "--force"]
    words += ["--regions", *map(str, where)] if where else []
    words += ["--model", model] if model else []
    words += ["--keep-ref-calls"] if keep_ref_calls else []
    return [[*DVPLUG, *words]]


def plain_fasta(reference: Path, folder: Path) -> Path:
    """Return an uncompressed, indexed copy of a reference, or itself when it is not compressed."""
    if reference.suffix not in (".gz", ".bgz"):
        return reference
    plain = folder / reference.stem
    if not plain.exists():
        with pysam.FastaFile(str(reference)) as fasta, plain.open("w") as out:
            for contig in fasta.references:
                sequence = fasta.fetch(contig)
                out.write(f">{contig}\n")
                out.writelines(f"{sequence[i : i + 100]}\n" for i in range(0, len(sequence), 100))
        pysam.faidx(str(plain))
    return plain
