"""Regions over processes, results in order; a process that dies or takes too much memory is told as an error.

Each process has a pipe of its own. So the region that it was working on is known, no lock is shared that a killed
process could keep, and an answer that breaks off in the middle is the end of its pipe, not of the run's patience.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from dvplug.errors import DvplugError, InputError
from dvplug.system.memory import in_units, memory_of
from dvplug.system.queues import Queues, Ticket

RESULTS_PER_WORKER = 4  # that may wait for an earlier one
GIVEN_AHEAD = 2  # regions that a worker has at most, so that it need not wait for the next
LOOK_S = 0.25  # between two looks at the memory, and of a worker at its parent
THREADED = frozenset({"tensorflow", "jax", "torch", "onnxruntime"})
"""Libraries whose threads, or use of a GPU, a forked process would inherit in a state that it cannot go on from."""
ATTEMPT_CPU_S = 5  # of what should take a second: more is an endless loop
Job = TypeVar("Job")
Part = TypeVar("Part")
Result = TypeVar("Result")


def require_processes(number: int, option: str = "--workers") -> None:
    """Refuse a number of processes, or threads, that is none; raises InputError."""
    if number < 1:
        what = option.removeprefix("--").replace("workers", "processes")
        raise InputError(f"{option} {number} is not a number of {what}", repair="Give 1 or more.")


def map_in_order(
    make: Callable[[Job], Callable[[Part], Result]],
    job: Job,
    regions: Iterable[Part],
    workers: int,
    max_memory: int | None = None,
) -> Iterator[Result]:
    """Yield ``make(job)(region)`` for every region, in order, computed by that many processes.

    A few results per worker are held at most, so that memory stays bounded when an early region is slow. One
    worker without a limit is this process itself. Results of regions before the one that failed are given.

    Parameters
    ----------
    regions
        Regions, or partitions: whatever says by its text where it lies.
    max_memory
        Bytes that this process and its workers may take together.

    Raises
    ------
    DvplugError
        A worker died, or was ended because memory went over the limit; and what a worker met.
    """
    with closing(map_queues(make, job, [regions], workers, max_memory)) as results:
        for _, result in results:
            yield result


def map_queues(
    make: Callable[[Job], Callable[[Part], Result]],
    job: Job,
    queues: Iterable[Iterable[Part]],
    workers: int,
    max_memory: int | None = None,
) -> Generator[tuple[int, Result], None, None]:
    """Yield the results of several queues of regions, each with the number of its queue, in the order of each queue.

    The queues are worked on one after the other, but for what is left of one while a slow region of it lasts. The
    other arguments, and what is raised, as of `map_in_order`.
    """
    if workers == 1 and max_memory is None:
        work = make(job)
        for number, regions in enumerate(queues):
            for region in regions:
                try:
                    result = work(region)
                except MemoryError as error:
                    raise _portable(error, region) from error
                yield number, result
        return
    with _Crew(make, job, workers, max_memory) as crew:
        yield from crew.results(queues)


class _Worker:
    """A process, this end of its pipe, and the regions it has not answered, oldest first."""

    def __init__(self, context: Any, make: Any, job: Any) -> None:
        self.pipe, theirs = context.Pipe()
        self.given: deque[tuple[Ticket, object]] = deque()
        self.memory_seen = 0  # of all processes, when it was ended for that
        self.process = context.Process(target=_serve, args=(make, job, theirs, os.getpid()), daemon=True)
        self.process.start()
        theirs.close()  # else its death would not be the end of the pipe

    def give(self, ticket: Ticket, region: object) -> None:
        """Hand out one more region; whether it lives shows when it is asked for the answer."""
        self.given.append((ticket, region))
        try:
            self.pipe.send(region)
        except OSError:
            return

    def answer(self) -> tuple[Ticket, Any, BaseException | None]:
        """Return the ticket of its oldest region and the result, or the error in place of it."""
        ticket, region = self.given.popleft()
        try:
            return ticket, *self.pipe.recv()
        except (EOFError, OSError):
            self.given.clear()
            self.process.join()
            if self.process.exitcode == -signal.SIGTERM:
                time.sleep(
                    LOOK_S
                )  # where all processes get it, as from a batch system, this one's own ends the run
            return ticket, None, self._death(region)

    def _death(self, region: object) -> DvplugError:
        if self.memory_seen:
            return DvplugError(
                f"the processes took {in_units(self.memory_seen)} of memory, more than --max-memory allows",
                cause=f"the one that took most was ended; it worked on {region}",
                repair="Raise --max-memory, lower --workers, or leave such a region out with --exclude-regions.",
            )
        return DvplugError(
            f"a worker process died at {region}",
            cause=end_of(self.process.exitcode or 0),
            repair="Run with fewer --workers, or on a machine with more memory. If it dies there each time, "
            "check the reads with `samtools quickcheck`, or leave the region out with --exclude-regions.",
        )


class _Crew:
    """The workers of one run, at most ``most``; as a context manager it ends them, whatever happens."""

    def __init__(self, make: Any, job: Any, most: int, max_memory: int | None) -> None:
        self.max_memory, self.next_look = max_memory, 0.0
        self.most, self.make, self.job = most, make, job
        self.context = process_context()
        self.workers: list[_Worker] = []

    def results(self, queues: Iterable[Iterable[object]]) -> Generator[tuple[int, Any], None, None]:
        """Yield the result of each region, with the number of its queue, in the order of each."""
        under_way = Queues(queues)
        answers: dict[Ticket, tuple[Any, BaseException | None]] = {}
        while True:
            while self._has_room() and (item := under_way.next(RESULTS_PER_WORKER * self.most)):
                self._freest().give(*item)
            turns = under_way.turns()
            if not turns:
                return
            ticket = next((ticket for ticket in turns if ticket in answers), None)
            if ticket is None:
                for worker in self._ready():
                    answered, *answer = worker.answer()
                    answers[answered] = (answer[0], answer[1])
                continue
            result, error = answers.pop(ticket)
            if error is not None:
                raise error
            yield ticket.queue, result
            under_way.gave(ticket)

    def _has_room(self) -> bool:
        """Whether a worker may have one more region."""
        more = len(self.workers) < self.most
        return more or any(len(worker.given) < GIVEN_AHEAD for worker in self.workers)

    def _freest(self) -> _Worker:
        """The worker with the fewest regions; while all have some, and there may be more of them, a new one."""
        freest = min(self.workers, key=lambda worker: len(worker.given), default=None)
        if freest is None or (freest.given and len(self.workers) < self.most):
            freest = self._started()
        return freest

    def _started(self) -> _Worker:
        try:
            worker = _Worker(self.context, self.make, self.job)
        except OSError as error:
            raise DvplugError(
                f"{self.most} worker processes cannot be started",
                cause=f"{error.strerror or error}, with {len(self.workers)} running",
                repair="Run with fewer --workers.",
            ) from error
        self.workers.append(worker)
        return worker

    def _ready(self) -> list[_Worker]:
        """The workers that answered or died, as soon as there are some."""
        busy = {worker.pipe: worker for worker in self.workers if worker.given}
        while True:
            ready = wait(list(busy), None if self.max_memory is None else LOOK_S)
            if self.max_memory is not None and time.monotonic() > self.next_look:
                self._look_at_memory(self.max_memory)
            if ready:
                return [busy[pipe] for pipe in ready]

    def _look_at_memory(self, limit: int) -> None:
        began = time.monotonic()
        pids = [os.getpid(), *(worker.process.pid for worker in self.workers)]
        total = memory_of(pids, limit)
        if total > limit and (alive := [worker for worker in self.workers if worker.process.is_alive()]):
            largest = max(alive, key=lambda worker: memory_of([worker.process.pid], 0))
            largest.memory_seen = total
            largest.process.kill()
        self.next_look = began + LOOK_S + 20 * (time.monotonic() - began)

    def __enter__(self) -> _Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers:
            worker.process.kill()  # they hold nothing that must be closed
        for worker in self.workers:
            worker.process.join()
            worker.pipe.close()


def _serve(make: Callable[[Job], Callable[[Any], object]], job: Job, pipe: Connection, parent: int) -> None:
    """Answer regions until the pipe ends, in a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it reaches all processes; the parent ends its workers
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with(parent)
    work = None
    while True:
        try:
            region = pipe.recv()
        except (EOFError, OSError):
            return
        answer: tuple[Any, Exception | None]
        try:
            work = work or make(job)
            answer = work(region), None
        except Exception as error:  # noqa: BLE001 - the parent raises it
            answer = None, _portable(error, region)
        pipe.send(answer)


