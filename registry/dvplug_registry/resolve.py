"""From `name@1` to one model folder: the newest version that will do, or an error, never another model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dvplug_registry.errors import ModelError, near_misses
from dvplug_registry.manifest import MANIFEST_NAME
from dvplug_registry.model_folder import ModelFolder, open_folder
from dvplug_registry.versions import Requirement, Version

# A name has no dots, so the first "-1.2.3" begins the version.
_FOLDER_NAME = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*?)-([0-9]+\.[0-9]+\.[0-9]+.*)")


class ModelNotFound(ModelError):
    """No model that is here does."""


@dataclass(frozen=True)
class ModelPlace:
    """A folder called ``name-version``; nothing in it has been read."""

    name: str
    version: Version
    folder: Path

    @classmethod
    def of(cls, folder: Path) -> ModelPlace | None:
        """Read name and version from the folder's name; None when it has another form."""
        match = _FOLDER_NAME.fullmatch(folder.name)
        try:
            return cls(match[1], Version.parse(match[2]), folder) if match else None
        except ValueError:
            return None

    def open(self) -> ModelFolder:
        """Read the manifest; raises ModelError when it is invalid or is that of another model."""
        model = open_folder(self.folder)
        if (model.manifest.name, model.manifest.version) != (self.name, str(self.version)):
            raise ModelError(
                f"the manifest in '{self.folder}' is that of {model.manifest.label}",
                cause="a model folder is called name-version",
                repair=f"Call the folder '{model.manifest.name}-{model.manifest.version}'.",
            )
        return model


def find_models(roots: Iterable[Path]) -> list[ModelPlace]:
    """List the model folders of these roots by name, then version, newest first; reads no manifest.

    Folders with dots in front or without a version in their name are passed over (see `misnamed`).
    """
    places = [place for root in roots for folder in _folders(root) if (place := ModelPlace.of(folder))]
    places.sort(key=lambda place: place.version, reverse=True)
    return sorted(places, key=lambda place: place.name)


def misnamed(root: Path) -> list[Path]:
    """Folders of a root that hold a manifest but are not called ``name-version``, so nothing finds them."""
    return [f for f in _folders(root) if (f / MANIFEST_NAME).is_file() and ModelPlace.of(f) is None]


def resolve(request: str, roots: Iterable[Path]) -> ModelFolder:
    """Return the newest model that the request allows (see `Requirement.parse` for its form).

    The version is chosen by the names of the folders, before anything is read: a damaged newest version
    is an error, not a reason to call with an older one.

    Raises
    ------
    ModelError
        No such model or version (`ModelNotFound`), a manifest that is not valid, or two different models of one
        name and version.
    """
    requirement = Requirement.parse(request)
    places = find_models(roots)
    allowed = [p for p in places if p.name == requirement.name and requirement.allows(p.version)]
    if not allowed:
        raise _not_found(request, requirement.name, places)
    best = [place.open() for place in allowed if place.version == allowed[0].version]
    if len({model.manifest_sha256 for model in best}) > 1:
        raise ModelError(
            f"two different models are called {best[0].manifest.label}",
            cause=", ".join(f"'{model.folder}' (sha256 {model.manifest_sha256[:12]})" for model in best),
            repair="Remove one of them, or name a model folder by its path.",
        )
    return best[0]


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        raise ModelError(
            f"the model source '{root}' is not a folder", repair="Reinstall the plugin that names it."
        )
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _not_found(request: str, name: str, places: list[ModelPlace]) -> ModelNotFound:
    versions = [str(place.version) for place in places if place.name == name]
    if versions:
        return ModelNotFound(
            f"no model does for '{request}'",
            cause=f"installed versions of {name}: {', '.join(versions)}",
            repair="Ask for one of them, or install a plugin that has another.",
        )
    known = {place.name for place in places}
    return ModelNotFound(
        f"no model is called '{name}'" + ("" if request == name else f" (asked for as '{request}')"),
        cause="" if known else "no model is installed",
        repair=near_misses(name, known) or "Install a plugin that has one.",
    )
