"""What a worker on another machine does: compare itself with the client before its first region, then call regions.

Arguments and answers are plain bytes and texts. Nothing of dvplug in them is unpacked before versions and code were
found to be the same, and whatever is raised, `SystemExit` too, becomes an answer: else it would end the worker.
"""

from __future__ import annotations

import hashlib
import pickle
import socket
import threading
import traceback
import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

from dvplug._version import __version__
from dvplug.errors import DvplugError, InputError
from dvplug.hookspecs.executors import Answer
from dvplug.kernel.cache import cache_folder, is_warm
from dvplug.plugins.loading import Plugins, installed_plugins
from dvplug.plugins.sources import RunCode

Facts: TypeAlias = "Mapping[str, Any]"
"""What has to be the same everywhere, as JSON can hold it: see `facts_of`."""
DONE, ERROR, FAULT = "done", "error", "fault"
_one_at_a_time = threading.Lock()  # whatever number of threads the worker was given
_prepared: dict[str, Callable[[Any], object]] = {}


class Job(Protocol):
    """What is known here of a job."""

    def portable(self) -> Job:
        """As other machines can read it: its places do not depend on the folder that this process is in."""

    def on_this_machine(self, plugins: Plugins) -> Job:
        """As this machine has to do it; raises DvplugError where what it needs is not here, or not the same."""


class NodeState(NamedTuple):
    """What a worker tells when it is ready."""

    node: str
    keeps_kernels: bool
    has_kernels: bool


def node_name() -> str:
    """The name of this machine."""
    return socket.gethostname()


def facts_of(code: RunCode, technology: str, parts: list[tuple[str, str]]) -> Facts:
    """Gather what a worker has to have in common with this process.

    Parameters
    ----------
    parts
        Kind and name of what the model is opened with.
    """
    return {
        "dvplug": __version__, "technology": technology, "parts": parts, "plugin": code.plugins,
        "code of": code.digests, "library": code.libraries,
    }  # fmt: skip


def packed(make: Callable[[Any], Callable[[Any], object]], job: Job) -> bytes:
    """Pack what a worker needs for all regions."""
    return zlib.compress(pickle.dumps((make, job.portable())), 1)


def work_on_node(facts: Facts, work: bytes, region: bytes) -> Answer:
    """Do ``make(job)(region)`` on a worker, of `packed` work and a pickled region.

    Without a region, only get ready: the result is a `NodeState`.

    Returns
    -------
    kind, content
        ``done`` and the pickled result, ``error`` and a pickled DvplugError, or ``fault`` and a traceback.
    """
    try:
        with _one_at_a_time:
            call = _call_of(facts, work)
            result = call(pickle.loads(region)) if region else _state()  # noqa: S301 - of the client
            return DONE, pickle.dumps(result)
    except DvplugError as error:
        return ERROR, pickle.dumps(error)
    except MemoryError:
        where = f" at {pickle.loads(region)}" if region else ""  # noqa: S301
        short = DvplugError(
            f"memory ran out on {node_name()}{where}",
            repair="Give each worker more, or each node fewer workers.",
        )
        return ERROR, pickle.dumps(short)
    except BaseException:  # noqa: BLE001 - the client tells it
        return FAULT, f"a fault on {node_name()}\n{traceback.format_exc()}".encode()


def result_of(answer: Answer) -> Any:
    """Return the result that an answer of `work_on_node` holds; raises the error."""
    kind, content = answer
    if kind == FAULT:
        raise RuntimeError(content.decode())
    found = pickle.loads(content)  # noqa: S301 - of our own workers
    if kind == ERROR:
        raise found
    return found


def _call_of(facts: Facts, work: bytes) -> Callable[[Any], object]:
    key = hashlib.sha256(work).hexdigest()
    if key not in _prepared:
        plugins = require_same(facts)
        make, job = pickle.loads(zlib.decompress(work))  # noqa: S301 - of the client, whose code is the same
        _prepared.clear()  # files and model of a run before
        _prepared[key] = make(job.on_this_machine(plugins))
    return _prepared[key]


def require_same(facts: Facts) -> Plugins:
    """Compare this process with the client's facts, and return its plugins.

    Raises
    ------
    InputError
        Something differs: each is named with both values.
    """
    if facts["dvplug"] != __version__:
        raise other_version(node_name(), __version__, facts["dvplug"])
    plugins = installed_plugins()
    own = RunCode.of(plugins, plugins.technology(facts["technology"]), list(map(tuple, facts["parts"])))
    here = {"plugin": own.plugins, "code of": own.digests, "library": own.libraries}
    found = [
        f"{what} {name} is {here[what].get(name, 'none')} there, and {facts[what].get(name, 'none')} here"
        for what in here
        for name in sorted({*here[what], *facts[what]})
        if here[what].get(name) != facts[what].get(name)
    ]
    if found:
        raise InputError(
            f"the worker on {node_name()} is installed otherwise than this dvplug",
            cause="; ".join(found),
            repair="Install the same on all nodes, as by one environment on a shared file system.",
        )
    return plugins


def other_version(node: str, theirs: str, ours: str) -> InputError:
    """The error where a worker has another version of dvplug."""
    return InputError(
        f"the worker on {node} has dvplug {theirs}, and this is dvplug {ours}",
        cause="what they call may differ",
        repair=f"Install dvplug {ours} there, or leave that worker out.",
    )


def _state() -> NodeState:
    return NodeState(node_name(), cache_folder() is not None, is_warm())
