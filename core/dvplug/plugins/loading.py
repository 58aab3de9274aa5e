"""Load every installed plugin once, check it, and let its things be chosen by name.

A plugin that is broken is reported and breaks nothing else. A name that two plugins offer belongs to
neither: choosing it is an error that names both, so that no plugin can take over another's.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar, cast

import pluggy

from dvplug import hookspecs
from dvplug._version import __version__
from dvplug.errors import DvplugError, PluginError, in_short, near_misses, raised
from dvplug.hookspecs import (
    HOOK_API,
    SERVED_APIS,
    Annotation,
    CandidateFinder,
    Channel,
    Executor,
    Extension,
    FeatureSet,
    Genotyper,
    ImageEncoder,
    Network,
    Phaser,
    PluginSettings,
    ReadTransform,
    RowOrder,
)
from dvplug.plugins.hooks import HOOKS
from dvplug.technology import TechnologyProfile
from dvplug_registry.resolve import find_models, misnamed

GROUP = "dvplug"
OURS = "dvplug"
"""The distribution whose faults are ours."""
_NEEDS_DVPLUG = re.compile(r"dvplug(?![\w.-])")
_API_KEYWORD = re.compile(r"\bdvplug-hook-api-(\d+)\b")
ENVIRONMENT_VARIABLE = "DVPLUG_PLUGINS"
_SERVED = " and ".join(map(str, SERVED_APIS))

T = TypeVar("T")


@dataclass(frozen=True)
class PluginInfo:
    """One entry point of the group, and what became of it.

    ``status`` is "ok"; "problem" (something it offers cannot be used); "failed" (nothing of it is used);
    or "off" (not in DVPLUG_PLUGINS). ``reason`` says why it is not "ok"; ``api`` is the hook API that it was written
    for, where it could be imported and says so; ``module`` is where its hooks are.
    """

    name: str
    distribution: str
    version: str
    provides: tuple[str, ...] = ()
    status: Literal["ok", "problem", "failed", "off"] = "ok"
    reason: str = ""
    api: int | None = None
    module: str = ""

    @property
    def origin(self) -> str:
        """Distribution, version and plugin, as messages name it."""
        return f"{self.distribution} {self.version} (plugin '{self.name}')"

    @property
    def is_ours(self) -> bool:
        """Whether it came with dvplug itself."""
        return self.distribution == OURS


@dataclass(frozen=True)
class PluginItem:
    """A thing under one of its names."""

    kind: str
    name: str
    item: Any
    plugin: PluginInfo

    @property
    def whose(self) -> str:
        """What it is and whose, as messages name it."""
        return f"the {self.kind} '{self.name}' of {self.plugin.origin}"

    def load(self) -> Callable[..., Any]:
        """Import the function of an extension; raises PluginError that says whose it is."""
        try:
            function: Callable[..., Any] = self.item.load()
        except PluginError as error:
            cause = ": ".join(part for part in (error.problem, error.cause) if part)
            raise PluginError(
                f"{self.whose} cannot be used", cause=cause, repair="Update or remove the plugin."
            ) from error
        return function


@dataclass(frozen=True)
class Plugins:
    """What the installed plugins offer, immutable."""

    plugins: tuple[PluginInfo, ...]
    model_roots: tuple[Path, ...]
    _offers: Mapping[tuple[str, str], tuple[PluginItem, ...]] = field(repr=False)

    @property
    def problems(self) -> tuple[str, ...]:
        """One line per plugin that is not whole."""
        return tuple(f"{p.origin}: {p.reason}" for p in self.plugins if p.status in ("problem", "failed"))

    def names(self, kind: str) -> list[str]:
        """Names and aliases that can be chosen, sorted; kinds are 'technology', 'channel' and so on."""
        return sorted(name for (k, name), offers in self._offers.items() if k == kind and len(offers) == 1)

    def offers_of(self, plugin: str) -> list[PluginItem]:
        """Everything that the plugin of this entry point offers, selectable or not."""
        return [o for offers in self._offers.values() for o in offers if o.plugin.name == plugin]

    def technologies(self) -> list[TechnologyProfile]:
        """Profiles that can be chosen by their own name, by that name."""
        names = self.names("technology")
        return [profile for name in names if (profile := self.technology(name)).name == name]

    def technology(self, name: str) -> TechnologyProfile:
        """Return a profile by name or alias.

        Raises
        ------
        PluginError
            Nothing has this name (near misses are offered), or two plugins claim it (both are named). So do
            the other methods that choose by name.
        """
        return cast(TechnologyProfile, self._choose("technology", name))

    def candidate_finder(self, name: str) -> CandidateFinder:
        """Return a candidate finder by name."""
        return cast(CandidateFinder, self._choose("candidate finder", name))

    def read_transform(self, name: str) -> ReadTransform:
        """Return a read transform by name."""
        return cast(ReadTransform, self._choose("read transform", name))

    def phaser(self, name: str) -> Phaser:
        """Return a phaser by name."""
        return cast(Phaser, self._choose("phaser", name))

    def row_order(self, name: str) -> RowOrder:
        """Return a row order by name."""
        return cast(RowOrder, self._choose("row order", name))

    def annotation(self, name: str) -> Annotation:
        """Return an annotation by name."""
        return cast(Annotation, self._choose("annotation", name))

    def image_encoder(self, name: str) -> ImageEncoder:
        """Return an image encoder by name."""
        return cast(ImageEncoder, self._choose("image encoder", name))

    def feature_set(self, name: str) -> FeatureSet:
        """Return a feature set by name."""
        return cast(FeatureSet, self._choose("feature set", name))

    def channel(self, name: str) -> Channel:
        """Return a channel by name."""
        return cast(Channel, self._choose("channel", name))

    def network(self, name: str) -> Network:
        """Return a network by name."""
        return cast(Network, self._choose("network", name))

    def genotyper(self, name: str) -> Genotyper:
        """Return a genotyper by name."""
        return cast(Genotyper, self._choose("genotyper", name))

    def executor(self, name: str) -> Executor:
        """Return an executor by name."""
        return cast(Executor, self._choose("executor", name))

    def offer(self, kind: str, name: str) -> PluginItem:
        """Return a thing with the plugin that it is of; kinds are those of `names`."""
        self._choose(kind, name)
        return self._offers[kind, name][0]

    def is_contested(self, kind: str, name: str) -> bool:
        """Whether several plugins claim this name, so that none can be chosen by it."""
        return len(self._offers.get((kind, name), ())) > 1

    def refuse_contested_model(self, name: str) -> None:
        """Raise PluginError when two plugins ship models of this name."""
        if self.is_contested("model", name):
            self._choose("model", name)

    def _choose(self, kind: str, name: str) -> Any:
        offers = self._offers.get((kind, name), ())
        if len(offers) > 1:
            raise PluginError(
                f"the {kind} '{name}' is claimed by {' and '.join(o.plugin.origin for o in offers)}",
                repair=f"Uninstall one of them, or choose with {ENVIRONMENT_VARIABLE}.",
            )
        if not offers:
            broken = "; ".join(
                f"{p.origin}: {in_short(p.reason)}" for p in self.plugins if p.status == "failed"
            )
            raise PluginError(
                f"no plugin offers the {kind} '{name}'",
                cause=f"these failed to load: {broken}" if broken else "",
                repair=f"{near_misses(name, self.names(kind))} See `dvplug plugins list`.".strip(),
            )
        return offers[0].item


@functools.cache
def installed_plugins() -> Plugins:
    """Load the installed plugins, once; DVPLUG_PLUGINS, where set, names those to use, by commas."""
    chosen = os.environ.get(ENVIRONMENT_VARIABLE)
    if chosen is None:
        return load_plugins()
    return load_plugins(name.strip() for name in chosen.split(",") if name.strip())


def load_plugins(only: Iterable[str] | None = None) -> Plugins:
    """Load the built-in plugin and the entry points of the group ``dvplug``, in order of distribution.

    Parameters
    ----------
    only
        Names of the entry points to load; None loads all. The built-in one always is.

    Raises
    ------
    PluginError
        A name in ``only`` is not installed. Whatever is wrong inside a plugin is reported in the result.
    """
    found = importlib.metadata.entry_points(group=GROUP)
    points = sorted(found, key=lambda point: (_distribution(point), point.name))
    known = {point.name for point in points}
    wanted = known if only is None else set(only)
    for name in sorted(wanted - known):
        raise PluginError(f"{ENVIRONMENT_VARIABLE}: no plugin '{name}'", repair=near_misses(name, known))

    builtin = PluginInfo("builtin", "dvplug", __version__, module="dvplug.plugins.builtin")
    loaded = [_load(builtin, lambda: importlib.import_module(builtin.module), None)]
    for point in points:
        info = PluginInfo(
            point.name,
            _distribution(point),
            _metadata(point.dist)["Version"] if point.dist else "",
            module=point.module,
        )
        loaded.append(
            _load(info, point.load, point.dist)
            if point.name in wanted
            else (replace(info, status="off"), [], [])
        )
    return _assemble(loaded)


def _check_metadata(distribution: importlib.metadata.Distribution) -> int | None:
    """Refuse, without importing it, a plugin that says it is for another dvplug; returns the hook API that it names."""
    about = _metadata(distribution)
    for line in about.get_all("Requires-Dist") or ():
        if not _NEEDS_DVPLUG.match(line):
            continue
        from packaging.requirements import Requirement

        needed = Requirement(line)
        if needed.marker is None and not needed.specifier.contains(__version__, prereleases=True):
            raise PluginError(
                f"it needs dvplug {needed.specifier}",
                cause=f"this is {__version__}",
                repair="Install a dvplug that it is for, or another version of it.",
            )
    words = ",".join(about.get_all("Keywords") or ())
    declared = _API_KEYWORD.search(words)
    if declared and int(declared[1]) not in SERVED_APIS:
        raise _wrong_api(int(declared[1]))
    return int(declared[1]) if declared else None


_Loaded = tuple[PluginInfo, list[PluginItem], list[Path]]


def _distribution(point: importlib.metadata.EntryPoint) -> str:
    return _metadata(point.dist)["Name"] if point.dist else "(unknown distribution)"


@functools.lru_cache(maxsize=256)
def _metadata(distribution: importlib.metadata.Distribution) -> Any:
    """The metadata of a distribution, which Python reads anew each time that it is asked for any of it."""
    return distribution.metadata


def _load(
    info: PluginInfo, import_module: Callable[[], Any], distribution: importlib.metadata.Distribution | None
) -> _Loaded:
    try:
        if distribution is not None:
            info = replace(info, api=_check_metadata(distribution))
        module = _guard("importing it", import_module)
        info = replace(info, api=getattr(module, "DVPLUG_API", None))
        _check_api(module)
        hooks = _hooks(module, info)
        items = {hook: _call(hooks, hook) for hook in HOOKS}
        if len(items["dvplug_settings"]) > 1:
            raise PluginError(
                "dvplug_settings returned several classes", cause="a plugin has one of settings"
            )
    except PluginError as error:
        return replace(info, status="failed", reason=str(error)), [], []
    roots, notes = _check_roots(items.pop("dvplug_model_sources"))
    offers = _settings_offers(items.pop("dvplug_settings"), info)
    offers += [offer for group in items.values() for item in group for offer in _offers(item, info)]
    models = find_models(roots)
    offers += [PluginItem("model", name, name, info) for name in dict.fromkeys(m.name for m in models)]
    provides = [f"{_kind(item)} {item.name}" for group in items.values() for item in group]
    provides += [f"model {m.name}@{m.version}" for m in models]
    status: Literal["ok", "problem"] = "problem" if notes else "ok"
    return replace(info, provides=tuple(provides), status=status, reason="; ".join(notes)), offers, roots


def _guard(doing: str, call: Callable[[], T]) -> T:
    """Run a stranger's code: whatever it raises becomes a report."""
    try:
        return call()
    except DvplugError as error:
        raise PluginError(f"{doing} failed", cause=str(error)) from error
    except (Exception, SystemExit) as error:
        raise PluginError(f"{doing} failed", cause=raised(error)) from error


