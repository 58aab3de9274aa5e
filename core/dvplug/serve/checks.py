"""All checks of `dvplug call` before a run is queued, in one process beside the service that has the engine loaded."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from dvplug.errors import DvplugError
from dvplug.serve.children import NICE
from dvplug.serve.errors import problems_of

Answer = TypeVar("Answer")
CHECK_S = 120.0
"""Seconds that a check may take; it looks at headers, indexes and a few reads."""


class CheckAnswer(NamedTuple):
    """What the checks found.

    Attributes
    ----------
    problems
        What is wrong, each with ``problem``, ``cause``, ``repair``; a run with any is not queued.
    recognised
        Which technology was recognised and why; empty where it was named.
    warnings
        What the user should know of all the same.
    """

    problems: list[dict[str, str]]
    recognised: str = ""
    warnings: tuple[str, ...] = ()


class Checker:
    """Runs functions of the engine in a process beside this one, which is begun anew when one of them ends it."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    async def check(self, folder: Path, options: dict[str, Any]) -> CheckAnswer:
        """Check a call: options as of `dvplug.call`, paths within a folder."""
        try:
            return await asyncio.wait_for(self.ask(check_call, str(folder), options), CHECK_S)
        except (BrokenProcessPool, asyncio.TimeoutError) as error:
            self.close()
            why = "it takes too long" if isinstance(error, asyncio.TimeoutError) else "it ended the process"
            problem = {
                "problem": "The inputs cannot be read", "cause": f"{why} that looks at them",
                "repair": "Check the files, e.g. with samtools quickcheck.",
            }  # fmt: skip
            return CheckAnswer([problem])

    async def ask(self, function: Callable[..., Answer], *given: Any) -> Answer:
        """Call a function of a module in that process; raises what it raises."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_begin)
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *given)

    def close(self) -> None:
        """End the process."""
        if self._pool is not None:
            for process in list((self._pool._processes or {}).values()):
                process.kill()
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _begin() -> None:
    """Leave the terminal, and Ctrl-C, to the service; end with it (Linux, prctl(2))."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    os.nice(NICE)
    _die_with_parent()


def _die_with_parent() -> None:
    import ctypes
    import signal

    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def check_call(folder: str, options: dict[str, Any]) -> CheckAnswer:
    """Check a call, in a process that has the engine: see `Checker.check`."""
    import json
    import tempfile

    from dvplug.system.run_log import run_log

    os.chdir(folder)  # paths are those of the command
    problems: list[dict[str, str]] = []
    try:
        with tempfile.TemporaryDirectory() as scratch:
            log = Path(scratch, "log")
            try:
                with run_log(log):
                    _check(options)
            except DvplugError as error:
                problems = problems_of(error)
            said = [json.loads(line) for line in log.read_text().splitlines()]
    finally:
        os.chdir("/")
    told = [one["message"] for one in said if one["event"] == "info"]
    mark = "--tech auto is "
    recognised = next((one.removeprefix(mark) for one in told if one.startswith(mark)), "")
    return CheckAnswer(
        problems, recognised, tuple(one["message"] for one in said if one["event"] == "warning")
    )


def _check(options: dict[str, Any]) -> None:
    """Make the checks of `dvplug call`, for each sample of a cohort; raises all that is wrong."""
    from dvplug.calling.options import CallOptions
    from dvplug.calling.run import check_options
    from dvplug.cohort.sheet import read_sheet
    from dvplug.engine.pipeline import Pipeline
    from dvplug.errors import InputError, Problems
    from dvplug.plugins.run_settings import given_settings

    def check_one(**given: Any) -> None:
        one = CallOptions.of(**given)
        _, plugins, checked = check_options(one)
        if one.set:  # of a plugin, perhaps, that takes no part
            Pipeline.of(plugins, checked.profile, given_settings(plugins, one.set))

    if "samples" not in options:
        check_one(**options)
        return
    common = {name: value for name, value in options.items() if name not in ("samples", "joint", "out")}
    problems = Problems()
    for sample in read_sheet(options["samples"]).samples:
        own, given = Problems(), {"tech": sample.tech, "model": sample.model}
        own_options = common | {name: value for name, value in given.items() if value}
        with own.collect():
            check_one(**{"tech": "auto", "reads": sample.reads, "out": ""} | own_options)
        problems.found += [
            InputError(f"{sample.name}: {one.problem}", cause=one.cause, repair=one.repair)
            for one in own.found
        ]
    problems.raise_all()


