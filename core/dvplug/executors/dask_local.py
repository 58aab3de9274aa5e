"""Workers of Dask on this machine, which share with this process what it has loaded.

Dask starts each worker as a new process, which imports everything anew. Here they are forked, where this machine forks
worker processes at all: not by this process, whose threads of Dask a fork could catch at any moment, but by a keeper
that was forked before there were any. It has no thread, makes up for workers that die, and ends those that take too
much memory, as Dask's nannies do.
"""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, NamedTuple

from dvplug.system.memory import memory_of
from dvplug.system.workers import LOOK_S, end_with, process_context

TERMINATE = 0.95
"""Of its limit, at which a worker is ended: as Dask's ``distributed.worker.memory.terminate``."""


class Kept(NamedTuple):
    """What a keeper is to keep."""

    workers: int
    memory_limit: int
    """Bytes that each may take; 0 is any number."""
    settings: Mapping[str, object]
    """Of Dask."""


class Keeper:
    """The process that keeps the workers; as a context manager it ends, with them."""

    def __init__(self, workers: int, memory_limit: int, settings: Mapping[str, object]) -> None:
        """Start it; it has no workers yet. What it is given is of `Kept`."""
        import distributed  # noqa: F401 - before the fork, that workers need not

        context: Any = process_context()
        self._folder = tempfile.TemporaryDirectory(prefix="dvplug-dask-")
        self.settings = {**settings, "temporary-directory": self._folder.name}
        """As given, with a folder that goes with the keeper: the scheduler needs one too."""
        self._pipe, theirs = context.Pipe()
        kept = Kept(workers, memory_limit, self.settings)
        self._process = context.Process(target=_keep, args=(kept, theirs, os.getpid()))
        self._process.start()
        theirs.close()

    @contextmanager
    def run_workers_at(self, address: str) -> Iterator[None]:
        """Have workers at the scheduler of an address; they end with the block, before it does."""
        self._pipe.send(address)
        try:
            yield
        finally:
            self._end()

    def _end(self) -> None:
        with suppress(OSError):  # it was killed
            self._pipe.send("")
        self._process.join()

    def __enter__(self) -> Keeper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._pipe.close()
        self._folder.cleanup()


def _keep(kept: Kept, pipe: Connection, parent: int) -> None:
    """Have so many workers at the scheduler whose address is sent, until more is sent or the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it reaches all processes; the parent ends this one
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while not pipe.poll(LOOK_S):
        if os.getppid() != parent:
            return
    address, most = pipe.recv(), int(TERMINATE * kept.memory_limit)
    context: Any = process_context()
    workers: list[Any] = []
    while address and not pipe.poll() and os.getppid() == parent:
        workers = [worker for worker in workers if worker.is_alive()]
        while len(workers) < kept.workers:
            workers.append(context.Process(target=_work, args=(kept, address, os.getpid()), daemon=True))
            workers[-1].start()
        wait([pipe, *(worker.sentinel for worker in workers)], LOOK_S)
        for worker in workers:
            if most and memory_of([worker.pid], most) > most:
                worker.kill()
    for worker in workers:
        worker.kill()  # they hold nothing that must be closed
    for worker in workers:
        worker.join()


def _work(kept: Kept, address: str, keeper: int) -> None:
    """Be a worker, until the scheduler is gone or the keeper is."""
    end_with(keeper)
    logging.disable()  # what is wrong is told by the client, once
    import asyncio  # with TLS, which no other run needs

    import dask

    with dask.config.set(kept.settings):
        asyncio.run(_serve(kept, address))


async def _serve(kept: Kept, address: str) -> None:
    from distributed import Worker

    async with Worker(address, nthreads=1, memory_limit=kept.memory_limit) as worker:
        await worker.finished()
