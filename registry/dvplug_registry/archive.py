"""A model as one file: a plain tar of `manifest.json` and the files it lists, the same bytes every time.

It is not compressed, since weights hardly shrink; so nothing can swell while it is unpacked.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from dvplug_registry.errors import RegistryError
from dvplug_registry.manifest import MANIFEST_NAME
from dvplug_registry.model_folder import MAX_MANIFEST_BYTES, ModelFolder, open_folder, verify_files

MOST_HEAD_BYTES = 1 << 20
TAR_ERRORS = (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError)
"""What `tarfile` raises of damaged files, or of those that were made to do harm, besides OSError."""
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


@contextmanager
def opened_tar(path: Path) -> Iterator[tarfile.TarFile]:
    """Open a plain tar, of which no head can fill the memory; raises `TAR_ERRORS`, as whatever reads it."""
    with path.open("rb") as file:
        guarded = _Guarded(file)
        with tarfile.open(fileobj=guarded, mode="r:") as archive:  # type: ignore[call-overload]
            yield archive


class _Guarded:
    """A file of which `tarfile` gets little at a time: it reads each head at once, however long that says it is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """Read at most `MOST_HEAD_BYTES`; raises tarfile.ReadError where more is asked for."""
        if not 0 <= size <= MOST_HEAD_BYTES:
            raise tarfile.ReadError(f"a head of {size} bytes")
        return self._file.read(size)


def is_plain(entry: tarfile.TarInfo) -> bool:
    """Whether an entry is a file and nothing else: no link, device or folder, and none with holes.

    `TarInfo.isreg` is true of those with holes, too: a few bytes of them unpack to any number.
    """
    return entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and entry.sparse is None


def unpack(path: Path, folder: Path) -> ModelFolder:
    """Unpack into an empty folder, file by file as the manifest lists them, and verify them.

    Raises
    ------
    RegistryError
        It is no tar, does not begin with a manifest, or holds anything that the manifest does not list: links,
        folders, files with holes, other names, another size, a name twice.
    ModelError
        The manifest is not valid, or a file is not the one that it lists.
    """
    try:
        with opened_tar(path) as archive:
            first = archive.next()
            if first is None or first.name != MANIFEST_NAME or not is_plain(first):
                raise _refused(path, f"it does not begin with {MANIFEST_NAME}")
            if first.size > MAX_MANIFEST_BYTES:
                raise _refused(path, f"its manifest has {first.size} bytes")
            _write(archive.extractfile(first), folder / MANIFEST_NAME)
            model = open_folder(folder)
            missing = dict(model.manifest.files)
            while entry := archive.next():
                listed = missing.pop(entry.name, None)
                if listed is None or not is_plain(entry):
                    raise _refused(
                        path, f"'{entry.name}' is not a file that its manifest lists, or is there twice"
                    )
                if entry.size != listed.size:
                    raise _refused(
                        path, f"'{entry.name}' has {entry.size} bytes, its manifest says {listed.size}"
                    )
                _write(archive.extractfile(entry), folder / entry.name)
    except TAR_ERRORS as error:
        raise _refused(path, str(error)) from error
    except OSError as error:
        raise RegistryError(
            f"'{path.name}' cannot be unpacked",
            cause=error.strerror or str(error),
            repair=f"Check the permissions and the free space of '{folder}'.",
        ) from error
    verify_files(folder, model.manifest)
    return model


def _write(content: IO[bytes] | None, path: Path) -> None:
    assert content is not None  # of regular files it never is
    with path.open("xb") as file:
        shutil.copyfileobj(content, file)


def _refused(path: Path, cause: str) -> RegistryError:
    return RegistryError(f"'{path.name}' is not a model archive", cause=cause, repair=_REPAIR)