def describe_models() -> list[dict[str, Any]]:
    """Describe the models that are installed, in a process that has the engine: see `Service.describe_models`."""
    from dvplug.errors import ModelError
    from dvplug.plugins.loading import installed_plugins
    from dvplug_registry.cache import ModelCache
    from dvplug_registry.resolve import find_models

    plugins, found = installed_plugins(), []
    for place in find_models([*plugins.model_roots, *ModelCache().roots]):
        try:
            model = place.open()
        except ModelError:
            continue  # `dvplug doctor` tells of it
        facts = model.manifest.model_dump(mode="json")
        shown = ("name", "version", "technology", "description", "licence", "metrics", "trained_on")
        files = [
            {"name": name, "size": one["size"], "sha256": one["sha256"]}
            for name, one in facts["files"].items()
        ]
        found.append(
            {name: facts[name] for name in shown} | {"sha256": model.manifest_sha256, "files": files}
        )
    return found


def describe_technologies() -> list[dict[str, str]]:
    """Describe the technologies that are installed, in a process that has the engine."""
    from dvplug.plugins.loading import installed_plugins

    return [{"name": one.name, "description": one.description} for one in installed_plugins().technologies()]


def describe_settings() -> list[dict[str, str]]:
    """Describe what can be set of the installed plugins, in a process that has the engine: `SettingView`s."""
    from dvplug.errors import PluginError
    from dvplug.hookspecs import PluginSettings
    from dvplug.plugins.loading import installed_plugins
    from dvplug.plugins.settings import settings_class

    plugins, found = installed_plugins(), []
    for plugin in plugins.names(PluginSettings.kind):
        try:
            fields = settings_class(plugins.offer(PluginSettings.kind, plugin)).model_fields
        except PluginError:
            continue  # `dvplug plugins check` tells of it
        found += [
            {"name": f"{plugin}.{key}", "default": str(one.default), "description": one.description or ""}
            for key, one in fields.items()
        ]
    return found


def describe_registries() -> list[dict[str, Any]]:
    """Describe the registries that are trusted, and what each offered when it was last asked; no server is asked."""
    from dvplug.errors import RegistryError
    from dvplug_registry.catalog import status
    from dvplug_registry.obtain import catalogs
    from dvplug_registry.safe_text import masked
    from dvplug_registry.sources import sources
    from dvplug_registry.transport import Transport

    try:
        known = sources()
        offered = {
            source.name: catalog for source, catalog in catalogs(known, Transport(), _nobody, offline=True)
        }
    except RegistryError as error:
        return [{"name": "", "url": "", "problem": str(error), "offers": []}]
    found = []
    for source in known:
        offers = offered[source.name].offers if source.name in offered else ()
        rows = [
            {
                "label": one.label, "technology": one.technology, "description": one.description,
                "status": status(one), "sha256": one.manifest_sha256,
            }
            for one in offers
        ]  # fmt: skip
        found.append({"name": source.name, "url": masked(source.url), "problem": "", "offers": rows})
    return found


def _nobody(_: str) -> None:
    """Warn nobody."""


def registry_card(registry: str, label: str) -> str:
    """Return the card, Markdown, of a model that a trusted registry offers; asks that registry.

    Raises
    ------
    RegistryError
        There is no such registry, or no such model in it, or it cannot be reached.
    """
    from dvplug.errors import RegistryError
    from dvplug_registry.download import read_card
    from dvplug_registry.obtain import catalogs
    from dvplug_registry.safe_text import visible
    from dvplug_registry.sources import find_source
    from dvplug_registry.transport import Transport

    source, transport = find_source(registry), Transport()
    for _, catalog in catalogs([source], transport, _nobody, offline=True):
        for one in catalog.offers:
            if one.label == label:
                return visible(read_card(source, one, transport).decode(errors="replace"), keep="\n\t")
    raise RegistryError(f"The registry {registry} offers no {label}", repair="See `dvplug registry list`.")