def _check_api(module: Any) -> None:
    found = getattr(module, "DVPLUG_API", None)
    if found is None:
        raise PluginError(
            "it does not say which hook API it was written for", repair=f"DVPLUG_API = {HOOK_API}"
        )
    if found not in SERVED_APIS:
        raise _wrong_api(found)


def _wrong_api(found: Any) -> PluginError:
    return PluginError(
        f"it was written for hook API {found}",
        cause=f"this dvplug {__version__} has hook API {HOOK_API}, and serves plugins for {_SERVED}",
        repair=f"Install a dvplug with hook API {found}, or a plugin for {HOOK_API}.",
    )


def _hooks(module: Any, info: PluginInfo) -> pluggy.HookRelay:
    """Register one plugin with a manager of its own, so that a fault is known to be its."""
    manager = pluggy.PluginManager("dvplug")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name=info.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        message = " ".join(str(error).split())
        raise PluginError("a hook is not as specified", cause=message, repair="See docs/hooks.md.") from error
    if not manager.get_hookcallers(module):
        raise PluginError(
            "it has no hooks",
            repair="Mark functions such as dvplug_technologies with dvplug.hookspecs.hookimpl.",
        )
    return manager.hook


def _call(hooks: pluggy.HookRelay, hook: str) -> list[Any]:
    """Call one hook of one plugin and check the types in the list that it returns."""
    results: list[Any] = _guard(f"calling {hook}", getattr(hooks, hook))
    expected = HOOKS[hook]
    for result in results:
        if not isinstance(result, list):
            raise PluginError(f"{hook} returned {type(result).__name__}, not list[{expected.__name__}]")
        for item in result:
            if not isinstance(item, expected):
                raise PluginError(f"{hook} returned '{in_short(item)}', which is not a {expected.__name__}")
    return [item for result in results for item in result]


