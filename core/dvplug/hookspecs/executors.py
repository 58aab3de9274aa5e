"""What an executor is to dvplug: something that runs a function on other machines, and says when one was lost.

``--executor NAME:PLACE`` has the function of the executor of that name open a pool at the place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

from dvplug.hookspecs.extensions import Extension

LOCAL = "local"
"""The processes of this machine: no executor; and the place of workers of Dask that are on it."""
SETTINGS = ".toml"
"""How files of an executor's settings end."""
Answer: TypeAlias = "tuple[str, bytes]"
"""What `dvplug.executors.node.work_on_node` returns: plain, so that it travels without dvplug."""


class WorkersWanted(NamedTuple):
    """What the options of a run ask of an executor."""

    workers: int
    """``--workers``, for executors that start their workers on this machine."""
    max_memory: int | None = None
    """Bytes that each worker may take, beyond which it has to be ended; that all processes together may take where
    workers are started on this machine."""


class Pending(Protocol):
    """A call that was handed in, as `concurrent.futures.Future`."""

    def result(self) -> Answer:
        """Wait for it and return what the function returned; raises what kept it from being called."""

    def done(self) -> bool:
        """Whether `result` need not wait."""


class Pool(Protocol):
    """Workers, each a process of its own, on whatever machines."""

    def submit(self, number: int, function: Callable[..., Answer], *arguments: object) -> Pending:
        """Have a worker call a function, which is found by its name there; calls of lower numbers first.

        A call may be run twice, if only one of the answers is returned.
        """

    def everywhere(self, function: Callable[..., Answer], *arguments: object) -> Sequence[Answer]:
        """Have all workers that are there now call a function, and wait for it. Where that is none, for the first."""

    def wait(self, calls: Sequence[Pending]) -> None:
        """Wait until one of these calls, at least, is done."""

    def deaths(self, error: BaseException) -> int:
        """How many workers that had a call died, if ``error`` of its `Pending.result` says that; 0 if it does not."""

    def workers(self) -> int:
        """How many there are at present."""

    def described(self) -> str:
        """Say for people where this runs, such as the address of its dashboard."""


class OpenPool(Protocol):
    """What an executor's function looks like: a context manager."""

    def __call__(self, place: str, wanted: WorkersWanted) -> AbstractContextManager[Pool]:
        """Open a pool, which ends with the block; raises DvplugError where that is not possible."""


@dataclass(frozen=True)
class Executor(Extension):
    """Has regions called elsewhere (``--executor``). Its function is an `OpenPool`.

    Parameters
    ----------
    tried_at
        A place that is on any machine, as "2" where a place is a number of processes: ``dvplug plugins check`` opens
        a pool there. None where there is none.
    """

    kind = "executor"
    protocol = OpenPool
    offered = ()

    tried_at: str | None = field(default=None, kw_only=True)
