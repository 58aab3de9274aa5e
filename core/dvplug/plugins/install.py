"""Install and uninstall plugins: in any environment that pip or uv serves, and never leave one that is broken.

What is installed is looked at from processes of their own, since this one has loaded what was there before.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.utils import canonicalize_name

from dvplug.errors import InputError, PluginError, near_misses
from dvplug.plugins.loading import ENVIRONMENT_VARIABLE

OURS = "dvplug"
_EDITABLE = "editable "  # as `_DISTRIBUTIONS` writes it
MOST_LINES = 15  # of what a failed installer says
_DISTRIBUTIONS = """
import importlib.metadata, json
found = {}
for d in importlib.metadata.distributions():
    url = json.loads(d.read_text("direct_url.json") or "{}")
    origin = url.get("url", "")
    if url.get("dir_info", {}).get("editable"):
        origin = "editable " + origin
    if vcs := url.get("vcs_info"):
        origin = f"{vcs['vcs']}+{origin}@{vcs['commit_id']}"
    found[d.name] = [d.version, origin]
print(json.dumps(found))
"""
_PLUGINS = "from dvplug.cli import main; main(['plugins', 'list', '--json'])"

Installed = dict[str, tuple[str, str]]
"""Version of each distribution, and the address that it came from if not an index."""


@dataclass(frozen=True)
class Changes:
    """How the installed distributions differ from before."""

    added: tuple[str, ...]
    replaced: dict[str, tuple[str, str]]
    """Name to version and address before."""

    def __str__(self) -> str:
        """Return them as a line."""
        parts = [f"new: {', '.join(self.added)}"] if self.added else []
        if self.replaced:
            parts.append("replaced: " + ", ".join(f"{n} {v}" for n, (v, _) in self.replaced.items()))
        return "; ".join(parts) or "nothing changed"


def install(
    specs: Sequence[str],
    say: Callable[[str], None],
    *,
    editable: Sequence[str] = (),
    upgrade: bool = False,
    dry_run: bool = False,
) -> list[str]:
    """Install plugins; return the names of those that came.

    Parameters
    ----------
    specs
        What pip takes: names, version specifiers, paths, wheels, git addresses.
    say
        Told the plan, and what was done.
    editable
        Folders of projects to install so that changes in them count at once.
    upgrade
        Replace what is there by the newest that will do.
    dry_run
        Tell the plan, and stop.

    Raises
    ------
    InputError
        Nothing was named, or an option of the installer in place of it; or neither pip nor uv is here.
    PluginError
        The installer failed, what came is no plugin, it does not load or clashes, or another plugin no longer loads.
        What was changed has been changed back.
    """
    _refuse_options((*specs, *editable))
    wanted = [*specs, *(word for path in editable for word in ("--editable", path))]
    if not wanted:
        raise InputError("no plugin was named", repair="Name a package, a path, a wheel or a git address.")
    installer = _installer()
    words = [*(["--upgrade"] if upgrade else []), *wanted]
    say(_plan(installer.install(*words, "--dry-run", problem="the plan cannot be made")))
    if dry_run:
        return []
    before, plugins_before = _distributions(), _plugins()
    installer.install(*words, problem="the installation failed")
    changes = _changes(before, _distributions())
    try:
        plugins = _plugins()
    except PluginError as error:  # by another version of a library, for example
        _roll_back(installer, changes)
        problem = f"dvplug does not run beside it, so it was uninstalled again ({changes})"
        raise PluginError(problem, cause=error.cause) from error
    problem = _problem(changes, plugins_before, plugins)
    if problem:
        _roll_back(installer, changes)
        raise PluginError(problem, cause="it was uninstalled again", repair="Tell its author, or mend it.")
    say(f"{changes}.")
    moved = {*changes.added, *changes.replaced}
    return [row["name"] for row in plugins if canonicalize_name(row["distribution"]) in moved]


def uninstall(names: Sequence[str], say: Callable[[str], None]) -> None:
    """Uninstall the distributions of these plugins, or with these names.

    Raises
    ------
    PluginError
        No such plugin, one of dvplug's own, or the installer failed.
    InputError
        An option of the installer in place of a name.
    """
    _refuse_options(names)
    plugins = _plugins()
    distributions = []
    for name in names:
        found = [p["distribution"] for p in plugins if name in (p["name"], p["distribution"])]
        if not found:
            known = [p["name"] for p in plugins if p["distribution"] != OURS]
            raise PluginError(f"no plugin is called '{name}'", repair=near_misses(name, known))
        if found[0] == OURS:
            raise PluginError(
                f"'{name}' is a part of dvplug", repair="Switch it off with DVPLUG_PLUGINS instead."
            )
        distributions.append(found[0])
    _installer().uninstall(*dict.fromkeys(distributions))
    say(f"Uninstalled {', '.join(dict.fromkeys(distributions))}.")


@dataclass(frozen=True)
class Installer:
    """How distributions come into this environment and leave it."""

    command: tuple[str, ...]
    options: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()

    def install(self, *words: str, problem: str) -> str:
        """Run an installation, and return what it says; raises PluginError when it fails."""
        ran = _run([*self.command, "install", *self.options, *words], problem)
        return ran.stdout + ran.stderr  # uv tells its plan on stderr

    def uninstall(self, *names: str) -> None:
        """Uninstall; raises PluginError when it fails."""
        _refuse_options(names)  # what distributions say that they are called
        _run([*self.command, "uninstall", *self.options, *self.unasked, *names], "it cannot be uninstalled")


def _refuse_options(words: Sequence[str]) -> None:
    """Refuse what the installer would take as an option, such as another index or another place to install to."""
    for word in words:
        if word.lstrip().startswith("-"):
            raise InputError(
                f"'{word}' is an option, and no plugin",
                cause="options of pip and uv are not passed on",
                repair=f"Name a package, a path (./{word}), a wheel or a git address; set the installer's options in "
                "its configuration.",
            )


def _installer() -> Installer:
    """Environments of pipx and venv have pip, those of uv may not."""
    if importlib.util.find_spec("pip"):
        return Installer(
            (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"), (), ("--yes",)
        )
    if uv := shutil.which("uv"):
        return Installer((uv, "pip"), ("--python", sys.executable))
    raise InputError(
        "neither pip nor uv is here",
        repair="Install the plugin as you installed dvplug, or `python -m ensurepip`.",
    )


def _run(command: Sequence[str], problem: str) -> subprocess.CompletedProcess[str]:
    # All plugins, whatever the variable that chooses some says: a clash must show now.
    environment = {name: value for name, value in os.environ.items() if name != ENVIRONMENT_VARIABLE}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if ran.returncode:
        lines = [line.rstrip() for line in (ran.stderr or ran.stdout).splitlines() if line.strip()]
        raise PluginError(problem, cause="\n" + "\n".join(lines[-MOST_LINES:]) + "\n")
    return ran


def _distributions() -> Installed:
    found = json.loads(_run([sys.executable, "-c", _DISTRIBUTIONS], "the environment cannot be read").stdout)
    return {canonicalize_name(name): (version, url) for name, (version, url) in found.items()}


def _plugins() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(
        _run([sys.executable, "-c", _PLUGINS], "the plugins cannot be listed").stdout
    )
    return rows


def _changes(before: Installed, after: Installed) -> Changes:
    return Changes(
        tuple(sorted(after.keys() - before.keys())),
        {n: before[n] for n in sorted(before.keys() & after.keys()) if before[n] != after[n]},
    )


def _problem(changes: Changes, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> str:
    """What is wrong after an installation; empty if nothing is."""
    moved = {*changes.added, *changes.replaced}
    came = [row for row in after if canonicalize_name(row["distribution"]) in moved]
    if moved and not came:
        return f"{', '.join(sorted(moved))}: no dvplug plugin is in it"
    were_well = {row["name"] for row in before if row["status"] in ("ok", "off")}
    wrong = [
        row for row in after
        if row["status"] in ("problem", "failed") and (row in came or row["name"] in were_well)
    ]  # fmt: skip
    return "; ".join(
        f"{row['distribution']} (plugin '{row['name']}'): {row['reason']}" for row in wrong
    ).rstrip(".")


def _roll_back(installer: Installer, changes: Changes) -> None:
    """Uninstall what came, and install again what was replaced."""
    if changes.added:
        installer.uninstall(*changes.added)
    for name, (version, url) in changes.replaced.items():
        editable = ["--editable"] if url.startswith(_EDITABLE) else []
        was = [*editable, url.removeprefix(_EDITABLE) or f"{name}=={version}"]
        _refuse_options(was[-1:])
        problem = f"{name} {version} cannot be put back"
        installer.install("--no-deps", "--force-reinstall", *was, problem=problem)


def _plan(output: str) -> str:
    """What an installer says that it would do."""
    lines = [line.strip() for line in output.splitlines()]
    return (
        "\n".join(line for line in lines if line.startswith(("Would install", "+ ", "- ")))
        or "Nothing to install."
    )
