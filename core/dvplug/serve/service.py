"""What the service can do, whichever interface asks for it."""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from dvplug.errors import DvplugError, InputError
from dvplug.serve.checks import (
    CheckAnswer,
    Checker,
    describe_models,
    describe_registries,
    describe_settings,
    describe_technologies,
    registry_card,
)
from dvplug.serve.command import LOG, OUT, STDERR, STDOUT, options_of
from dvplug.serve.errors import ServiceError, problems_of
from dvplug.serve.inputs import Transfer, as_given, check_names, lay_inputs, missing_indexes, remote_inputs
from dvplug.serve.places import Places, is_id, new_id
from dvplug.serve.progress import Progress
from dvplug.serve.requests import RunRequest
from dvplug.serve.run_queue import RunQueue
from dvplug.serve.settings import ServiceSettings
from dvplug.serve.store import ACTIVE, FINISHED, WAITING, Run, State, Store, now
from dvplug.serve.transfer import TransferLimits
from dvplug.serve.uploads import Uploads
from dvplug.system.console import warn
from dvplug.system.outputs import locked

SWEEP_S = 600.0
LOOK_S = 0.5
PING_S = 15.0


@dataclass(frozen=True)
class OutputFile:
    """A file that a run wrote."""

    name: str
    path: Path
    size: int
    sha256: str
    media_type: str


NOTHING_YET = Progress(Path()).summary() | {"fetching": {}}
"""Of a run that has not begun."""
_MEDIA = {".gz": "application/gzip", ".tbi": "application/octet-stream", ".csi": "application/octet-stream"}


