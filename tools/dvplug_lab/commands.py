"""Run programs as a user would, alone or in pipelines: dvplug itself, aligners, other callers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from dvplug.errors import DvplugError

Command = list[str]
DVPLUG: Command = [sys.executable, "-c", "from dvplug.cli import main; main()"]
"""The command of this very environment, installed or not."""


def dvplug_call(
    reference: Path, reads: Path, out: Path, *more: str, workers: int, tech: str = "illumina-wgs"
) -> Command:
    """Return `dvplug call` on the CPU."""
    files = ["--ref", str(reference), "--reads", str(reads), "--out", str(out)]
    return [*DVPLUG, "call", "--tech", tech, *files, "--workers", str(workers), "--device", "cpu", *more]


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


def start(
    pipeline: Sequence[Command],
    stderrs: Sequence[IO[bytes] | int],
    environment: Mapping[str, str] | None = None,
) -> list[subprocess.Popen[bytes]]:
    """Start commands, each fed by the one before; what the last one prints is lost.

    Parameters
    ----------
    stderrs
        Where each command's messages go.
    environment
        All variables of the commands; this process's own when not given.
    """
    processes: list[subprocess.Popen[bytes]] = []
    for number, (command, stderr) in enumerate(zip(pipeline, stderrs, strict=True), 1):
        source = processes[-1].stdout if processes else None
        target = subprocess.PIPE if number < len(pipeline) else subprocess.DEVNULL
        processes.append(
            subprocess.Popen(command, stdin=source, stdout=target, stderr=stderr, env=environment)
        )
        if source:
            source.close()  # so that a writer learns when its reader is gone
    return processes
