"""`dvplug plugins`: what is installed, and what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

from cyclopts import App, Parameter
from rich.markup import escape

from dvplug.console import stdout
from dvplug.plugins import PluginInfo, installed_plugins

app = App(name="plugins", help="List the installed plugins.")
_COLOUR = {"ok": "green", "problem": "yellow", "failed": "red", "off": "dim"}


@app.command(name="list")
def list_plugins(*, as_json: Annotated[bool, Parameter("--json", negative="")] = False) -> None:
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


def print_table(plugins: tuple[PluginInfo, ...]) -> None:
    """Print one row per plugin on stdout."""
    from rich.table import Table

    table = Table("plugin", "distribution", "version", "provides", "status", box=None, pad_edge=False)
    for plugin in plugins:
        status = f"[{_COLOUR[plugin.status]}]{plugin.status}[/]"
        table.add_row(
            plugin.name,
            plugin.distribution,
            plugin.version,
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
