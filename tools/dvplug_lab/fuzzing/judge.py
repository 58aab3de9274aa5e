"""Run one broken input in a forked process, and judge what became of it."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pysam

from dvplug.errors import DvplugError

REFUSED, TRACEBACK, INVALID = 2, 70, 71
MORE_MEMORY = 3 << 30  # bytes that one run may take beyond what this process has mapped


@dataclass(frozen=True)
class Verdict:
    """What became of a broken input.

    Attributes
    ----------
    name
        done, refused; or what is wrong: crash (in native code), traceback, hang, invalid output, output left.
    text
        The error message or the traceback.
    """

    name: str
    text: str


def judge(run: Callable[[Path], None], folder: Path, timeout_s: float) -> Verdict:
    """Run ``run(out)`` in a child, where ``out`` lies in an empty folder of its own below ``folder``."""
    results = folder / "results"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        _run_in_child(run, folder, results / "out.vcf.gz")
    status = _wait_or_kill(child, timeout_s)
    text = (folder / "said.txt").read_text(errors="replace")
    if status is None:
        return Verdict("hang", text)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return Verdict("crash", f"{signal.Signals(-code).name}\n{text}")
    if code in (TRACEBACK, INVALID):
        return Verdict("traceback" if code == TRACEBACK else "invalid output", text)
    if "Traceback (most recent call last)" in text or "Exception ignored" in text:
        return Verdict("traceback", text)
    left = [p.name for p in results.rglob("*") if p.is_file() and not p.name.endswith(".dvplug-journal")]
    if code == REFUSED and left:
        return Verdict("output left", f"{left}\n{text}")
    return Verdict("refused" if code == REFUSED else "done", text)


def _run_in_child(run: Callable[[Path], None], folder: Path, out: Path) -> None:
    code = TRACEBACK
    try:
        said = os.open(folder / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + MORE_MEMORY, mapped + MORE_MEMORY))
        try:
            run(out)
            code = _valid(out)
        except DvplugError as error:
            print(f"error: {error}")
            code = REFUSED
    except BaseException:  # noqa: BLE001 - a traceback is what is looked for
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _valid(out: Path) -> int:
    """Read all that was written, as another tool would."""
    for path in out.parent.rglob("*.vcf.gz"):
        try:
            with pysam.VariantFile(str(path)) as records:
                for record in records:
                    with suppress(UnicodeDecodeError):  # bytes of a user's record are copied as they are
                        str(record)
                for contig in records.header.contigs:
                    list(records.fetch(contig))
        except (OSError, ValueError):
            traceback.print_exc()
            return INVALID
    return 0


def _wait_or_kill(child: int, timeout_s: float) -> int | None:
    """Return the wait status (as of `os.waitpid`) of a child, or None if it was killed after ``timeout_s``."""
    end, pause = time.monotonic() + timeout_s, 0.001
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(pause)
        pause = min(0.02, pause * 1.5)
