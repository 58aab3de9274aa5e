"""Work over processes: in order, with what goes wrong told as it is; a process that dies; a limit on memory."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dvplug.errors import DvplugError, InputError
from dvplug.line.region import Region
from dvplug.system.memory import memory_of
from dvplug.system.workers import Attempt, attempted, crash_of, map_in_order

REGIONS = [Region("c", i, i + 1) for i in range(40)]


@pytest.fixture(autouse=True)
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are forked, though other tests of this process may have loaded TensorFlow; spawned ones import us."""
    monkeypatch.setattr("dvplug.system.workers.THREADED", frozenset())


def squares(job: int) -> Callable[[Region], int]:
    return lambda region: job * region.start**2


def fails_at_start(job: int) -> Callable[[Region], int]:
    raise InputError("the truth is out", cause="somebody told", repair="Close the door.")


def fails_late(job: int) -> Callable[[Region], int]:
    def work(region: Region) -> int:
        if region.start == job:
            raise InputError(f"region {region} is bad")
        return region.start

    return work


def has_a_fault(job: int) -> Callable[[Region], int]:
    return lambda region: 1 // (region.start - job)


def dies_by(job: int) -> Callable[[Region], int]:
    """A negative job is a signal, as multiprocessing writes it."""

    def work(region: Region) -> int:
        if region.start == 7:
            faulthandler.disable()  # pytest's would tell of a crash that is meant
            os.kill(os.getpid(), -job) if job < 0 else os._exit(job)
        return region.start

    return work


def writes_much_and_dies(job: int) -> Callable[[Region], bytes]:
    """A thread kills it while the answer is written, of which a pipe holds only the first part."""

    def work(region: Region) -> bytes:
        import threading

        if region.start == 3:
            threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
        return bytes(200_000_000 if region.start == 3 else 10)

    return work


def takes_memory(job: int) -> Callable[[Region], int]:
    taken = []

    def work(region: Region) -> int:
        if region.start == 5:
            while True:
                taken.append(b"x" * 20_000_000)
                time.sleep(0.02)
        return region.start

    return work


@pytest.mark.parametrize(("workers", "limit"), [(1, None), (3, None), (1, 10**10), (2, 10**10)])
def test_results_come_in_order(workers: int, limit: int | None) -> None:
    assert list(map_in_order(squares, 2, REGIONS, workers, limit)) == [2 * r.start**2 for r in REGIONS]


def test_no_regions_give_no_results() -> None:
    assert list(map_in_order(squares, 2, [], 2)) == []


def test_there_are_no_more_workers_than_regions() -> None:
    results = map_in_order(squares, 1, REGIONS[:3], 10_000)
    assert next(results) == REGIONS[0].start ** 2
    assert 1 <= len(multiprocessing.active_children()) <= 3
    assert list(results) == [region.start**2 for region in REGIONS[1:3]]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_worker_meets_when_it_starts_is_told_in_its_three_parts(workers: int) -> None:
    with pytest.raises(InputError, match=r"the truth is out: somebody told\. Close the door\.") as caught:
        list(map_in_order(fails_at_start, 0, REGIONS, workers))
    error = caught.value
    assert (error.problem, error.cause, error.repair) == (
        "the truth is out",
        "somebody told",
        "Close the door.",
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_results_before_a_failure_are_given(workers: int) -> None:
    results = map_in_order(fails_late, 5, REGIONS, workers)
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(DvplugError, match="region c:6-6 is bad"):
        next(results)


def test_a_fault_in_a_worker_is_ours_and_says_where() -> None:
    with pytest.raises(RuntimeError, match=r"c:10-10[\s\S]*test_workers[\s\S]*ZeroDivisionError"):
        list(map_in_order(has_a_fault, 9, REGIONS, 2))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (9, "it ended with exit code 9"),
        (-signal.SIGKILL, "it was killed by SIGKILL, most likely because memory ran out"),
        (-signal.SIGSEGV, r"it crashed \(SIGSEGV\) in native code"),
        (-signal.SIGTERM, "it was ended by SIGTERM from outside"),
    ],
)
def test_a_worker_that_dies_is_an_error_that_says_how_and_where(how: int, says: str) -> None:
    results = map_in_order(dies_by, how, REGIONS, 2)
    assert [next(results) for _ in range(7)] == list(range(7))
    with pytest.raises(DvplugError, match=rf"a worker process died at c:8-8: {says}.*fewer --workers"):
        next(results)


def test_a_worker_killed_in_the_middle_of_its_answer_does_not_hang_the_run() -> None:
    with pytest.raises(DvplugError, match=r"a worker process died at c:4-4"):
        list(map_in_order(writes_much_and_dies, 0, REGIONS, 2))


def children_of(pid: int) -> list[int]:
    return [int(c) for path in Path(f"/proc/{pid}/task").glob("*/children") for c in path.read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_do_not_outlive_their_parent(how: signal.Signals) -> None:
    code = (
        "import sys, time\nfrom dvplug.genome.regions import Region\nfrom dvplug.system.workers import map_in_order\n"
        "def make(job): return lambda region: time.sleep(600 * region.start) or 1\n"
        "for result in map_in_order(make, 0, [Region('c', i, i) for i in range(4)], 2): print(result, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"1\n"
    workers = children_of(process.pid)
    assert len(workers) == 2
    process.send_signal(how)
    process.wait()
    end = time.monotonic() + 120
    while (left := [pid for pid in workers if Path(f"/proc/{pid}").exists()]) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left


def test_a_consumer_that_stops_leaves_no_worker() -> None:
    others = set(children_of(os.getpid()))  # of what else this process has run
    results = map_in_order(squares, 2, REGIONS, 2)
    next(results)
    workers = set(children_of(os.getpid())) - others
    results.close()  # type: ignore[attr-defined]
    assert workers
    assert not workers & set(children_of(os.getpid()))


def test_too_much_memory_ends_the_run_with_what_to_lower() -> None:
    limit = memory_of([os.getpid()], 0) + 400_000_000
    results = map_in_order(takes_memory, 0, REGIONS, 2, limit)
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(
        DvplugError, match=r"[MG]B of memory, more than --max-memory allows: .*c:6-6.*--workers"
    ):
        next(results)


def works_for(seconds: float) -> None:
    """Take so much CPU time."""
    while time.process_time() < seconds:
        pass


def spins() -> None:
    while True:
        pass


def test_an_attempt_that_crashes_or_never_ends_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dvplug.system.workers.ATTEMPT_CPU_S", 1)
    assert "killed by SIGKILL" in crash_of(signal.raise_signal, signal.SIGKILL)
    assert crash_of(fails_at_start, 0) == ""
    assert "more CPU time than that can need" in crash_of(spins)


def ends_in_the_middle() -> object:
    """Return what ends the process as it is sent."""

    class Ends:
        def __reduce__(self) -> str:
            os.kill(os.getpid(), signal.SIGKILL)
            return ""

    return b"x" * 100_000, Ends()


def test_what_an_attempt_finds_is_returned_unless_it_fails() -> None:
    assert attempted(bytes, 5_000_000) == Attempt(found=bytes(5_000_000))
    assert attempted(fails_at_start, 0) == Attempt()
    assert attempted(lambda: lambda: 0) == Attempt()  # which cannot be sent
    ended = attempted(ends_in_the_middle)
    assert ended.found is None
    assert "killed by SIGKILL" in ended.crash


def test_an_attempt_may_take_as_long_as_it_has_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dvplug.system.workers.ATTEMPT_CPU_S", 0)
    assert crash_of(works_for, 1.2, more_s=1) != ""
    assert crash_of(works_for, 1.2, more_s=3) == ""
