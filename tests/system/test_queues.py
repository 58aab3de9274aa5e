"""Queues of regions: what is handed out, whose turn it is, and that a slow region holds up its own queue alone."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug.executors.spread import Load, spread_queues
from dvplug.system.queues import Queues
from dvplug.system.workers import map_queues

PATIENCE_S = 300  # of what takes milliseconds where nothing else runs


@pytest.fixture(autouse=True)
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are forked, though other tests of this process may have loaded TensorFlow; spawned ones import us."""
    monkeypatch.setattr("dvplug.system.workers.THREADED", frozenset())


@given(st.lists(st.integers(0, 9), max_size=6), st.integers(1, 4), st.data())
def test_each_region_is_handed_out_once_and_no_queue_has_more_ahead_than_it_may(
    sizes: list[int], ahead: int, data: st.DataObject
) -> None:
    """Whatever is done first: the results of each queue are in its order, and there is always something to do."""
    queues = Queues([(q, n) for n in range(size)] for q, size in enumerate(sizes))
    under_way: list[object] = []
    given: dict[int, list[int]] = defaultdict(list)
    while True:
        while (item := queues.next(ahead)) is not None:
            ticket, part = item
            assert part == tuple(ticket)
            under_way.append(ticket)
            assert ticket.number - len(given[ticket.queue]) < ahead
        turns = queues.turns()
        if not turns:
            break
        assert set(turns) <= set(under_way)
        ticket = data.draw(st.sampled_from(turns))
        queues.gave(ticket)
        under_way.remove(ticket)
        given[ticket.queue].append(ticket.number)
    assert not under_way
    assert {q: numbers for q, numbers in given.items() if numbers} == {
        q: list(range(size)) for q, size in enumerate(sizes) if size
    }


def test_a_queue_is_not_begun_before_those_before_it_have_nothing_to_hand_out() -> None:
    begun = []

    def queue(number: int, size: int) -> object:
        begun.append(number)
        yield from range(size)

    queues = Queues(queue(number, 3) for number in range(3))
    assert [queues.next(2)[0] for _ in range(2)] == [(0, 0), (0, 1)]
    assert begun == [0]
    assert queues.next(2)[0] == (1, 0)
    assert begun == [0, 1]


@dataclass(frozen=True)
class PatientJob:
    """Work whose first region lasts until so many others are done: each leaves a mark in a folder."""

    marks: Path
    others: int

    def portable(self) -> PatientJob:
        return self

    def on_this_machine(self, plugins: object) -> PatientJob:
        return self


def patient(job: PatientJob) -> Callable[[tuple[int, int]], tuple[int, int]]:
    def work(part: tuple[int, int]) -> tuple[int, int]:
        end = time.monotonic() + PATIENCE_S
        while part == (0, 0) and len(list(job.marks.iterdir())) < job.others:
            assert time.monotonic() < end, "the other regions were not worked on meanwhile"
            time.sleep(0.01)
        (job.marks / f"{part[0]}.{part[1]}").touch()
        return part

    return work


def queues_of(*sizes: int) -> list[list[tuple[int, int]]]:
    return [[(queue, number) for number in range(size)] for queue, size in enumerate(sizes)]


def in_order_of_each(results: list[tuple[int, tuple[int, int]]], *sizes: int) -> bool:
    by_queue: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, result in results:
        by_queue[number].append(result)
    return [by_queue[number] for number in range(len(sizes))] == queues_of(*sizes)


def test_while_one_sample_has_a_long_region_workers_go_on_with_the_others(tmp_path: Path) -> None:
    """One worker has the long region, and one region behind it; of what is left the other one does far more than may
    wait for its turn in one queue."""
    sizes = (1, 20, 20, 20)
    results = list(map_queues(patient, PatientJob(tmp_path, 40), queues_of(*sizes), 2))
    assert in_order_of_each(results, *sizes)


def test_one_process_goes_through_the_queues(tmp_path: Path) -> None:
    results = list(map_queues(patient, PatientJob(tmp_path, 0), queues_of(2, 0, 3), 1))
    assert [part for _, part in results] == [(0, 0), (0, 1), (2, 0), (2, 1), (2, 2)]


class ThreadPool:
    """A pool as strangers write them."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self.executor, self.most = executor, 0
        self.under_way: list[Future[object]] = []

    def submit(self, number: int, function: Callable[..., object], *arguments: object) -> Future[object]:
        future = self.executor.submit(work_of_thread, *arguments)
        self.under_way = [one for one in [*self.under_way, future] if not one.done()]
        self.most = max(self.most, len(self.under_way))
        return future

    def everywhere(self, function: Callable[..., object], *arguments: object) -> list[object]:
        return []

    def wait(self, calls: list[Future[object]]) -> None:
        wait(calls, return_when=FIRST_COMPLETED)

    def deaths(self, error: BaseException) -> int:
        return 0

    def workers(self) -> int:
        return 2

    def described(self) -> str:
        return "threads"


def work_of_thread(facts: object, work: bytes, region: bytes) -> tuple[str, bytes]:
    """As `work_on_node`, without a comparison of installations, and with a lock of nobody."""
    import pickle
    import zlib

    make, job = pickle.loads(zlib.decompress(work))
    return "done", pickle.dumps(make(job)(pickle.loads(region)))


def test_on_a_cluster_too_and_no_more_is_handed_in_than_is_worth_it(tmp_path: Path) -> None:
    from dvplug.executors.node import packed
    from dvplug.executors.spread import AHEAD_AT_LEAST

    sizes = (3, 50, 50)
    work = packed(patient, PatientJob(tmp_path, 90))
    with ThreadPoolExecutor(2) as executor:
        pool = ThreadPool(executor)
        loads = [Load({}, work, regions) for regions in queues_of(*sizes)]
        results = list(spread_queues(pool, loads))
    assert in_order_of_each(results, *sizes)
    assert 2 < pool.most <= AHEAD_AT_LEAST
