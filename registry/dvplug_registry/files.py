"""Files and folders that appear under their name whole or not at all: written beside the place, then moved in."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

StrPath: TypeAlias = str | os.PathLike[str]
"""What every public function takes for a path."""


class UnfinishedFile:
    """A new, empty file beside a place, which it takes when it is whole.

    As a context manager it gives the path to write to. The file is kept when the block ends, and discarded when an
    exception passes; what was in the place before stays then.

    Attributes
    ----------
    place
        Where it belongs.
    path
        Where it lies until then.
    """

    def __init__(self, place: Path, *, suffix: str = ".part", mode: int | None = None) -> None:
        """Make the file; raises OSError where that cannot be.

        Parameters
        ----------
        suffix
            How its name ends until it is whole.
        mode
            Its permissions; by default those of any new file of this user.
        """
        self.place, self.path, self._mode = place, _beside(place, suffix), mode
        self.path.touch(mode=0o666 if mode is None else 0o600, exist_ok=False)

    def keep(self) -> None:
        """Move the file in, once the disk has it; whoever writes it must have closed it."""
        if self._mode is not None:
            self.path.chmod(self._mode)
        file = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
        self.path.replace(self.place)

    def discard(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.keep()
        finally:
            self.discard()  # where it was kept, nothing is there any more


def write_whole(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write a file of this content; see `UnfinishedFile`."""
    with UnfinishedFile(path, mode=mode) as unfinished:
        unfinished.write_bytes(content)


def remove_unfinished(place: Path) -> None:
    """Remove the unfinished files, and what was made of them, that killed processes left beside a place.

    Only one who knows that nobody else is writing there may call it.
    """
    ours = re.compile(rf"\.{re.escape(place.name)}\.[0-9a-f]{{8}}\.[a-z.]+")
    for left in place.parent.iterdir():
        if ours.fullmatch(left.name):
            left.unlink(missing_ok=True)


@contextmanager
def whole_folder(place: Path) -> Iterator[Path]:
    """Yield a new folder beside a place, which it takes when the block ends; it goes when an exception passes."""
    made = _beside(place, ".part")
    made.mkdir()
    try:
        yield made
        made.rename(place)
    except BaseException:
        shutil.rmtree(made)
        raise


@contextmanager
def whole_files(folder: Path) -> Iterator[Path]:
    """Yield a new folder whose files are moved into ``folder`` when the block ends, none when an exception passes.

    They come in the order of their names, so that an index comes after its data.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as temporary:
        yield Path(temporary)
        for path in sorted(Path(temporary).iterdir()):
            path.replace(folder / path.name)


def _beside(place: Path, suffix: str) -> Path:
    return place.with_name(f".{place.name}.{secrets.token_hex(4)}{suffix}")
