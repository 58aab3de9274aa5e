"""A model on disk: a folder of `manifest.json` and the files it lists, each pinned by size and sha256."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from dvplug_registry.errors import ModelError
from dvplug_registry.files import StrPath, write_whole
from dvplug_registry.manifest import MANIFEST_NAME, SCHEMA_VERSION, FileEntry, Manifest

MAX_MANIFEST_BYTES = 1_000_000
_REPAIR = "Reinstall the plugin or copy the model again; if you changed the model, write a new version of it."


@dataclass(frozen=True)
class ModelFolder:
    """A manifest that was read and found valid; the files beside it are not verified yet."""

    folder: Path
    manifest: Manifest
    manifest_sha256: str
    sequencing_type: str = ""
    """Which of the manifest's its network is to be told; empty: the first, of which its known answers are."""

    def path(self, role: str) -> Path:
        """Path of the file in this role; raises ModelError when the model has none."""
        try:
            return self.folder / self.manifest.file_name(role)
        except KeyError:
            roles = ", ".join(sorted({entry.role for entry in self.manifest.files.values()}))
            raise ModelError(
                f"the model {self.manifest.label} has no file in the role '{role}'",
                cause=f"its files are {roles}",
                repair="Use a model that has one.",
            ) from None


@dataclass(frozen=True)
class LoadedModel(ModelFolder):
    """A model (folder, manifest, manifest_sha256, path(role)) whose every file has been verified."""


def open_folder(folder: StrPath) -> ModelFolder:
    """Read and validate ``folder/manifest.json``. Its sha256 names the model, as every file's hash is in it.

    Raises
    ------
    ModelError
        No manifest, a link in its place, or a manifest that is not valid.
    """
    folder = Path(folder)
    path = folder / MANIFEST_NAME
    if not _is_plain_file(path):
        raise ModelError(
            f"'{folder}' is not a model folder",
            cause=f"there is no plain file {MANIFEST_NAME} in it",
            repair="Give a folder made by `dvplug train` or shipped by a plugin.",
        )
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise ModelError(f"'{path}' has more than {MAX_MANIFEST_BYTES} bytes", repair=_REPAIR)
    content = path.read_bytes()
    return ModelFolder(folder, parse_manifest(content, path), hashlib.sha256(content).hexdigest())


def load_manifest(folder: StrPath) -> Manifest:
    """Read and validate ``folder/manifest.json``; raises ModelError."""
    return open_folder(folder).manifest


def verify_files(folder: StrPath, manifest: Manifest) -> tuple[str, ...]:
    """Check the size, then the sha256, of every file that the manifest lists.

    Returns
    -------
    tuple of str
        Names in the folder that the manifest does not list. Nothing ever opens them, so they are reported,
        not refused.

    Raises
    ------
    ModelError
        A file is missing, is a link, or is not the one that was published.
    """
    folder = Path(folder)
    for name, entry in manifest.files.items():
        _verify_file(folder / name, entry, manifest.label)
    listed = {MANIFEST_NAME, *manifest.files}
    return tuple(sorted(path.name for path in folder.iterdir() if path.name not in listed))


def file_sha256(path: StrPath) -> str:
    """Sha256 of a file, in lower-case hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def file_entry(path: StrPath, role: str) -> FileEntry:
    """Describe a file for a manifest."""
    return FileEntry(sha256=file_sha256(path), size=os.stat(path).st_size, role=role)


def read_card(path: Path) -> str:
    """Read a model card; raises ModelError where it is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"the model card '{path}' cannot be read", cause=str(error), repair="Give Markdown, in UTF-8."
        ) from error


def save_manifest(folder: StrPath, manifest: Manifest) -> str:
    """Write ``manifest.json`` (same manifest, same bytes) and return its sha256."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    write_whole(Path(folder) / MANIFEST_NAME, text.encode())
    return hashlib.sha256(text.encode()).hexdigest()


def _is_plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def parse_manifest(content: bytes, path: StrPath) -> Manifest:
    """Read a manifest that came from a path, or an address; raises ModelError where it is not valid."""
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as error:  # the latter: brackets in brackets in brackets
        raise ModelError(f"'{path}' is not JSON", cause=str(error), repair=_REPAIR) from None
    found = fields.get("schema_version") if isinstance(fields, dict) else None
    if isinstance(found, int) and found != SCHEMA_VERSION:
        newer = found > SCHEMA_VERSION
        raise ModelError(
            f"'{path}' has schema version {found}",
            cause=f"this dvplug reads version {SCHEMA_VERSION}",
            repair="Update dvplug."
            if newer
            else "Take a newer version of the model or of the plugin that ships it, or export it again.",
        )
    try:
        return Manifest.model_validate(fields)
    except ValidationError as error:
        first = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'manifest'}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()[:3]
        )
        raise ModelError(f"'{path}' is not a valid manifest", cause=first, repair=_REPAIR) from None


def _verify_file(path: Path, entry: FileEntry, label: str) -> None:
    if not _is_plain_file(path):
        raise ModelError(
            f"model {label}: {path.name} is missing or is a link",
            cause=f"expected a plain file of {entry.size} bytes at '{path}'",
            repair=_REPAIR,
        )
    size = path.stat().st_size
    cause = ""
    if size != entry.size:
        cause = (
            f"expected {entry.size} bytes, got {size}; likely a copy or download that was cut short, "
            "or a text conversion of line ends"
        )
    elif (sha256 := file_sha256(path)) != entry.sha256:
        cause = (
            f"expected sha256 {entry.sha256}, got {sha256}; likely the file was edited, replaced by "
            "another version, or changed on a failing disk"
        )
    if cause:
        raise ModelError(f"model {label}: {path.name} is damaged", cause=cause, repair=_REPAIR)
