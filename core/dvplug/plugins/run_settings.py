"""``--set plugin.key=value``: what a user sets of a plugin, checked by the class that the plugin declares."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError

from dvplug.errors import InputError, PluginError, Problems, in_short, near_misses
from dvplug.hookspecs import PluginSettings
from dvplug.plugins.loading import PluginItem, Plugins
from dvplug.plugins.settings import settings_class
from dvplug.system.explain import explain

OfPlugins: TypeAlias = Mapping[str, BaseModel]
"""Settings by plugin, of those that declare some and of which something was set."""
NOTHING_SET: OfPlugins = {}


def given_settings(plugins: Plugins, given: Iterable[str]) -> OfPlugins:
    """Check what was set.

    Parameters
    ----------
    given
        Each as ``plugin.key=value``; a value that begins with ``[`` or ``{`` is JSON.

    Raises
    ------
    InputError
        One is not written so, names no plugin or no setting that there is (near misses are named), is given twice, or
        has a value that its plugin refuses: all that is wrong at once.
    PluginError
        What a plugin declares is no class of settings.
    """
    problems, values = Problems(), defaultdict[str, dict[str, Any]](dict)
    for text in given:
        with problems.collect():
            plugin, key, value = _parts(plugins, text)
            if key in values[plugin]:
                raise InputError(f"--set {plugin}.{key} is given twice", repair="Give it once.")
            values[plugin][key] = value
    found = {}
    for plugin, of_plugin in values.items():
        with problems.collect():
            found[plugin] = _checked(plugins, plugin, of_plugin)
    problems.raise_all()
    return found


def settings_of_offer(plugins: Plugins, given: OfPlugins, offer: PluginItem) -> BaseModel | None:
    """Return the settings that a function gets: what was set of its plugin, or the defaults; None where it has none."""
    plugin = offer.plugin
    if plugin.name in given:
        return given[plugin.name]
    if plugin.name not in plugins.names(PluginSettings.kind):
        return None
    try:
        return settings_class(plugins.offer(PluginSettings.kind, plugin.name))()
    except ValidationError as error:
        raise PluginError(
            f"the settings of {plugin.origin} lack a default",
            cause=explain(error),
            repair="Update the plugin, or tell its author.",
        ) from error


def require_part(plugins: Plugins, given: OfPlugins, technology: str, parts: Iterable[PluginItem]) -> None:
    """Raise InputError where something is set of a plugin that has no part in a technology, and would not matter."""
    if not given:
        return
    own = plugins.offer("technology", technology).plugin.name
    for plugin in sorted(set(given) - {own, *(part.plugin.name for part in parts)}):
        raise InputError(
            f"--set {plugin}: the plugin '{plugin}' takes no part in calls of '{technology}'",
            cause="nothing that the technology names is of it",
            repair="Leave the setting out, or choose a technology that uses the plugin.",
        )


def _parts(plugins: Plugins, text: str) -> tuple[str, str, Any]:
    """Plugin, key and value of one setting."""
    name, equals, value = text.partition("=")
    plugin, dot, key = name.rpartition(".")
    if not equals or not dot or not plugin or not key:
        raise InputError(
            f"--set {in_short(text)} is no setting", repair="Write plugin.key=value, such as umi.least=2."
        )
    known = plugins.names(PluginSettings.kind)
    if plugin not in known:
        loaded = [one.name for one in plugins.plugins]
        raise InputError(
            f"--set {in_short(name)}: the plugin '{in_short(plugin)}' has no settings"
            if plugin in loaded
            else f"--set {in_short(name)}: no plugin is called '{in_short(plugin)}'",
            cause=f"plugins with settings: {', '.join(known) or 'none'}",
            repair=near_misses(plugin, known),
        )
    fields = settings_class(plugins.offer(PluginSettings.kind, plugin)).model_fields
    if key not in fields:
        raise InputError(
            f"--set {in_short(name)}: the plugin '{plugin}' has no such setting",
            cause=f"its settings are {', '.join(fields) or 'none'}",
            repair=near_misses(key, fields),
        )
    return plugin, key, _value(name, value)


def _value(name: str, text: str) -> Any:
    if text[:1] not in ("[", "{"):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(
            f"--set {in_short(name)}={in_short(text)} is no JSON",
            cause=str(error),
            repair='Such as ["a","b"].',
        ) from error


def _checked(plugins: Plugins, plugin: str, values: Mapping[str, Any]) -> BaseModel:
    try:
        found = settings_class(plugins.offer(PluginSettings.kind, plugin)).model_validate(dict(values))
    except ValidationError as error:
        shown = " ".join(f"{plugin}.{key}={in_short(value)}" for key, value in values.items())
        raise InputError(
            f"--set {shown}: the plugin '{plugin}' refuses that",
            cause=explain(error),
            repair=f"`dvplug plugins show {plugin}` has its settings.",
        ) from error
    for key, value in values.items():
        if isinstance(value, str) and "_" in value and isinstance(getattr(found, key), int | float):
            raise InputError(
                f"--set {plugin}.{key}={in_short(value)} is no number",
                cause="an underscore stands in it",
                repair="Write the digits alone.",
            )
    return found
