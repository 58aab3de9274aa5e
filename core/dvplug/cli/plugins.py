"""`dvplug plugins`: what is installed, what it is, and what is wrong with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import metadata
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.markup import escape

from dvplug.cli.parameters import Json, require_named
from dvplug.errors import PluginError, near_misses
from dvplug.hookspecs import PluginSettings
from dvplug.plugins.loading import PluginInfo, installed_plugins
from dvplug.plugins.settings import settings_class
from dvplug.system.console import info
from dvplug.system.rich_console import stdout
from dvplug.technology import TechnologyProfile
from dvplug_registry.safe_text import visible

app = App(name="plugins", help="Install, list, show, check and begin plugins.")
_COLOUR = {"ok": "green", "problem": "yellow", "failed": "red", "off": "dim"}


@app.command(name="list")
def list_plugins(*, as_json: Json = False) -> None:
    """List the installed plugins: what each provides, and why one is not used.

    Parameters
    ----------
    as_json
        Print JSON instead of a table.
    """
    plugins = installed_plugins().plugins
    if as_json:
        stdout.out(json.dumps([asdict(plugin) for plugin in plugins], indent=2))
    else:
        print_table(plugins)


@app.command
def show(name: str, *, as_json: Json = False) -> None:
    """Show one plugin: what it provides, who made it, its hook API, what can be set, how it recognises reads.

    Parameters
    ----------
    name
        As `dvplug plugins list` shows it.
    as_json
        Print JSON instead of text.
    """
    facts = _facts(find_plugin(name))
    if as_json:
        stdout.out(json.dumps(facts, indent=2))
        return
    for key, value in facts.items():
        lines = [visible(line) for line in value] if isinstance(value, list) else []
        text = "".join(f"\n  {line}" for line in lines) if isinstance(value, list) else visible(str(value))
        stdout.print(f"[bold]{key}[/]: {escape(text)}")


@app.command
def install(
    *specs: str,
    editable: Annotated[list[str] | None, Parameter(("--editable", "-e"), negative=())] = None,
    upgrade: Annotated[bool, Parameter(negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Install plugins into this environment. One that does not load, or clashes, is uninstalled again.

    Parameters
    ----------
    specs
        What pip takes: a package's name, name>=1.2, a path, a wheel, git+https://...
    editable
        A project's folder, installed so that changes in it count at once.
    upgrade
        Replace what is there by the newest that will do.
    dry_run
        Tell what would be installed, and stop.
    """
    from dvplug.plugins.install import install as install_plugins

    came = install_plugins(specs, info, editable=editable or (), upgrade=upgrade, dry_run=dry_run)
    if came:
        info(f"Ready: {', '.join(came)}. `dvplug plugins show {came[0]}` tells what it brings.")


@app.command
def uninstall(*names: str) -> None:
    """Uninstall plugins.

    Parameters
    ----------
    names
        As `dvplug plugins list` shows them: of the plugin, or of its distribution.
    """
    from dvplug.plugins.install import uninstall as uninstall_plugins

    require_named(names, "plugin", "Name one or more, as `dvplug plugins list` shows them.")
    uninstall_plugins(names, info)


