"""What was made earlier stands as long as what it was made of is the same: folders that know what that was."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from dvplug.errors import InputError

STAMP = "made_of.txt"
"""In each such folder: the digest of what it was made of."""


def digest(paths: Iterable[Path], *more: str) -> str:
    """Return SHA-256 in hex over files, all files of folders, their names, and further texts."""
    found = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                found.update(f"{file.relative_to(path.parent)}\n".encode())
                found.update(hashlib.sha256(file.read_bytes()).digest())
    for text in more:
        found.update(f"{text}\n".encode())
    return found.hexdigest()


def fresh(folder: Path, of: str, *, again: bool = False) -> Path:
    """Return a folder of things made of ``of``, a digest: emptied if what is in it was made of something else.

    Parameters
    ----------
    again
        Empty it in any case.

    Raises
    ------
    InputError
        The folder holds what was not made here, and would be lost.
    """
    stamp = folder / STAMP
    if folder.exists() and not stamp.is_file() and any(folder.iterdir()):
        raise InputError(
            f"'{folder}' holds what this script did not make",
            cause=f"there is no {STAMP} in it",
            repair="Name another work folder with --work.",
        )
    if stamp.is_file() and (again or stamp.read_text() != of):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    stamp.write_text(of)
    return folder
