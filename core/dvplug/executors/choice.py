"""What ``--executor`` means: local, a name with a place, or a file of settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path

from dvplug.errors import DvplugError, InputError, PluginError, near_misses, raised
from dvplug.hookspecs import Executor, OpenPool, Pool, WorkersWanted
from dvplug.hookspecs.executors import LOCAL, SETTINGS
from dvplug.plugins.loading import PluginItem, installed_plugins
from dvplug.system.devices import parse_device

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
    from dvplug.executors.dask_pool import check_place, require_dask

    name, _, place = executor.partition(":")
    if executor.endswith(SETTINGS):
        from dvplug.executors.jobqueue import open_jobqueue, read_settings

        require_dask("dask_jobqueue")
        return partial(open_jobqueue, read_settings(Path(executor)))
    plugins = installed_plugins()
    known = plugins.names(Executor.kind)
    if name not in known and not plugins.is_contested(Executor.kind, name):
        raise InputError(
            f"--executor '{executor}' is unknown",
            cause=near_misses(name, [LOCAL, *known]),
            repair=f"Use {LOCAL}, {IN_DASK_LOCAL}, {DASK}:tcp://host:port, a file of settings, cluster{SETTINGS}, or "
            "NAME:PLACE where `dvplug plugins list` shows an executor of that name.",
        )
    offer = plugins.offer(Executor.kind, name)
    if offer.plugin.is_ours:
        check_place(place)
        require_dask("distributed")
    return partial(opened, offer, offer.load(), place)


@contextmanager
def opened(offer: PluginItem, function: OpenPool, place: str, wanted: WorkersWanted) -> Iterator[Pool]:
    """Open a plugin's pool; whatever it raises then is told with whose it is."""
    with ExitStack() as stack:
        try:
            pool = stack.enter_context(function(place, wanted))
        except DvplugError:
            raise
        except Exception as error:
            raise PluginError(
                f"{offer.whose} cannot be opened at '{place}'",
                cause=raised(error),
                repair=f"Say after --executor {offer.name}: a place that it knows, or tell its author.",
            ) from error
        yield pool