@app.command
def new(name: str, *, folder: Path = Path(), steps: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Write a plugin project that works: technology, finder, channel, features, tests; to be changed piece by piece.

    Parameters
    ----------
    name
        Lower-case words joined by '-': the technology's name, and dvplug-NAME the distribution's.
    folder
        Where the project goes; here by default.
    steps
        Write a read transform, an annotation of records by a tag, and a setting, too.
    """
    from dvplug.plugins.scaffold import new_project

    project = new_project(name, folder, steps=steps)
    info(f"{project}: now `dvplug plugins install -e {project}`, then `dvplug plugins check {name}`.")


@app.command
def check(*names: str) -> None:
    """Run the conformance tests of plugins, of all where none is named. Exits 2 where one fails.

    Parameters
    ----------
    names
        As `dvplug plugins list` shows them.
    """
    from dvplug.cli.exits import EXIT_USER_CAN_MEND
    from dvplug.testing import conformance

    plugins = installed_plugins()
    chosen = [find_plugin(name) for name in names] or [p for p in plugins.plugins if p.status != "off"]
    failed = 0
    for plugin in chosen:
        for test, problem in conformance(plugin.name):
            failed += problem is not None
            mark = "[green]ok[/]" if problem is None else "[red]failed[/]"
            stdout.print(
                f"{escape(plugin.name)}: {escape(test)}: {mark}" + (f": {escape(problem)}" if problem else "")
            )
    if failed:
        sys.exit(EXIT_USER_CAN_MEND)


def find_plugin(name: str) -> PluginInfo:
    """Return a plugin by name; raises PluginError when there is none."""
    plugins = installed_plugins().plugins
    for plugin in plugins:
        if plugin.name == name:
            return plugin
    raise PluginError(f"no plugin is called '{name}'", repair=near_misses(name, [p.name for p in plugins]))


def _facts(plugin: PluginInfo) -> dict[str, Any]:
    about = metadata(plugin.distribution).json
    return {
        "name": plugin.name,
        "distribution": f"{plugin.distribution} {plugin.version}",
        "summary": about.get("summary", ""),
        "licence": about.get("license_expression") or about.get("license") or "not stated",
        "hook API": plugin.api if plugin.api is not None else "not stated",
        "needs": [line for line in about.get("requires_dist", []) if "extra ==" not in line],
        "status": plugin.status + (f": {plugin.reason}" if plugin.reason else ""),
        "provides": list(plugin.provides),
        "settings": list(_settings(plugin)),
        "recognises": [line for profile in _technologies(plugin) for line in _rule(profile)],
    }


def _settings(plugin: PluginInfo) -> Iterator[str]:
    """Yield what can be set of a plugin with ``--set``, a line for each."""
    for offer in installed_plugins().offers_of(plugin.name):
        if offer.kind == PluginSettings.kind:
            for key, one in settings_class(offer).model_fields.items():
                says = f": {one.description}" if one.description else ""
                yield f"{plugin.name}.{key}={one.default}{says}"


def _technologies(plugin: PluginInfo) -> list[TechnologyProfile]:
    items = [offer.item for offer in installed_plugins().offers_of(plugin.name)]
    return list({item.name: item for item in items if isinstance(item, TechnologyProfile)}.values())


def _rule(profile: TechnologyProfile) -> Iterator[str]:
    """Yield how reads of a technology are recognised, a line for each thing in its rule."""
    if profile.recognition is None:
        yield f"{profile.name}: no rule; it is never picked by --tech auto, and nothing is refused"
    else:
        yield from (f"{profile.name}: {line}" for line in profile.recognition.lines())
    if profile.depth:
        yield f"{profile.name}: depth: {profile.depth[0]:g} to {profile.depth[1]:g}"


def print_table(plugins: tuple[PluginInfo, ...]) -> None:
    """Print one row per plugin on stdout."""
    from rich.table import Table

    table = Table("plugin", "distribution", "version", "provides", "status", box=None, pad_edge=False)
    for plugin in plugins:
        status = f"[{_COLOUR[plugin.status]}]{plugin.status}[/]"
        table.add_row(
            *(escape(visible(text)) for text in (plugin.name, plugin.distribution, plugin.version)),
            escape("\n".join(summary(plugin.provides))),
            status + (f": {escape(plugin.reason)}" if plugin.reason else ""),
        )
    stdout.print(table)


def summary(provides: tuple[str, ...]) -> list[str]:
    """Group "channel a", "channel b" to "channel a, b", one line per kind, in order."""
    kinds: dict[str, list[str]] = {}
    for text in provides:
        kind, name = text.rsplit(" ", 1)
        kinds.setdefault(kind, []).append(name)
    return [f"{kind} {', '.join(names)}" for kind, names in kinds.items()]
