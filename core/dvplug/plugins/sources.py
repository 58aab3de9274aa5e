"""What the code of a run is: digests of the files of those plugins that take part, and versions of what they build on.

A version does not tell the code of a plugin that is installed as editable, or that lies on the path: it stays while the
files change.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import sys
import sysconfig
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from dvplug.plugins.loading import PluginItem, Plugins
from dvplug.plugins.needs import parts_of
from dvplug.system.run_log import LIBRARIES, library_versions
from dvplug.technology import TechnologyProfile

OWN = "dvplug"
_INSTALLED = tuple(
    str(Path(place).resolve())
    for name, place in sysconfig.get_paths().items()
    if name in ("stdlib", "platstdlib", "purelib", "platlib")
)
Parts = Collection[tuple[str, str]]
"""Kind and name of what plugins offer."""
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


class RunCode(NamedTuple):
    """The code of a run, as far as records depend on it.

    Attributes
    ----------
    plugins
        Version of each distribution of plugins.
    digests
        SHA-256 by package or module: see `code_digests`.
    libraries
        Version of each library.
    """

    plugins: dict[str, str]
    digests: dict[str, str]
    libraries: dict[str, str]

    @classmethod
    def of(
        cls, plugins: Plugins, profile: TechnologyProfile, more: Parts, also: Collection[str] = ()
    ) -> RunCode:
        """Look at what a technology is called with, what its model is opened with, and these libraries, too."""
        libraries = {*LIBRARIES, *_needed(plugins, profile, more), *also}
        return cls(
            {p.distribution: p.version for p in plugins.plugins if p.status == "ok"},
            code_digests(plugins, profile, more),
            library_versions(sorted(libraries)),
        )


def code_digests(plugins: Plugins, profile: TechnologyProfile, more: Parts) -> dict[str, str]:
    """Return the SHA-256 of each package or single module that makes the records of a technology, by its name.

    These are dvplug's own, those of the plugins that offer what the profile names, or one of these parts more, those in
    which their functions are defined, and whatever of these imports lies outside of where packages are installed.
    Models are left out: their manifests have hashes.
    """
    wanted = [OWN]
    for item in _taking_part(plugins, profile, more):
        wanted += [item.plugin.module, _module_of(item.item)]
    found: dict[str, str] = {}
    while wanted:
        name = _outermost(wanted.pop(0))
        if name and name not in found:
            found[name] = _digest(name, plugins.model_roots)
            wanted += () if name == OWN else _imported_from_elsewhere(name, plugins.model_roots)
    return dict(sorted(found.items()))


def _needed(plugins: Plugins, profile: TechnologyProfile, more: Parts) -> set[str]:
    """What the distributions of these plugins say they need."""
    own = {item.plugin.distribution for item in _taking_part(plugins, profile, more)} - {OWN}
    lines = [line for distribution in own for line in importlib.metadata.requires(distribution) or ()]
    return {match[0] for line in lines if "extra ==" not in line and (match := _NAME.match(line))} - {OWN}


def _taking_part(plugins: Plugins, profile: TechnologyProfile, more: Parts) -> Iterator[PluginItem]:
    """The technology, what its profile names, and more."""
    yield plugins.offer("technology", profile.name)
    yield from (plugins.offer(kind, name) for kind, name in (*parts_of(profile), *more))


def _module_of(item: object) -> str:
    """Where the function of an extension is defined."""
    if isinstance(item, TechnologyProfile):
        return ""
    function = item.load()  # type: ignore[attr-defined]
    return getattr(function, "__module__", None) or type(function).__module__


def _outermost(module: str) -> str:
    """The outermost package that has files of its own: those around it may be shared by strangers."""
    parts = module.split(".") if module else []
    names = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    return next((name for name in names if _file_of(name) is not None), "")


def _file_of(name: str) -> Path | None:
    """The file of a module, or the __init__ of a package; None of what has none, or is not there."""
    spec = None
    if (loaded := sys.modules.get(name)) is not None:
        file = getattr(loaded, "__file__", None)
    elif "." in name:  # to look for it would import what is around it
        return None
    else:
        with suppress(ImportError, ValueError):
            spec = importlib.util.find_spec(name)
        file = spec.origin if spec and spec.has_location else None
    return Path(file) if file else None


def _files(name: str, left_out: Collection[Path] = ()) -> Iterator[tuple[str, Path]]:
    """The files of a package or of a single module, but for compiled and hidden ones, and these folders.

    Each comes with its name within the package.
    """
    first = _file_of(name)
    if first is None or first.stem != "__init__":
        yield from [(first.name, first)] if first else []
        return
    if any(first.parent.is_relative_to(root) for root in left_out):
        return
    folder, out = str(first.parent), {str(root) for root in left_out}
    found = []
    for place, below, files in os.walk(folder):
        below[:] = [name for name in below if _counts(place, name, out)]
        found += [f"{place}{os.sep}{name}" for name in files if _counts(place, name, out)]
    for name in sorted(found, key=lambda name: name.split(os.sep)):
        if os.path.isfile(name):
            yield name[len(folder) + 1 :].replace(os.sep, "/"), Path(name)


def _counts(place: str, name: str, left_out: Collection[str]) -> bool:
    hidden = name.startswith(".") or name == "__pycache__"
    return not hidden and f"{place}{os.sep}{name}" not in left_out


def _digest(name: str, left_out: Collection[Path]) -> str:
    """SHA-256 of the names and contents of files."""
    digest = hashlib.sha256()
    for inside, path in _files(name, left_out):
        with open(path, "rb", buffering=0) as file:
            digest.update(f"{inside}\0{hashlib.sha256(file.readall()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _imported_from_elsewhere(name: str, left_out: Collection[Path]) -> Iterator[str]:
    """Modules that those of a package import and that lie outside of where distributions are installed."""
    for _, path in _files(name, left_out):
        if path.suffix != ".py":
            continue
        try:
            parsed = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):  # a template, perhaps
            continue
        for node in ast.walk(parsed):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            yield from (each for each in names if not _is_installed(each))


def _is_installed(module: str) -> bool:
    outermost = _outermost(module)
    file = _file_of(outermost)
    if file is None or str(file.resolve()).startswith(_INSTALLED):
        return True
    above = 2 + outermost.count(".") if file.stem == "__init__" else 1 + outermost.count(".")
    return _holds_distributions(file.parents[above - 1])


@cache
def _holds_distributions(folder: Path) -> bool:
    """Whether pip, or a system's packages, install into a folder; there are more of them than an interpreter's own."""
    return next(folder.glob("*.dist-info"), None) is not None
