"""Memory of processes, and how many fit into a limit."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

import pytest

from dvplug.errors import InputError
from dvplug.system.memory import (
    PAGE,
    PARENT_BYTES,
    WORKER_BYTES,
    give_back_freed,
    memory_of,
    parse_size,
    workers_that_fit,
)


def test_shared_pages_count_once() -> None:
    held = bytearray(os.urandom(1_000_000) * 100)
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    try:
        together = memory_of([os.getpid(), child], 0)
        assert together < memory_of([os.getpid(), child], 10**12) - len(held) // 2
        assert together > len(held)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


SIZES = [("4G", 4 * 10**9), ("512M", 512 * 10**6), ("1GiB", 2**30), ("700k", 700_000)]


@pytest.mark.parametrize(("text", "size"), SIZES)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "many", "-4G", "0", "4X", "4_000_000_000", "4_0G"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=rf"'{text}' is not a size of memory\. Write it as 4G"):
        parse_size(text)


def test_as_many_workers_as_fit() -> None:
    assert workers_that_fit(8, PARENT_BYTES + 3 * WORKER_BYTES) == 3
    assert workers_that_fit(2, 10**12) == 2
    with pytest.raises(InputError, match=r"--max-memory 10\.0MB is too little: .*Give at least"):
        workers_that_fit(8, 10**7)


def test_what_was_freed_is_given_back() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("this C library has no malloc_trim")
    held = [bytearray(10_000) for _ in range(4000)]  # below where glibc takes memory of its own for each
    last, before = held[-1], _resident()
    del held
    give_back_freed()
    assert before - _resident() > 20_000_000
    assert len(last) == 10_000


def _resident() -> int:
    """Bytes of this process that lie in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
