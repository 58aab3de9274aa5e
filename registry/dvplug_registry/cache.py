"""Models that were downloaded: one folder per manifest hash, moved in when verified."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dvplug_registry.errors import ModelError, RegistryError
from dvplug_registry.model_folder import ModelFolder
from dvplug_registry.resolve import ModelPlace, find_models
from dvplug_registry.sources import home
from dvplug_registry.versions import Requirement


class ModelCache:
    """The downloaded models under ``<home>/models/<sha256 of the manifest>/<name>-<version>``; see `sources.home`."""

    def __init__(self) -> None:
        self.models, self.downloads = home() / "models", home() / "downloads"

    @property
    def roots(self) -> tuple[Path, ...]:
        """Folders of model folders, for `resolve`."""
        if not self.models.is_dir():
            return ()
        return tuple(sorted(f for f in self.models.iterdir() if f.is_dir() and not f.name.startswith(".")))

    def find(self, manifest_sha256: str) -> Path | None:
        """Return the model of this manifest, if it is here."""
        folders = [p.folder for p in find_models([r for r in self.roots if r.name == manifest_sha256])]
        return folders[0] if folders else None

    def install(self, archive: Path, manifest_sha256: str) -> ModelFolder:
        """Unpack and verify an archive beside its place, and move it in.

        Raises
        ------
        RegistryError
            It is not an archive of the manifest that was signed.
        ModelError
            One of its files is not what the manifest says.
        """
        from dvplug_registry.archive import unpack

        self.models.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.models, prefix=".unpacking-") as temporary:
            folder = Path(temporary) / manifest_sha256 / "model"
            folder.mkdir(parents=True)
            model = unpack(archive, folder)
            if model.manifest_sha256 != manifest_sha256:
                raise RegistryError(
                    f"'{archive.name}' holds another model than was signed",
                    cause=f"expected a manifest of sha256 {manifest_sha256}, got {model.manifest_sha256}",
                    repair="Tell the registry's owner.",
                )
            name = f"{model.manifest.name}-{model.manifest.version}"
            folder.rename(folder.with_name(name))
            place = self.models / manifest_sha256
            if self.find(manifest_sha256) is None:  # else another process was faster
                shutil.rmtree(place, ignore_errors=True)
                folder.parent.rename(place)
        return ModelFolder(place / name, model.manifest, manifest_sha256)

    def remove(self, request: str) -> list[ModelPlace]:
        """Delete all models that a requirement allows; raises ModelError where there is none."""
        requirement = Requirement.parse(request)
        found = [
            place
            for place in find_models(self.roots)
            if place.name == requirement.name and requirement.allows(place.version)
        ]
        if not found:
            raise ModelError(
                f"no downloaded model does for '{request}'",
                repair="`dvplug registry list` shows what is here; those of plugins go with the plugin.",
            )
        for place in found:
            # Renamed first, so that no half-deleted model is ever found under its name.
            doomed = place.folder.parent.rename(
                place.folder.parent.with_name(f".removed-{place.folder.parent.name}")
            )
            shutil.rmtree(doomed)
        return found

    @contextmanager
    def lock(self, sha256: str) -> Iterator[Path]:
        """Yield where the archive of this hash is downloaded to, while no other process does."""
        from filelock import FileLock

        self.downloads.mkdir(parents=True, exist_ok=True)
        with FileLock(self.downloads / f"{sha256}.lock"):
            yield self.downloads / f"{sha256}.part"
