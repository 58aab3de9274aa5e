"""The log of a run for programs: one JSON object a line, appended to a file as things happen."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from io import FileIO
from pathlib import Path
from typing import Any

from dvplug._version import __version__
from dvplug.errors import DvplugError, InputError, unwritable
from dvplug_registry.safe_text import masked

LIBRARIES = ("ai-edge-litert", "numba", "numpy", "pysam")
"""Those that bear on the records of a run."""

_log: FileIO | None = None
_sample: ContextVar[str] = ContextVar("sample", default="")


@contextmanager
def about(sample: str) -> Iterator[None]:
    """Have what is told and logged in this block be of one sample of several, which is named."""
    token = _sample.set(sample)
    try:
        yield
    finally:
        _sample.reset(token)


def sample_told_of() -> str:
    """The sample that `about` names; empty outside of it."""
    return _sample.get()


def log_is_kept() -> bool:
    """Whether events are appended to a file: where not, none need be worked out."""
    return _log is not None


def log_event(event: str, **fields: Any) -> None:
    """Append an event: ``time`` (UTC, ISO 8601), ``event``, and these fields. Nothing where no log is kept.

    URLs in it lose passwords and signatures.

    Raises
    ------
    InputError
        It cannot be written, as on a full disk: who follows the run would wait for ever.
    """
    if _log is None:
        return
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    of = {"sample": sample} if (sample := sample_told_of()) else {}
    line = (json.dumps({"time": now, "event": event, **_masked(of | fields)}) + "\n").encode()
    try:
        while line:
            line = line[_log.write(line) :]
    except OSError as error:
        raise unwritable(f"The log {_log.name}", error) from error


def _ends_in_a_line(path: Path) -> bool:
    """Whether a log's last line was cut short, by a kill or a full disk; the next must not be appended to it."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {masked(str(name)): _masked(one) for name, one in value.items()}
    return [_masked(one) for one in value] if isinstance(value, (list, tuple)) else value


@contextmanager
def run_log(path: Path | None) -> Iterator[None]:
    """Keep a log from here on: ``start`` first, ``end`` or ``error`` last.

    Parameters
    ----------
    path
        File to append to; none keeps no log.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    global _log
    if path is None:
        yield
        return
    began = time.monotonic()
    try:
        cut = _ends_in_a_line(path)
        _log = path.open("ab", buffering=0)  # what a full disk refused is not left to `close`
        if cut:
            _log.write(b"\n")
    except OSError as error:
        raise InputError(
            f"The log {path} cannot be written",
            cause=error.strerror or str(error),
            repair="Make its folder, or name another file with --log-json.",
        ) from error
    try:
        log_event(
            "start", dvplug=__version__, python=platform.python_version(), system=platform.platform(),
            libraries=library_versions(), command=sys.argv, pid=os.getpid(),
        )  # fmt: skip
        yield
        log_event("end", wall_s=round(time.monotonic() - began, 3))
    except BaseException as error:
        with suppress(InputError):  # of the log; the other is what went wrong first
            log_event("error", **_described(error), wall_s=round(time.monotonic() - began, 3))
        raise
    finally:
        with suppress(OSError):
            _log.close()
        _log = None


def _described(error: BaseException) -> dict[str, Any]:
    if isinstance(error, DvplugError):
        return {
            "kind": type(error).__name__,
            **_parts(error),
            "problems": [_parts(one) for one in error.problems],
        }
    if isinstance(error, KeyboardInterrupt):
        name = error.args[0].name if error.args else "SIGINT"
        return {"kind": "interrupted", "problem": name, "cause": "", "repair": ""}
    text = "".join(traceback.format_exception(error))
    return {"kind": "fault", "problem": repr(error), "cause": "", "repair": "", "traceback": text}


def _parts(error: DvplugError) -> dict[str, str]:
    return {"problem": error.problem, "cause": error.cause, "repair": error.repair}


def library_versions(names: Iterable[str] = LIBRARIES) -> dict[str, str]:
    """Return the version of each distribution."""
    return {name: _version(name) for name in names}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