def _settings_offers(declared: list[PluginSettings], info: PluginInfo) -> list[PluginItem]:
    """The settings of a plugin, under its own name: there is one class of them, or none."""
    return [PluginItem(PluginSettings.kind, info.name, one, info) for one in declared]


def _check_roots(roots: list[Path]) -> tuple[list[Path], list[str]]:
    good, notes = [], []
    for root in roots:
        if not root.is_dir():
            notes.append(f"the model source '{root}' is not a folder")
            continue
        good.append(root)
        notes += [f"the model folder '{folder}' is not called name-version" for folder in misnamed(root)]
        if (root / "manifest.json").exists():
            notes.append(f"the model source '{root}' is itself a model folder: give its parent")
    return good, notes


def _kind(item: TechnologyProfile | Extension) -> str:
    return "technology" if isinstance(item, TechnologyProfile) else item.kind


def _offers(item: TechnologyProfile | Extension, info: PluginInfo) -> list[PluginItem]:
    aliases = item.aliases if isinstance(item, TechnologyProfile) else ()
    return [PluginItem(_kind(item), name, item, info) for name in (item.name, *aliases)]


def _assemble(loaded: list[_Loaded]) -> Plugins:
    table: dict[tuple[str, str], list[PluginItem]] = defaultdict(list)
    for _, offers, _ in loaded:
        for offer in offers:
            table[offer.kind, offer.name].append(offer)
    clashes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (kind, name), offers in table.items():
        if len(offers) > 1:
            origins = [o.plugin.origin for o in offers]
            for origin, offer in zip(origins, offers, strict=True):
                others = [o for o in origins if o != origin] or ["itself"]
                clashes[offer.plugin.distribution, offer.plugin.name].append(
                    f"{kind} '{name}' is also claimed by {', '.join(others)}"
                )
    return Plugins(
        plugins=tuple(_with_clashes(p, clashes[p.distribution, p.name]) for p, _, _ in loaded),
        model_roots=tuple(dict.fromkeys(root for _, _, roots in loaded for root in roots)),
        _offers=MappingProxyType({key: tuple(offers) for key, offers in table.items()}),
    )


def _with_clashes(info: PluginInfo, clashes: list[str]) -> PluginInfo:
    if not clashes:
        return info
    reason = "; ".join(part for part in (info.reason, *dict.fromkeys(clashes)) if part)
    return replace(info, status="problem", reason=reason)
