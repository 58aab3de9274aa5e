"""Files and folders that appear under their name whole or not at all: written beside the place, then moved in.

A place that is a symbolic link stays one: what it points at is replaced, as a program does that opens it to write.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, TypeAlias

StrPath: TypeAlias = str | os.PathLike[str]
"""What every public function takes for a path."""


def resolved(place: Path) -> Path:
    """Where a file really lies, or would lie: all symbolic links are followed, also one that points at nothing yet."""
    return Path(os.path.realpath(place))


class UnfinishedFile:
    """A new, empty file beside a place, which it takes when it is whole.

    As a context manager it gives the path to write to. The file is kept when the block ends, and discarded when an
    exception passes; what was in the place before stays then.

    Attributes
    ----------
    place
        Where it belongs, links followed.
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
        self.place, self._mode = resolved(place), mode
        self.path = _beside(self.place, suffix)
        self.path.touch(mode=0o666 if mode is None else 0o600, exist_ok=False)

    def keep(self) -> None:
        """Move the file in, once the disk has it; whoever writes it must have closed it."""
        if self._mode is not None:
            self.path.chmod(self._mode)
        settle(self.path)
        self.path.replace(self.place)

    def discard(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                self.keep()
            finally:
                self.discard()  # where it was kept, nothing is there any more
        else:
            with suppress(OSError):  # what went wrong first is what is told
                self.discard()


def settle(path: Path) -> None:
    """Wait until the disk has a file."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def write_whole(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write a file of this content; see `UnfinishedFile`."""
    with UnfinishedFile(path, mode=mode) as unfinished:
        unfinished.write_bytes(content)


class Move(NamedTuple):
    """A whole file, and the place in the same folder's file system that it shall take."""

    made: Path
    place: Path


def move_in(moves: Iterable[Move], obsolete: Iterable[Path] = ()) -> None:
    """Move several whole files in, all of them or none.

    What is in the places before is kept under hidden names until the last file is in its place, and comes back when one
    cannot be moved, or when a signal interrupts. The order is: what is obsolete goes, then the files come in theirs. A
    process that is killed in between leaves some of the new files, and of the old ones hidden files ``.NAME.*.old``.

    Parameters
    ----------
    moves
        In the order in which they shall appear: an index after its data.
    obsolete
        Files that the new ones make wrong, such as the index of a file that is replaced.

    Raises
    ------
    OSError
        A file cannot be moved, or a folder is in its place; all is as it was, and what was made lies where it was made.
    """
    into = [(made, resolved(place)) for made, place in moves]
    gone = dict.fromkeys(map(resolved, obsolete))
    for place in (*gone, *(place for _, place in into)):
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
    begun: list[tuple[Path | None, Path, Path]] = []  # what comes, its place, what was there
    try:
        for place in gone:
            if place.exists():
                before = _beside(place, ".old")
                begun.append((None, place, before))
                place.replace(before)
        for made, place in into:
            before = _beside(place, ".old")
            begun.append((made, place, before))
            if place.exists():
                _keep_beside(place, before)
            made.replace(place)
    except BaseException:
        for come, place, before in reversed(begun):
            with suppress(OSError):  # the others come back all the same
                _take_back(come, place, before)
        raise
    for _, _, before in begun:
        with suppress(OSError):  # all are in their places: a hidden file too many is no failure
            before.unlink(missing_ok=True)


def _keep_beside(place: Path, before: Path) -> None:
    """Keep a file under a second name; where the file system has no hard links, under that alone."""
    try:
        before.hardlink_to(place)
    except OSError:
        place.replace(before)


def _take_back(come: Path | None, place: Path, before: Path) -> None:
    """Undo one move, however far it got: the file system says so."""
    if come is not None and not come.exists():
        place.replace(come)
    if before.exists():
        before.replace(place)
        before.unlink(missing_ok=True)  # a rename to another name of the same file does nothing


def remove_unfinished(place: Path) -> None:
    """Remove the unfinished files and folders, and what was made of them, that killed processes left beside a place.

    Only one who knows that nobody else is writing there may call it.
    """
    place = resolved(place)
    ours = re.compile(rf"\.{re.escape(place.name)}\.[0-9a-f]{{8}}\.[a-z.]+")
    for left in place.parent.iterdir():
        if ours.fullmatch(left.name) and left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        elif ours.fullmatch(left.name):
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
        shutil.rmtree(made, ignore_errors=True)
        raise


@contextmanager
def whole_files(folder: Path) -> Iterator[Path]:
    """Yield a new folder whose files are moved into ``folder`` when the block ends, none when an exception passes.

    They come in the order of their names, so that an index comes after its data; see `move_in`.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-", ignore_cleanup_errors=True) as made:
        yield Path(made)
        move_in(Move(path, folder / path.name) for path in sorted(Path(made).iterdir()))


def _beside(place: Path, suffix: str) -> Path:
    return place.with_name(f".{place.name}.{os.urandom(4).hex()}{suffix}")
