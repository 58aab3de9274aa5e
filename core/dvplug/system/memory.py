"""How much memory processes take, and how many of them fit into what the user allows (Linux)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

from dvplug.errors import InputError

PAGE = os.sysconf("SC_PAGE_SIZE")
PARENT_BYTES = 100_000_000
WORKER_BYTES = 250_000_000
"""Bytes that the parent, and each worker, take at most in usual reads; docs/running.md has the measurements."""


def give_back_freed() -> None:
    """Give what was freed back to the system, where the C library does so when it is asked (malloc_trim(3), glibc).

    By itself it keeps all that lies below something that is still held.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))


def parse_size(text: str) -> int:
    """Return the bytes of ``4G``, ``512M``, ``1.5GiB`` or a plain number.

    Raises
    ------
    InputError
        The text is no size, or nothing.
    """
    from pydantic import ByteSize, TypeAdapter, ValidationError

    try:
        size = 0 if "_" in text else int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        size = 0
    if size <= 0:
        raise InputError(f"'{text}' is not a size of memory", repair="Write it as 4G, 512M or 1.5GiB.")
    return size


def in_units(size: int) -> str:
    """Return a number of bytes as people write it, such as ``1.3GB``."""
    from pydantic import ByteSize

    return ByteSize(size).human_readable(decimal=True)


def workers_that_fit(workers: int, max_memory: int) -> int:
    """Return how many of these workers fit, at least one.

    Raises
    ------
    InputError
        Not even one fits, or this system does not tell what a process takes.
    """
    if not Path("/proc/self/smaps_rollup").exists():
        raise InputError(
            "--max-memory cannot be kept here",
            cause="what a process takes is read from /proc, which only Linux has",
            repair="Leave it out, and choose --workers so that they fit.",
        )
    least = PARENT_BYTES + WORKER_BYTES
    if max_memory < least:
        raise InputError(
            f"--max-memory {in_units(max_memory)} is too little",
            cause=f"one worker, and the process that starts it, need up to {in_units(least)}",
            repair=f"Give at least {in_units(least)}.",
        )
    return min(workers, (max_memory - PARENT_BYTES) // WORKER_BYTES)


def memory_of(pids: Sequence[int | None], limit: int) -> int:
    """Return the bytes of memory that processes take together; one that has ended takes none.

    It is exact where it is above ``limit``: the sum of their proportional set sizes, in which pages that forked
    processes share count once. That costs 2 ms per process. So it is preceded by the sum of their resident sets,
    which is never less, and is returned where even that is within the limit (Linux, proc(5)).
    """
    rough = sum(_resident(pid) for pid in pids)
    return rough if rough <= limit else sum(_proportional(pid) for pid in pids)


def _resident(pid: int | None) -> int:
    fields = _read(Path(f"/proc/{pid}/statm")).split()
    return int(fields[1]) * PAGE if fields else 0


def _proportional(pid: int | None) -> int:
    lines = _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return ""
