"""Which run is worked on when: checks in order, calls as many at once as runs, memory and disk allow."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from dvplug.serve.checks import Checker
from dvplug.serve.command import LOG
from dvplug.serve.places import Places
from dvplug.serve.progress import Progress
from dvplug.serve.run_life import RunLife
from dvplug.serve.settings import ServiceSettings
from dvplug.serve.store import ACTIVE, FINISHED, Run, State, Store
from dvplug.system.console import warn

LOOK_S = 5.0
"""Between two looks at the disk, where nothing wakes the queue."""


@dataclass
class Totals:
    """What runs that ended since the service began did.

    Attributes
    ----------
    errors
        Runs that failed or were refused, by the kind of their error.
    """

    regions: int = 0
    reads: int = 0
    stage_seconds: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, life: RunLife) -> None:
        """Add a run that ended."""
        told = life.progress.summary()
        self.regions += told["done"]
        self.reads += told["reads"]
        self.stage_seconds.update(life.progress.stage_seconds)
        if life.run.state in (State.FAILED, State.REFUSED):
            last = life.progress.last or {}
            self.errors[str(last.get("kind", life.run.state.value))] += 1


class RunQueue:
    """Takes runs from the store, oldest first, an owner with fewer runs at work before others.

    Attributes
    ----------
    lives
        The runs that are checked or worked on, by their ids.
    """

    def __init__(self, settings: ServiceSettings, store: Store, places: Places, checker: Checker) -> None:
        self._settings, self._store, self._places, self._checker = settings, store, places, checker
        self.lives: dict[str, RunLife] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self.draining = False
        self.totals = Totals()

    def start(self) -> None:
        """Begin, with what a service that was killed left first."""
        self._go_on()
        self._loop = asyncio.ensure_future(self._work())

    def wake(self) -> None:
        """Look what there is to do."""
        self._wake.set()

    async def stop(self, drain_s: float) -> None:
        """Begin nothing any more, give what runs some seconds to end, then end it: it goes on at the next start."""
        self.draining = True
        if self._loop:
            self._loop.cancel()
            with suppress(asyncio.CancelledError):
                await self._loop
        calling = [task for run_id, task in self._tasks.items() if self.lives[run_id].run.state in ACTIVE]
        if calling:
            await asyncio.wait(calling, timeout=drain_s)
        for life in self.lives.values():
            life.stop.set()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=30)

    async def finished(self, run_id: str) -> None:
        """Wait until a run is not worked on any more."""
        task = self._tasks.get(run_id)
        if task:
            await asyncio.wait({task})

    def free_bytes(self) -> int:
        """Bytes of the disk that may still be taken."""
        return shutil.disk_usage(self._places.data).free - self._settings.least_free

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            try:
                self._go_on()
                self._begin_checks()
                self._begin_runs()
            except (OSError, sqlite3.Error) as error:  # a disk that is full now may not be later
                warn(f"the queue waits: {error}")
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_S)

    def _go_on(self) -> None:
        """Begin what is at work and nobody works on: what a service that was killed left, or a fault of this one."""
        for run in self._store.oldest(ACTIVE):
            if run.id not in self._tasks:
                self._begin(run)

    def _begin_checks(self) -> None:
        for run in self._store.oldest({State.CHECKING}, limit=self._settings.runs + 4):
            if run.id not in self._tasks:
                self._begin(run)

    def _begin_runs(self) -> None:
        active = [life.run for life in self.lives.values() if life.run.state in ACTIVE]
        free = self._settings.runs - len(active)
        if free <= 0 or self.free_bytes() < 0:
            return
        of_owner = Counter(run.owner for run in active)
        for _ in range(free):
            waiting = self._store.first_of_owners(State.QUEUED)
            if not waiting:
                return
            run = min(waiting, key=lambda one: (of_owner[one.owner], one.number))
            taken = self._store.take(run.id)
            if taken:
                of_owner[run.owner] += 1
                self._begin(taken)

    def _begin(self, run: Run) -> None:
        progress = Progress(self._places.run(run.id) / LOG)
        life = RunLife(run, self._settings, self._store, self._places, self._checker, progress)
        life._cancel = run.cancel
        self.lives[run.id] = life
        steps = life.check() if run.state == State.CHECKING else life.live()
        task = asyncio.ensure_future(steps)
        self._tasks[run.id] = task
        task.add_done_callback(lambda ended: self._end(life, ended))

    def _end(self, life: RunLife, task: asyncio.Task[None]) -> None:
        run_id = life.run.id
        if self._tasks.get(run_id) is task:  # of one that was checked, the next may have begun already
            del self.lives[run_id], self._tasks[run_id]
        if life.run.state in FINISHED:
            self._store.keep_progress(run_id, life.progress.summary())
            self.totals.add(life)
        if not task.cancelled() and (error := task.exception()):
            warn(f"run {run_id} was left by a fault of the service, and is taken up again: {error!r}")
            return  # not at once: the queue looks again soon
        self.wake()
