"""Workers of Dask: of a scheduler that is there, or of a cluster of this machine's processes.

Dask is imported when a pool is opened, and never otherwise.
"""

from __future__ import annotations

import importlib.util
import logging
import pkgutil
import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from dvplug._version import __version__
from dvplug.errors import DvplugError, InputError, Problems
from dvplug.executors.dask_local import Keeper
from dvplug.executors.node import other_version
from dvplug.hookspecs.executors import LOCAL, Answer, Pending, WorkersWanted
from dvplug.system.console import info, warn
from dvplug.system.memory import PARENT_BYTES, in_units

if TYPE_CHECKING:
    from distributed import Client

CONNECT_S = 20.0
DASHBOARD_S = 10.0
"""After which a scheduler of ours has its dashboard and its other pages: what draws them takes .3 s to import and .2 s
to set up, which a short run need not."""
COUNT_S = 1.0
OWN_SCHEDULER = {"allowed_failures": 0, "dashboard_address": ":0"}
"""Options of schedulers that are ours: each death is told at once, so that deaths can be counted by region."""
WORKER_SETTINGS: dict[str, object] = {
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.cycle": "10s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.system-monitor.gil.enabled": False,
}
"""What a worker holds is not Dask's to put on disk, and one that waits for it to be less waits for ever: so it is ended
at 95 % of its limit, and nothing before. And it need not look at itself many times a second."""
WORKERS_WITHIN = "distributed.scheduler.no-workers-timeout"
PAGES_OF_SCHEDULER = "distributed.scheduler.http.routes"
LOCAL_SETTINGS: dict[str, object] = {
    **WORKER_SETTINGS,
    WORKERS_WITHIN: "120s",
    PAGES_OF_SCHEDULER: [],
    "distributed.worker.http.routes": [],
}
"""Of scheduler and workers that are started here. Lost workers are made up for at once: where none comes, what does it
is gone. The scheduler's pages come later (`DASHBOARD_S`), and nobody reads those of its workers."""
MALLOC = {"MALLOC_TRIM_THRESHOLD_": 67108864, "MALLOC_MMAP_THRESHOLD_": 33554432}
"""Environment of workers, bytes: Dask has glibc give back whatever is over 64 KiB, so that the arrays of each region
cost page faults anew. These are the largest values that glibc comes to by itself (mallopt(3))."""
_PLACE = re.compile(r"(?:tcp|tls|ucx|wss?)://.+")


def require_dask(module: str) -> None:
    """Raise InputError where a part of the extra is not installed."""
    if importlib.util.find_spec(module) is None:
        raise InputError(
            f"--executor needs {module.replace('_', '-')}, which is not installed",
            repair="pip install 'dvplug[cluster]'",
        )


def check_place(place: str) -> None:
    """Raise InputError where what follows ``dask:`` is neither an address nor local."""
    if place != LOCAL and not _PLACE.fullmatch(place):
        raise InputError(
            f"--executor dask:{place} names no scheduler",
            repair="Write dask:tcp://host:8786 as `dask scheduler` prints it, or dask:local.",
        )


@contextmanager
def open_dask(place: str, wanted: WorkersWanted) -> Iterator[DaskPool]:
    """Open a pool on the scheduler of an address, or on workers of this machine that a process of its own keeps up.

    Raises
    ------
    InputError
        No scheduler answers; or its workers may take more memory than is allowed.
    """
    if place != LOCAL:
        with connected(place) as pool:
            pool.require_limits(wanted.max_memory)
            yield pool
        return
    import dask
    import distributed  # noqa: F401 - which knows the pages

    pages = dask.config.get(PAGES_OF_SCHEDULER)
    # Bytes for each worker; 0 for any.
    worker_limit = (wanted.max_memory - PARENT_BYTES) // wanted.workers if wanted.max_memory else 0
    with Keeper(wanted.workers, worker_limit, LOCAL_SETTINGS) as keeper, dask.config.set(keeper.settings):
        from distributed import LocalCluster

        with (
            LocalCluster(
                n_workers=0,  # they are the keeper's
                threads_per_worker=1,
                dashboard_address=OWN_SCHEDULER["dashboard_address"],
                scheduler_kwargs={**OWN_SCHEDULER, "dashboard": False},  # it is drawn after `DASHBOARD_S`
                silence_logs=logging.CRITICAL,
            ) as cluster,
            connected(cluster) as pool,
            keeper.run_workers_at(cluster.scheduler_address),
        ):
            cluster.loop.add_callback(cluster.loop.call_later, DASHBOARD_S, _add_pages, cluster, pages)
            yield pool


def _add_pages(cluster: Any, pages: list[str]) -> None:
    """Put Dask's pages and dashboard at the address that the scheduler has for them, as it does itself when it begins.

    Parameters
    ----------
    pages
        Modules of Dask's that have them.
    """
    from distributed.http import get_handlers

    scheduler = cluster.scheduler
    scheduler.http_application.add_handlers(".*", get_handlers(scheduler, modules=pages, prefix=""))
    with suppress(ImportError):  # bokeh is not installed
        from distributed.dashboard.scheduler import connect

        connect(scheduler.http_application, scheduler.http_server, scheduler, prefix="")


@contextmanager
def connected(cluster: Any) -> Iterator[DaskPool]:
    """Connect to a scheduler: the address of one, or a cluster of Dask's; raises InputError."""
    from distributed import Client

    loggers = [logging.getLogger(name) for name in ("distributed", "tornado")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)  # a worker that is lost is told by us, once
    try:
        client = Client(cluster, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {cluster}",
            cause=str(error),
            repair="Check the address that `dask scheduler` printed, and that this machine can reach it.",
        ) from error
    try:
        with client:
            yield DaskPool(client)
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


