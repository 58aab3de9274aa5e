"""The life of one run: inputs are laid and checked, the command is its child, outputs go where they were ordered.

Each step can be repeated: a service that was killed goes on with the step that a run was in. A child that outlived it
is waited for, and not started again; one that did not is started again, and goes on by its journal.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dvplug.errors import DvplugError, InputError, unwritable
from dvplug.serve.checks import Checker
from dvplug.serve.children import Ending, RunChild
from dvplug.serve.command import (
    FILES,
    LOCK,
    LOG,
    OUT,
    STDERR,
    STDOUT,
    command_of,
    make_folders,
    options_of,
    page_of,
)
from dvplug.serve.errors import problems_of
from dvplug.serve.inputs import LaidInputs, Transfer, as_given, laid_before, lay_inputs, missing_indexes
from dvplug.serve.places import Places
from dvplug.serve.progress import Progress
from dvplug.serve.requests import Delivery, RunRequest
from dvplug.serve.settings import ServiceSettings
from dvplug.serve.store import ACTIVE, Run, State, Store, now
from dvplug.serve.transfer import TransferLimits, put
from dvplug_registry.files import write_whole

MOST_ATTEMPTS = 5
"""Times that a command is started which ends without a word, as when the system kills it."""
LOOK_S = 0.2


class Cancelled(Exception):
    """The run was asked to end."""


class Stopped(Exception):
    """The service ends: the run goes on when it is started again."""


@dataclass
class RunLife:
    """One run, until it is finished, or the service ends.

    Attributes
    ----------
    progress
        What its command is doing.
    fetching
        What is fetched, and bytes so far.
    stop
        Set when the service ends.
    """

    run: Run
    settings: ServiceSettings
    store: Store
    places: Places
    checker: Checker
    progress: Progress
    fetching: dict[str, int] = field(default_factory=dict)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    version: int = 0
    _cancel: bool = False

    @property
    def folder(self) -> Path:
        """Where the run lies."""
        return self.places.run(self.run.id)

    def cancel(self) -> None:
        """Have it end, soon."""
        self._cancel = True

    def _over(self) -> bool:
        return self._cancel or self.stop.is_set()

    def _require_wanted(self) -> None:
        if self._cancel:
            raise Cancelled
        if self.stop.is_set():
            raise Stopped

    async def check(self) -> None:
        """Lay and check the inputs of a run that waits for it; it is queued, refused or cancelled then."""
        await self._guarded(self._check, {State.CHECKING})

    async def live(self) -> None:
        """Go from step to step until the run is finished."""
        await self._guarded(self._live, ACTIVE)

    async def _guarded(
        self, steps: Callable[[], Awaitable[None]], states: set[State] | frozenset[State]
    ) -> None:
        try:
            await steps()
        except Stopped:
            return
        except Cancelled:
            await self._deliver_words()
            self._change(states, state=State.CANCELLED, ended=now(), pid=None)
        except DvplugError as error:
            await self._deliver_words()
            self._finish_badly(states, self._told(problems_of(error)))
        except Exception as error:  # noqa: BLE001 - a fault of ours ends this run, and is told; the others go on
            import traceback

            with suppress(OSError), (self.folder / STDERR).open("a") as file:
                file.write("".join(traceback.format_exception(error)))
            fault = {"problem": "A fault of the service ended the run", "cause": type(error).__name__}
            self._finish_badly(states, [fault | {"repair": "Look into its stderr, and report it."}])

    def _told(self, problems: list[dict[str, str]]) -> list[dict[str, str]]:
        laid = laid_before(self.folder)
        return as_given(problems, RunRequest.model_validate(self.run.request), laid) if laid else problems

    def _finish_badly(self, states: set[State] | frozenset[State], problems: list[dict[str, str]]) -> None:
        state = State.REFUSED if self.run.state == State.CHECKING else State.FAILED
        self._change(states, state=state, ended=now(), pid=None, problems=problems)

    def _change(self, come_from: set[State] | frozenset[State], **changed: Any) -> None:
        """Change the run; raises Cancelled where somebody else did."""
        found = self.store.change(self.run.id, come_from, **changed)
        if found is None:
            found = self.store.get(self.run.id)
            if found is None or found.state in come_from:
                raise Cancelled
        self.run = found
        self.version += 1

    async def _check(self) -> None:
        request = RunRequest.model_validate(self.run.request)
        laid = await self._lay(request)
        make_folders(self.folder)
        answer = await self.checker.check(self.folder, options_of(request, laid))
        self._require_wanted()
        if answer.problems:
            self._finish_badly({State.CHECKING}, as_given(answer.problems, request, laid))
        else:
            self._change({State.CHECKING}, state=State.QUEUED, queued=now(), recognised=answer.recognised)

    async def _lay(self, request: RunRequest) -> LaidInputs:
        """Lay the inputs, and make the indexes that they lack."""
        limits = TransferLimits(max_bytes=self.settings.max_input, allow_private=self.settings.allow_private)
        transfer = Transfer(limits, self._over, self._tell)
        self.folder.mkdir(exist_ok=True)
        try:
            laid = await asyncio.to_thread(
                lay_inputs, request, self.folder, self.places, self.run.owner, transfer
            )
        except DvplugError:
            self._require_wanted()
            raise
        self._require_wanted()
        missing = missing_indexes(self.folder, laid)
        if missing:
            await self._make_indexes(missing)
        return laid

    def _tell(self, name: str, done: int) -> None:
        self.fetching[name] = done
        self.version += 1
        if shutil.disk_usage(self.places.data).free < self.settings.least_free:
            raise InputError(
                f"There is no room for {name}",
                cause=f"{self.settings.least_free:,} bytes of the disk are to stay free",
                repair="Remove runs that are not needed, then retry this one.",
            )

    async def _make_indexes(self, names: Sequence[str]) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "dvplug.serve.indexing", *names, cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        said, waiting = b"", asyncio.ensure_future(process.communicate())
        while not waiting.done():
            await asyncio.wait({waiting}, timeout=LOOK_S)
            if self._over() and not waiting.done():
                process.kill()
        said, _ = waiting.result()
        self._require_wanted()
        problems = json.loads(said or b"[]")
        if process.returncode:
            raise IndexingFailed(problems)

    async def _live(self) -> None:
        request = RunRequest.model_validate(self.run.request)
        if self.run.state == State.FETCHING:
            await self._lay(request)
            self._change({State.FETCHING}, state=State.CALLING)
        if self.run.state == State.CALLING:
            await self._call(request)
            self._change({State.CALLING}, state=State.DELIVERING, pid=None)
        await self._deliver(request)
        self._change({State.DELIVERING}, state=State.DONE, ended=now())

    async def _call(self, request: RunRequest) -> None:
        """Run the command to its end, once; adopts the child that a killed service left."""
        laid = await self._lay(request)
        make_folders(self.folder)
        self.progress.read_all()
        child = RunChild.adopt(self.folder / LOCK, self.progress.pid or self.run.pid)
        while True:
            if child is None and self._ended_well():
                return
            if child is None:
                self._require_wanted()
                if self.run.attempts >= MOST_ATTEMPTS:
                    raise GaveUp(self.run.attempts)
                child = self._start(request, laid)
            await self._follow(child)
            self.run = self.store.change(self.run.id, {State.CALLING}, exit_code=child.exit_code) or self.run
            if self._ended_badly():
                raise CommandFailed(self.progress.last or {})
            child = None

    def _start(self, request: RunRequest, laid: LaidInputs) -> RunChild:
        words = command_of(request, laid, self.settings)
        try:
            child = RunChild.start(
                words, self.folder, self.folder / LOCK, self.folder / STDOUT, self.folder / STDERR
            )
        except OSError as error:
            raise GaveUp(self.run.attempts, str(error)) from error
        self._change({State.CALLING}, pid=child.pid, attempts=self.run.attempts + 1)
        return child

    async def _follow(self, child: RunChild) -> None:
        """Wait for the end of a child; where the run is not wanted any more, see to it."""
        ending = Ending(child)
        while child.running():
            child.pid = child.pid or self.progress.pid
            if self._over() and child.pid:
                ending.push()
            await asyncio.sleep(LOOK_S)
            if self.progress.read():
                self.version += 1
        self.progress.read_all()
        self.version += 1
        self._require_wanted_or_done()

    def _require_wanted_or_done(self) -> None:
        if not self._ended_well():
            self._require_wanted()

    def _ended_well(self) -> bool:
        last = self.progress.last
        page = page_of(RunRequest.model_validate(self.run.request))
        return last is not None and last["event"] == "end" and (self.folder / OUT / page).is_file()

    def _ended_badly(self) -> bool:
        """Whether the command said why it ended; one that was killed says nothing, and one told to end is no error."""
        last = self.progress.last
        return last is not None and last["event"] == "error" and last.get("kind") != "interrupted"

    async def _deliver(self, request: RunRequest) -> None:
        """PUT what was ordered; what was done before is not done again."""
        for number, one in enumerate(request.deliver):
            await self._put(number, one)

    async def _put(self, number: int, order: Delivery) -> None:
        kept = self.folder / "delivered.json"
        done: list[int] = json.loads(kept.read_bytes()) if kept.is_file() else []
        if number in done:
            return
        self._require_wanted()
        path = output_path(self.folder, order.what)
        if not path.is_file():
            raise NothingToDeliver(order.what)
        limits = TransferLimits(max_bytes=self.settings.max_input, allow_private=self.settings.allow_private)
        try:
            await asyncio.to_thread(self._send, path, order, limits)
        except DvplugError:
            self._require_wanted()
            raise
        write_whole(kept, json.dumps([*done, number]).encode())

    def _send(self, path: Path, order: Delivery, limits: TransferLimits) -> None:
        if not order.unpacked:
            put(path, order.urls, limits, manifest=order.manifest, cancelled=self._over)
            return
        text = self.folder / path.name.removesuffix(".gz")
        try:
            self._unpack(path, text)
            put(text, order.urls, limits, manifest=order.manifest, cancelled=self._over)
        finally:
            text.unlink(missing_ok=True)

    def _unpack(self, path: Path, to: Path) -> None:
        try:
            with gzip.open(path) as packed, to.open("wb") as out:
                while not self._over() and (block := packed.read(1 << 20)):
                    out.write(block)
                    self._tell(to.name, out.tell())
        except OSError as error:
            raise unwritable(to.name, error) from error

    async def _deliver_words(self) -> None:
        """Deliver what a run that failed said, as far as that can be."""
        request = RunRequest.model_validate(self.run.request)
        for number, one in enumerate(request.deliver):
            if one.what in ("stdout", "stderr", "log") and output_path(self.folder, one.what).is_file():
                try:
                    await self._put(number, one)
                except (DvplugError, OSError, Cancelled, Stopped):
                    continue


def output_path(folder: Path, what: str) -> Path:
    """The file of a run that is to be delivered, by what it is."""
    if what in ("stdout", "stderr", "log"):
        return folder / {"stdout": STDOUT, "stderr": STDERR, "log": LOG}[what]
    place = folder / OUT / FILES[what]
    other = place.with_suffix(".csi")
    return other if what.endswith("_index") and not place.is_file() and other.is_file() else place


class IndexingFailed(DvplugError):
    """Inputs without an index, of which none can be made."""

    def __init__(self, problems: list[dict[str, str]]) -> None:
        self._said = [
            DvplugError(one["problem"], cause=one["cause"], repair=one["repair"]) for one in problems
        ]
        super().__init__("No index can be made", repair="Give the files with their indexes.")

    @property
    def problems(self) -> tuple[DvplugError, ...]:
        """Those of each file."""
        return tuple(self._said) or (self,)


class CommandFailed(DvplugError):
    """The command said why it cannot go on."""

    def __init__(self, event: dict[str, Any]) -> None:
        self._said = event.get("problems") or [event]
        first = self._said[0]
        if event.get("kind") == "fault":
            super().__init__(
                "A fault of dvplug ended the run", cause=str(event.get("problem", "")),
                repair="Look into its stderr, and report it.",
            )  # fmt: skip
            self._said = []
            return
        super().__init__(first["problem"], cause=first["cause"], repair=first["repair"])

    @property
    def problems(self) -> tuple[DvplugError, ...]:
        """All that it said."""
        return tuple(DvplugError(o["problem"], cause=o["cause"], repair=o["repair"]) for o in self._said) or (
            self,
        )


class GaveUp(DvplugError):
    """The command ended again and again without a word."""

    def __init__(self, attempts: int, cause: str = "") -> None:
        super().__init__(
            f"The command ended {attempts} times without saying why",
            cause=cause or "most often the system ran out of memory and killed it",
            repair="Start the service with fewer --workers, or with --max-memory; then retry the run.",
        )


class NothingToDeliver(DvplugError):
    """Something was ordered that the run does not write."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"There is no {what} to deliver",
            cause="the run was not asked for one",
            repair="Ask for it: gvcf, report.",
        )
