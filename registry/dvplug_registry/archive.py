"""A model as one file: a plain tar of `manifest.json` and the files it lists, the same bytes every time.

It is not compressed, since weights hardly shrink; so nothing can swell while it is unpacked.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from pathlib import Path
from typing import IO

from dvplug_registry.errors import RegistryError
from dvplug_registry.manifest import MANIFEST_NAME
from dvplug_registry.model_folder import MAX_MANIFEST_BYTES, ModelFolder, open_folder, verify_files

_REPAIR = "Download it again; if that does not help, tell the registry's owner."


def pack(model: ModelFolder, out: Path) -> str:
    """Write a model's files into a tar; returns its sha256. Equal files give equal bytes."""
    names = [MANIFEST_NAME, *sorted(model.manifest.files)]
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name in names:
            content = (model.folder / name).read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return hashlib.sha256(out.read_bytes()).hexdigest()


def unpack(path: Path, folder: Path) -> ModelFolder:
    """Unpack into an empty folder, file by file as the manifest lists them, and verify them.

    Raises
    ------
    RegistryError
        It is no tar, does not begin with a manifest, or holds anything that the manifest does not list: links,
        folders, other names, another size, a name twice.
    ModelError
        The manifest is not valid, or a file is not the one that it lists.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            first = archive.next()
            if first is None or first.name != MANIFEST_NAME or not first.isreg():
                raise _refused(path, f"it does not begin with {MANIFEST_NAME}")
            if first.size > MAX_MANIFEST_BYTES:
                raise _refused(path, f"its manifest has {first.size} bytes")
            _write(archive.extractfile(first), folder / MANIFEST_NAME)
            model = open_folder(folder)
            missing = dict(model.manifest.files)
            while entry := archive.next():
                listed = missing.pop(entry.name, None)
                if listed is None or not entry.isreg():
                    raise _refused(
                        path, f"'{entry.name}' is not a file that its manifest lists, or is there twice"
                    )
                if entry.size != listed.size:
                    raise _refused(
                        path, f"'{entry.name}' has {entry.size} bytes, its manifest says {listed.size}"
                    )
                _write(archive.extractfile(entry), folder / entry.name)
    except (tarfile.TarError, EOFError) as error:
        raise _refused(path, str(error)) from error
    verify_files(folder, model.manifest)
    return model


def _write(content: IO[bytes] | None, path: Path) -> None:
    assert content is not None  # of regular files it never is
    with path.open("xb") as file:
        shutil.copyfileobj(content, file)


def _refused(path: Path, cause: str) -> RegistryError:
    return RegistryError(f"'{path.name}' is not a model archive", cause=cause, repair=_REPAIR)