class DaskPool:
    """The workers of one scheduler."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.run = uuid.uuid4().hex  # in each key: an equal call of another run is not this one
        self._counted, self._count_again = 0, 0.0

    def submit(self, number: int, function: Callable[..., Answer], *arguments: object) -> Pending:
        """As `Pool.submit`; the job's bytes go with each call, since what is scattered is not restored when lost."""
        key = (f"dvplug-{self.run}", number, uuid.uuid4().hex)
        with _loss_told():
            return _Future(self.client.submit(function, *arguments, key=key, priority=-number, pure=False))

    def everywhere(self, function: Callable[..., Answer], *arguments: object) -> Sequence[Answer]:
        """As `Pool.everywhere`; raises InputError where workers have another version of dvplug, or none."""
        from distributed.scheduler import KilledWorker

        if not self._infos():
            info("There is no worker yet: waiting for the first.")
            self.client.submit(int, pure=False).result()  # asks a cluster that grows by what waits for one
        self._require_version()
        threads = {address: worker["nthreads"] for address, worker in self._infos().items()}
        if many := sorted(address for address, count in threads.items() if count > 1):
            warn(
                f"workers with several threads call one region at a time: {', '.join(many)}. Start them by "
                "`dask worker --nthreads 1 --nworkers N`."
            )
        calls = [
            _Future(
                self.client.submit(
                    function,
                    *arguments,
                    key=f"dvplug-{self.run}-ready-{address}",
                    workers=[address],
                    allow_other_workers=True,  # else the call would wait for a worker that has gone
                    pure=False,
                )
            )
            for address in threads
        ]
        answers = []
        for call in calls:
            with suppress(KilledWorker):  # it went, as idle ones do where the number is adapted
                answers.append(call.result())
        return answers

    def _require_version(self) -> None:
        """Look at versions by a function that any Python has: of another dvplug's, names and types may be others."""
        problems = Problems()
        found = self.client.run(pkgutil.resolve_name, "dvplug._version:__version__", on_error="return")
        for address, version in found.items():
            with problems.collect():
                if isinstance(version, OSError):  # it went meanwhile
                    continue
                if isinstance(version, BaseException):
                    raise InputError(
                        f"the worker {address} has no dvplug",
                        cause=str(version),
                        repair=f"Install dvplug {__version__} in the environment that `dask worker` runs in.",
                    )
                if version != __version__:
                    raise other_version(address, version, __version__)
        problems.raise_all()

    def require_limits(self, max_memory: int | None) -> None:
        """Raise InputError where a worker that others started may take more than this."""
        if max_memory is None:
            return
        for address, worker in self._infos().items():
            limit = worker["memory_limit"]
            if not limit or limit > max_memory:
                raise InputError(
                    f"the worker {address} may take {in_units(limit) if limit else 'any memory'}, more than "
                    f"--max-memory {in_units(max_memory)}",
                    cause="the limit of a worker is set when it is started",
                    repair=f"Start it by `dask worker --memory-limit {max_memory}`.",
                )

    def wait(self, calls: Sequence[Pending]) -> None:
        """As `Pool.wait`; a connection that is lost is told by `Pending.result`."""
        from distributed import wait

        with (
            self.client.as_current(),
            suppress(CancelledError),
        ):  # it asks the default client, which ours is not
            wait([call.future for call in calls if isinstance(call, _Future)], return_when="FIRST_COMPLETED")

    def deaths(self, error: BaseException) -> int:
        """As `Pool.deaths`."""
        from distributed.scheduler import KilledWorker

        return error.allowed_failures + 1 if isinstance(error, KilledWorker) else 0

    def workers(self) -> int:
        """As `Pool.workers`, as it was at most `COUNT_S` ago: each region asks, and the scheduler has to be asked."""
        now = time.monotonic()
        if now >= self._count_again:
            with _loss_told():
                self._counted, self._count_again = len(self._infos()), now + COUNT_S
        return self._counted

    def described(self) -> str:
        """The scheduler's address, and that of its dashboard."""
        scheduler = self.client.scheduler
        address = scheduler.address if scheduler is not None else "a scheduler"
        return f"Dask at {address}, dashboard {self.client.dashboard_link}"

    def _infos(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.client.scheduler_info(n_workers=-1)["workers"]
        return found


class _Future:
    """A future of Dask, whose errors are told as dvplug's."""

    def __init__(self, future: Any) -> None:
        self.future = future

    def done(self) -> bool:
        """As `Pending.done`."""
        return bool(self.future.done())

    def result(self) -> Answer:
        """As `Pending.result`."""
        from distributed.scheduler import KilledWorker, NoWorkerError

        try:
            with _loss_told():
                answer: Answer = self.future.result()
        except (KilledWorker, DvplugError):
            raise
        except NoWorkerError as error:
            raise DvplugError(
                "no worker is left",
                cause=f"none came in {error.timeout:.0f} s",
                repair="Look for what ends processes on this machine; the same command with --resume goes on.",
            ) from error
        except Exception as error:
            raise DvplugError(
                "a worker of Dask could not do its work",
                cause=f"{type(error).__name__}: {error}",
                repair="Workers need the dvplug, Dask and Python of this process: compare their environments.",
            ) from error
        return answer


@contextmanager
def _loss_told() -> Iterator[None]:
    """Tell that the scheduler is gone: futures are cancelled, or the connection is found to be closed."""
    try:
        yield
    except (CancelledError, OSError) as error:
        raise DvplugError(
            "the connection to the Dask scheduler was lost",
            cause=str(error),
            repair="Once it is there again, the same command with --resume goes on.",
        ) from error
