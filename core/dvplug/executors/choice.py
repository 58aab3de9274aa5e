"""What ``--executor`` means: local, a name with a place, or a file of settings."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from dvplug.errors import InputError, PluginError, near_misses, raised
from dvplug.executors.pool import LOCAL, SETTINGS, OpenPool, Pool, WorkersWanted
from dvplug.system.devices import parse_device

GROUP = "dvplug.executors"
DASK = "dask"
IN_DASK_LOCAL = f"{DASK}:{LOCAL}"
"""Workers of Dask on this machine."""


def starts_here(executor: str) -> bool:
    """Whether the workers are on this machine, so that ``--workers`` says how many."""
    return executor in (LOCAL, IN_DASK_LOCAL)


def check_executor(executor: str, device: str) -> None:
    """Raise DvplugError where an executor cannot be used: no pool is opened.

    Parameters
    ----------
    device
        What ``--device`` says.
    """
    if executor == LOCAL:
        return
    _opener(executor)
    if parse_device(device).kind == "gpu":
        raise InputError(
            f"--device {device} cannot be had with --executor {executor}",
            cause="the network runs in each worker, on its CPU",
            repair="Leave out --device, or --executor.",
        )


def open_pool(executor: str, wanted: WorkersWanted) -> AbstractContextManager[Pool]:
    """Open the pool of an executor that is not local; raises DvplugError."""
    return _opener(executor)(wanted)


def _opener(executor: str) -> Callable[[WorkersWanted], AbstractContextManager[Pool]]:
    from dvplug.executors.dask_pool import check_place, open_dask, require_dask

    name, _, place = executor.partition(":")
    if name in others():
        return partial(_theirs(name), place)
    if executor.endswith(SETTINGS):
        from dvplug.executors.jobqueue import open_jobqueue, read_settings

        require_dask("dask_jobqueue")
        return partial(open_jobqueue, read_settings(Path(executor)))
    if name == DASK:
        check_place(place)
        require_dask("distributed")
        return partial(open_dask, place)
    raise InputError(
        f"--executor '{executor}' is unknown",
        cause=near_misses(name, [LOCAL, DASK, *others()]),
        repair=f"Use {LOCAL}, {IN_DASK_LOCAL}, {DASK}:tcp://host:port, or a file of settings, cluster{SETTINGS}.",
    )


def others() -> dict[str, importlib.metadata.EntryPoint]:
    """Executors that other distributions bring, by name."""
    return {point.name: point for point in importlib.metadata.entry_points(group=GROUP)}


def _theirs(name: str) -> OpenPool:
    point = others()[name]
    whose = f"the executor '{name}' of {point.dist.name if point.dist else point.value}"
    if name in (LOCAL, DASK):
        raise PluginError(f"{whose} has the name of one of dvplug's own", repair="Uninstall it.")
    try:
        opener: OpenPool = point.load()
    except (Exception, SystemExit) as error:
        raise PluginError(f"{whose} cannot be imported", cause=raised(error)) from error
    return opener