class Service:
    """Runs, from their submission to their removal.

    Attributes
    ----------
    settings, store, places, uploads
        What was decided, what is known, where things are, what clients send.
    began
        When it was started, by `time.monotonic`.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        """Take a folder into service; raises InputError where it cannot be, or another service has it."""
        settings.check()
        self.settings = settings
        self.places = Places.of(settings)
        self._held = ExitStack()
        try:
            self._held.enter_context(locked(self.places.lock))
        except InputError as error:
            raise InputError(
                f"--data {settings.data} cannot be served",
                cause=f"{error.problem}; {error.cause}",
                repair="End the service that has it, or choose another folder.",
            ) from error
        for left in self.places.scratch.iterdir():
            shutil.rmtree(left, ignore_errors=True)
        self.store = Store(self.places.database)
        self.uploads = Uploads(settings, self.places)
        self.checker = Checker()
        self.queue = RunQueue(settings, self.store, self.places, self.checker)
        self.began = time.monotonic()
        self._started = False
        self._sweeper: asyncio.Task[None] | None = None
        self._hashes: dict[tuple[Path, int, int], str] = {}
        self._models: list[dict[str, Any]] | None = None
        self._technologies: list[dict[str, str]] | None = None

    async def start(self) -> None:
        """Begin to work."""
        self.queue.start()
        self._sweeper = asyncio.ensure_future(self._sweep())
        self._started = True

    async def stop(self) -> None:
        """Take no more, let what runs end or be kept, and go."""
        self._started = False
        if self._sweeper:
            self._sweeper.cancel()
        await self.queue.stop(self.settings.drain_s)
        self.checker.close()
        self.store.close()
        self._held.close()

    def ready(self) -> tuple[bool, str]:
        """Whether runs are taken, and if not why."""
        if not self._started or self.queue.draining:
            return False, "the service is starting, or ending"
        if self.queue.free_bytes() < 0:
            return False, f"less than {self.settings.least_free:,} bytes of the disk are free"
        if self._waiting() >= self.settings.most_queued:
            return False, f"{self.settings.most_queued:,} runs wait already"
        return True, ""

    def _waiting(self) -> int:
        counts = self.store.counts()
        return sum(counts[one] for one in WAITING)

    async def submit(
        self,
        request: RunRequest,
        *,
        owner: str,
        interface: str = "plain",
        original: dict[str, Any] | None = None,
        wait: float = 10.0,
    ) -> Run:
        """Take a run. It is on the disk when this returns.

        Parameters
        ----------
        request
            What to call. Inputs that have to be fetched are checked once they were.
        owner, interface, original
            As of `Run`.
        wait
            Seconds to wait for the checks, which then come before the answer.

        Raises
        ------
        ServiceError
            It is refused by what is wrong with it (422), the service takes nothing (503), or has no room (507).
        """
        ready, why = self.ready()
        if not ready:
            full = self._started and self.queue.free_bytes() < 0
            raise ServiceError(
                507 if full else 503, "No run is taken now", cause=why, repair="Try again later."
            )
        try:
            check_names(request, self.places, owner)
        except DvplugError as error:
            raise ServiceError(422, "The inputs are not there", several=problems_of(error)) from error
        fetch_first = bool(remote_inputs(request))
        state = State.QUEUED if fetch_first else State.CHECKING
        moment = now()
        new = Run(
            new_id(), owner, interface, state, request.model_dump(mode="json"), moment, original or {},
            queued=moment if fetch_first else None, tags=dict(request.tags),
        )  # fmt: skip
        run = await asyncio.to_thread(self.store.add, new)  # the disk may take its time
        self.queue.wake()
        if not fetch_first:
            run = await self._checked(run, wait)
        if run.state == State.REFUSED and interface == "plain":
            self._forget(run)
            raise ServiceError(422, "The run was refused", several=run.problems)
        return run

    async def check(self, request: RunRequest, *, owner: str) -> CheckAnswer:
        """Check a run without taking it; what has to be fetched, or indexed first, is not looked at.

        Raises
        ------
        ServiceError
            Inputs are not there (422).
        """
        try:
            check_names(request, self.places, owner)
        except DvplugError as error:
            raise ServiceError(422, "The inputs are not there", several=problems_of(error)) from error
        if remote_inputs(request):
            return CheckAnswer([], "", ("what has to be fetched is checked once it is here",))
        folder = self.places.scratch / new_id()
        folder.mkdir()
        try:
            transfer = Transfer(
                TransferLimits(max_bytes=self.settings.max_input), lambda: False, lambda *_: None
            )
            laid = await asyncio.to_thread(lay_inputs, request, folder, self.places, owner, transfer)
            if missing_indexes(folder, laid):
                return CheckAnswer(
                    [], "", ("an index is missing: it is made, and all checked, when the run begins",)
                )
            answer = await self.checker.check(folder, options_of(request, laid) | {"out": "x.vcf.gz"})
            warnings = as_given([{"text": one} for one in answer.warnings], request, laid)
            return CheckAnswer(
                as_given(answer.problems, request, laid),
                answer.recognised,
                tuple(one["text"] for one in warnings),
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _checked(self, run: Run, wait: float) -> Run:
        """Wait until a run is checked, or the time is over."""
        until = time.monotonic() + wait
        while run.state == State.CHECKING and time.monotonic() < until and not self.queue.draining:
            await asyncio.sleep(0.02)
            run = self.store.get(run.id) or run
        return run

    def run(self, run_id: str, owner: str) -> Run:
        """The run of this id; raises ServiceError where there is none, or it is another owner's."""
        run = self.store.get(run_id) if is_id(run_id) else None
        if run is None or run.owner != owner:
            raise ServiceError(
                404, f"There is no run '{run_id[:40]}'", repair="List them with GET /api/runs."
            )
        return run

    def runs(
        self, owner: str, *, states: Collection[State] = (), limit: int = 50, after: str | None = None
    ) -> tuple[list[Run], str | None]:
        """Return an owner's runs, newest first, and what asks for the next ones; raises ServiceError."""
        before = None
        if after is not None:
            if not after.isascii() or not after.isdigit() or len(after) > 15:
                raise ServiceError(
                    400, f"'{after[:40]}' asks for no page", repair="Use `next` as it was answered."
                )
            before = int(after)
        found = self.store.newest(owner=owner, states=states, before=before, limit=limit + 1)
        more = str(found[limit - 1].number) if len(found) > limit else None
        return found[:limit], more

    async def cancel(self, run_id: str, owner: str) -> Run:
        """End a run; what it finished is kept for a retry. Raises ServiceError (409) where it has ended."""
        run = self.run(run_id, owner)
        if run.state in FINISHED:
            raise ServiceError(
                409, f"Run {run_id} has ended: it is {run.state.value}", repair="There is nothing to do."
            )
        ended = self.store.change(run_id, {State.QUEUED}, state=State.CANCELLED, cancel=True, ended=now())
        if ended:
            return ended
        self.store.change(run_id, {*ACTIVE, State.CHECKING}, cancel=True)
        if life := self.queue.lives.get(run_id):
            life.cancel()
        return self.run(run_id, owner)

    async def retry(self, run_id: str, owner: str) -> Run:
        """Queue a run again that failed or was cancelled; it goes on where it stopped. Raises ServiceError (409)."""
        run = self.run(run_id, owner)
        folder = self.places.run(run_id)
        if run.state in (State.FAILED, State.CANCELLED):
            await self.queue.finished(run_id)
            with suppress(FileNotFoundError):
                (folder / LOG).rename(folder / f"events-{run.attempts}.jsonl")
        queued = self.store.change(
            run_id, {State.FAILED, State.CANCELLED}, state=State.QUEUED, cancel=False, queued=now(), started=None,
            ended=None, attempts=0, exit_code=None, problems=[], progress={},
        )  # fmt: skip
        if queued is None:
            raise ServiceError(
                409,
                f"Run {run_id} is {run.state.value}",
                cause="only one that failed or was cancelled is queued again",
                repair="Submit it anew.",
            )
        self.queue.wake()
        return queued

    async def remove(self, run_id: str, owner: str) -> None:
        """Forget a run, with all its files; raises ServiceError (409) while it is worked on."""
        run = self.run(run_id, owner)
        if run.state not in FINISHED:
            raise ServiceError(409, f"Run {run_id} is {run.state.value}", repair="Cancel it first.")
        await self.queue.finished(run_id)
        await asyncio.to_thread(self._forget, run)

    def _forget(self, run: Run) -> None:
        going = self.places.scratch / run.id
        with suppress(FileNotFoundError):
            self.folder(run).rename(going)
        self.store.remove(run.id)
        shutil.rmtree(going, ignore_errors=True)

    def folder(self, run: Run) -> Path:
        """Where the files of a run lie."""
        return self.places.run(run.id)

    def outputs(self, run: Run) -> list[OutputFile]:
        """The files that a run wrote, once it is done; the hash of each is computed once."""
        if run.state != State.DONE:
            return []
        try:
            return list(self._outputs(self.folder(run) / OUT))
        except FileNotFoundError:  # it is removed meanwhile
            return []

    def _outputs(self, folder: Path) -> Iterator[OutputFile]:
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                found = path.stat()
                key = path, found.st_size, found.st_mtime_ns
                if key not in self._hashes:
                    with path.open("rb") as file:
                        self._hashes[key] = _sha256(file)
                media = (
                    _MEDIA.get(path.suffix)
                    or mimetypes.guess_type(path.name)[0]
                    or "application/octet-stream"
                )
                yield OutputFile(path.name, path, found.st_size, self._hashes[key], media)

    def words(self, run: Run, what: str) -> Path:
        """The file of what a run said: ``stdout``, ``stderr`` or ``log``."""
        return self.folder(run) / {"stdout": STDOUT, "stderr": STDERR, "log": LOG}[what]

    def progress(self, run: Run) -> dict[str, Any]:
        """What a run is doing, or did; see docs/service.md."""
        life = self.queue.lives.get(run.id)
        if life is not None:
            return life.progress.summary() | {"fetching": dict(life.fetching)}
        return NOTHING_YET | run.progress

    async def events(self, run_id: str, owner: str, after: int = 0) -> AsyncIterator[dict[str, Any]]:
        """Yield what changes of a run, until it is finished: for server-sent events.

        Parameters
        ----------
        after
            Number of the last message that the client has.

        Yields
        ------
        dict
            ``event`` (state, progress or log) and ``data``; ``id`` where it is a message of the log.
        """
        run, told, version, state = self.run(run_id, owner), after, -1, None
        quiet = time.monotonic()
        while True:
            life = self.queue.lives.get(run_id)
            progress = life.progress if life else await asyncio.to_thread(self.finished_progress, run)
            for message in list(progress.messages):
                if message.number > told:
                    told = message.number
                    yield {"event": "log", "id": told, "data": {"kind": message.kind, "text": message.text}}
            if run.state != state:
                state = run.state
                yield {"event": "state", "data": {"state": state.value, "problems": run.problems}}
            now_at = (life.version if life else -2) + progress.version
            if now_at != version or run.state in FINISHED:
                version = now_at
                yield {"event": "progress", "data": self.progress(run)}
            if run.state in FINISHED or self.queue.draining:
                return
            if time.monotonic() - quiet > PING_S:
                quiet = time.monotonic()
                yield {"event": "ping", "data": {}}
            await asyncio.sleep(LOOK_S)
            run = self.run(run_id, owner)

    def finished_progress(self, run: Run) -> Progress:
        """What a run that is not worked on said; nothing of one that waits."""
        progress = Progress(self.folder(run) / LOG)
        if run.state in FINISHED:
            progress.read_all()
        return progress

    async def describe_models(self) -> list[dict[str, Any]]:
        """Return the installed models, as their manifests have them: name, version, technology, files, metrics ..."""
        if self._models is None:
            self._models = await self.checker.ask(describe_models)
        return self._models

    async def describe_technologies(self) -> list[dict[str, str]]:
        """Return name and description of each technology that is installed."""
        if self._technologies is None:
            self._technologies = await self.checker.ask(describe_technologies)
        return self._technologies

    async def describe_settings(self) -> list[dict[str, str]]:
        """Return name, default and description of each setting of an installed plugin."""
        return await self.checker.ask(describe_settings)

    async def describe_registries(self) -> list[dict[str, Any]]:
        """Return the trusted registries, each with what it offered when it was last asked."""
        return await self.checker.ask(describe_registries)

    async def registry_card(self, registry: str, label: str) -> str:
        """Return the card of a model that a registry offers; raises DvplugError."""
        return await self.checker.ask(registry_card, registry, label)

    def counts(self) -> dict[State, int]:
        """How many runs are in each state."""
        return self.store.counts()

    async def _sweep(self) -> None:
        """Remove what is too old, now and then."""
        while True:
            try:
                if self.settings.keep_days:
                    await asyncio.to_thread(self._remove_old)
            except (
                OSError,
                sqlite3.Error,
            ) as error:  # as of a disk that is full now, or what another removed
                warn(f"what is too old is not removed now: {error}")
            await asyncio.sleep(SWEEP_S)

    def _remove_old(self) -> None:
        moment = now() - 86_400 * self.settings.keep_days
        for run in self.store.ended_before(moment):
            self._forget(run)
        for folder in (self.places.data / "uploads").iterdir():
            if folder.stat().st_mtime < moment:
                shutil.rmtree(folder, ignore_errors=True)


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
