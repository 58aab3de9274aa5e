"""Clusters with a queue (Slurm, PBS, LSF, SGE), from a small file of settings, by dask-jobqueue."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from dvplug.errors import InputError
from dvplug.executors.dask_pool import MALLOC, OWN_SCHEDULER, WORKER_SETTINGS, DaskPool, connected
from dvplug.hookspecs.executors import WorkersWanted
from dvplug.system.memory import in_units, parse_size
from dvplug.technology import Frozen

if TYPE_CHECKING:
    from dask_jobqueue.core import JobQueueCluster

IDLE_S = 60
"""That a worker has nothing to do before its job is given back: it may have waited in the queue for hours."""
_CLUSTERS = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}
_ACCOUNT = {"slurm": "account", "pbs": "account", "lsf": "project", "sge": "project"}


class ClusterSettings(Frozen):
    """What a file of settings says; docs/cluster.md explains each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: Literal["slurm", "pbs", "lsf", "sge"]
    jobs: int = Field(ge=1)
    min_jobs: int | None = Field(default=None, ge=0)
    cores: int = Field(ge=1)
    memory: str
    walltime: str | None = None
    queue: str | None = None
    account: str | None = None
    interface: str | None = None
    host: str | None = None
    local_directory: str | None = None
    log_directory: str | None = None
    python: str | None = None
    prologue: tuple[str, ...] = ()
    directives: tuple[str, ...] = ()


def read_settings(path: Path) -> ClusterSettings:
    """Read a file of settings.

    Raises
    ------
    InputError
        It is not there, is no TOML, or says what cannot be; all that is wrong is named.
    """
    try:
        with path.open("rb") as file:
            found = _toml().load(file)
        settings = ClusterSettings(**found)
        parse_size(settings.memory)
    except OSError as error:
        raise InputError(f"--executor {path} cannot be read", cause=error.strerror or str(error)) from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise InputError(
            f"--executor {path} is no file of settings",
            cause=wrong,
            repair="docs/cluster.md has one for each kind of queue.",
        ) from error
    except ValueError as error:
        raise InputError(f"--executor {path} is not valid TOML", cause=str(error)) from error
    if settings.min_jobs is not None and settings.min_jobs > settings.jobs:
        raise InputError(
            f"--executor {path}: min_jobs {settings.min_jobs} is more than jobs {settings.jobs}",
            repair="Lower min_jobs.",
        )
    return settings


def _toml() -> Any:
    """The reader of TOML: Python's own, from 3.11 on."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib


@contextmanager
def open_jobqueue(settings: ClusterSettings, wanted: WorkersWanted) -> Iterator[DaskPool]:
    """Start a scheduler here and have the queue start workers, which end with the block; raises InputError."""
    try:
        cluster = make_cluster(settings, wanted.max_memory)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"a {settings.system} cluster cannot be made", cause=str(error)) from error
    with cluster, connected(cluster) as pool:
        least = settings.min_jobs
        _submit(cluster, settings.jobs if least is None else max(least, 1))
        if least is not None:
            cluster.adapt(minimum_jobs=least, maximum_jobs=settings.jobs, interval="1s", wait_count=IDLE_S)
        yield pool


def _submit(cluster: JobQueueCluster, jobs: int) -> None:
    """Ask for the first jobs; raises InputError where the queue does not take one, of which Dask would say nothing."""
    cluster.scale(jobs=jobs)
    with suppress(OSError, RuntimeError):  # as the jobs tell
        cluster.sync(cluster._correct_state)
    for job in cluster.workers.values():
        if job.refused:
            command = cluster.job_cls.submit_command
            raise InputError(
                f"the queue does not take a job by {command}",
                cause=" ".join(str(job.refused).split()),
                repair=f"Correct the settings of --executor, and run where {command} is there.",
            )


def _telling(kind: Any) -> Any:
    """A class of jobs that keep why they could not be submitted."""
    from distributed import Status

    class TellingJob(kind):
        refused: Exception | None = None

        async def start(self) -> None:
            try:
                await super().start()
            except Exception as error:
                self.refused, self.status = error, Status.failed
                raise

    return TellingJob


def make_cluster(settings: ClusterSettings, max_memory: int | None = None) -> JobQueueCluster:
    """Make the cluster, without jobs: a worker for each core of a job, which share its memory.

    Raises
    ------
    InputError
        A worker is to be allowed more than its share.
    """
    import dask_jobqueue

    share = parse_size(settings.memory) // settings.cores
    if max_memory is not None and max_memory > share:
        raise InputError(
            f"--max-memory {in_units(max_memory)} is more than the {in_units(share)} that each worker has",
            cause=f"{settings.cores} workers share the {settings.memory} of a job",
            repair="Leave it out, or raise memory, or lower cores, in the settings.",
        )
    worker_limit = ["--memory-limit", str(max_memory)] if max_memory is not None else []
    own = {"host": settings.host} if settings.host else {}
    given: dict[str, Any] = {
        "cores": settings.cores,
        "processes": settings.cores,
        "memory": f"{parse_size(settings.memory)}B",
        "queue": settings.queue,
        "walltime": settings.walltime,
        "interface": settings.interface,
        "local_directory": settings.local_directory,
        "log_directory": settings.log_directory,
        "python": settings.python,
        "job_name": "dvplug",
        "job_script_prologue": [*_environment(), *settings.prologue],
        "job_extra_directives": list(settings.directives),
        "worker_extra_args": worker_limit,
        "scheduler_options": OWN_SCHEDULER | own,
        "silence_logs": logging.CRITICAL,
        _ACCOUNT[settings.system]: settings.account,
    }
    make: Any = getattr(dask_jobqueue, _CLUSTERS[settings.system])
    given["job_cls"] = _telling(make.job_cls)
    cluster: JobQueueCluster = make(**{name: value for name, value in given.items() if value is not None})
    return cluster


def _environment() -> list[str]:
    """`WORKER_SETTINGS` and `MALLOC` for processes that the queue starts."""
    named = {
        "DASK_" + name.upper().replace(".", "__").replace("-", "_"): v for name, v in WORKER_SETTINGS.items()
    }
    return [f"export {name}={value}" for name, value in (named | MALLOC).items()]