def end_with(parent: int) -> None:
    """Have this process end when its parent was killed: nobody would read its answers."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_S)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()


def _portable(error: Exception, region: object) -> Exception:
    if isinstance(error, DvplugError):
        return error
    if isinstance(error, MemoryError):
        return DvplugError(f"memory ran out at {region}", repair="Run with fewer --workers.")
    return RuntimeError(f"a fault in a worker process, at {region}\n{traceback.format_exc()}")


def crash_of(attempt: Callable[..., object], *args: Any, more_s: int = 0) -> str:
    """Try in a process of its own what may crash a native library; returns how, or nothing: see `attempted`."""
    return attempted(attempt, *args, more_s=more_s).crash


class Attempt(NamedTuple):
    """How something ended that was tried in a process of its own."""

    crash: str = ""
    """How it crashed; nothing if it did not."""
    found: Any = None
    """What it returned; None where it raised or crashed, or was not tried."""


def attempted(attempt: Callable[..., object], *args: Any, more_s: int = 0) -> Attempt:
    """Try in a process of its own what may crash a native library, or never end.

    What it raises is nothing: it will be raised again, and told, where it is done in earnest. Where processes are not
    forked, which would take a second, nothing is tried.

    Parameters
    ----------
    more_s
        CPU seconds that it may take beyond `ATTEMPT_CPU_S`, as it has so much to read.
    """
    context: Any = process_context()
    if context.get_start_method() != "fork":
        return Attempt()
    pipe, theirs = context.Pipe(duplex=False)
    limit = ATTEMPT_CPU_S + more_s
    process = context.Process(target=_quietly, args=(theirs, limit, attempt, *args), daemon=True)
    process.start()
    theirs.close()
    found = None
    with pipe, suppress(Exception):  # it ended before that, or in the middle of it
        found = pipe.recv()
    process.join()
    code = process.exitcode or 0
    return Attempt(end_of(code)) if code < 0 else Attempt(found=found)


def _quietly(pipe: Connection, seconds: int, attempt: Callable[..., object], *args: Any) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    if most == resource.RLIM_INFINITY or seconds < most:  # else the user's own limit is the lower one
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, most))
    with suppress(Exception):
        pipe.send(attempt(*args))
    os._exit(0)


def end_of(exit_code: int) -> str:
    """Say what an exit code of multiprocessing means: negative ones are signals."""
    if exit_code >= 0:
        return f"it ended with exit code {exit_code}"
    number = -exit_code
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    if number == signal.SIGKILL:
        return f"it was killed by {name}, most likely because memory ran out"
    if number == signal.SIGXCPU:
        return f"it took more CPU time than that can need ({name})"
    if number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL):
        return f"it crashed ({name}) in native code, most likely at damaged reads, or because memory ran out"
    return f"it was ended by {name} from outside"


def process_context() -> multiprocessing.context.BaseContext:
    """Fork on Linux, so that workers share what is loaded; elsewhere, or beside threads of these libraries, spawn."""
    fork = sys.platform == "linux" and not THREADED & sys.modules.keys()
    return multiprocessing.get_context("fork" if fork else "spawn")
