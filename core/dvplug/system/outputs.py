"""Outputs: their places tried, compared and locked before any work, and files that appear whole and together."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from dvplug.errors import InputError, Problems, unwritable
from dvplug.system.console import warn
from dvplug.system.locations import Location, is_remote, shown
from dvplug_registry.files import (
    Move,
    UnfinishedFile,
    move_in,
    remove_unfinished,
    resolved,
    settle,
    write_whole,
)

VCF_SUFFIXES = (".vcf.gz", ".vcf")
VCF_INDEXES = (".tbi", ".csi")
BAM_SUFFIXES = (".bam",)
BAM_INDEXES = (".bai", ".csi")
TBI_MAX = 2**29
"""Positions that a .tbi or .bai index can hold (SAM specification, section 5); longer contigs get a .csi."""
_INDEXES = (".fai", ".gzi", ".bai", ".csi", ".crai", ".tbi")  # that lie beside inputs


@dataclass(frozen=True)
class Output:
    """A file that a command is to write.

    Attributes
    ----------
    option
        What the user gave it with, for messages.
    path
        As the user gave it.
    suffixes
        How its name may end; any is right where there are none.
    appended
        It is added to, never replaced.
    """

    option: str
    path: Path
    suffixes: tuple[str, ...] = ()
    appended: bool = False

    @property
    def is_indexed(self) -> bool:
        """Whether an index comes with it."""
        return bool(self._indexes)

    @property
    def also(self) -> list[Path]:
        """What is written, or goes, with it: its indexes."""
        return index_places(self.path, self._indexes)

    @property
    def _indexes(self) -> tuple[str, ...]:
        if self.suffixes == BAM_SUFFIXES:
            return BAM_INDEXES
        return VCF_INDEXES if is_compressed(self.path) else ()


def is_compressed(path: Path) -> bool:
    """Whether the name asks for BGZF and an index."""
    return path.name.lower().endswith(VCF_SUFFIXES[0])


def index_places(path: Path, suffixes: Iterable[str]) -> list[Path]:
    """Where the index of a file belongs: beside the name that it was given and, if that is a link, beside the file."""
    found = [resolved(Path(f"{one}{suffix}")) for suffix in suffixes for one in (path, resolved(path))]
    return list(dict.fromkeys(found))


def require_apart(outputs: Sequence[Output], inputs: Iterable[Location] = ()) -> None:
    """Refuse outputs that are one file, or an input or its index, under whatever names; raises InputError."""
    taken: dict[object, str] = {}
    for place in inputs:
        if not is_remote(place):
            for path in (Path(place), *(Path(f"{place}{suffix}") for suffix in _INDEXES)):
                if path.exists():
                    taken.setdefault(_identity(path), f"the input {shown(str(path))}")
    for output in outputs:
        own = {_identity(path): path for path in (output.path, *output.also)}
        for identity, path in own.items():
            if (other := taken.get(identity)) is not None:
                raise InputError(
                    f"{output.option} {output.path} and {other} are one file",
                    cause=f"both are {resolved(path)}",
                    repair="Name another file.",
                )
        taken |= dict.fromkeys(own, f"{output.option} {output.path}")


def _identity(path: Path) -> object:
    """What two names of one file have in common: hard links and spellings that the file system takes for one too."""
    try:
        found = path.stat()
    except OSError:
        return resolved(path)
    return found.st_dev, found.st_ino


def require_place(path: Path, suffixes: tuple[str, ...], option: str) -> None:
    """Refuse an output that could not be written at the end, as far as can be told without trying; raises InputError.

    Parameters
    ----------
    suffixes
        How the name must end, such as ``.html``; any is right where there are none.
    option
        What the user gave it with, for the message.
    """
    if suffixes and not path.name.lower().endswith(suffixes):
        stdout = ", or write - for stdout" if suffixes == VCF_SUFFIXES and option == "--out" else ""
        raise InputError(
            f"{option} {path} has an unknown format",
            cause="the name says the format",
            repair=f"End it in {' or '.join(suffixes)}{stdout}.",
        )
    place = resolved(path)
    if not place.parent.is_dir():
        raise InputError(
            f"Folder {place.parent if path.is_symlink() else path.parent} of {option} does not exist",
            repair="Make it, or correct the path.",
        )
    if place.is_dir():
        raise InputError(f"{option} {path} is a folder", repair="Name a file.")


def require_writable(output: Output) -> None:
    """Check the place of an output, and try it: a file is made beside it and removed; raises InputError."""
    require_place(output.path, output.suffixes, output.option)
    place = resolved(output.path)
    what = f"{output.option} {output.path}"
    if output.appended:
        return
    try:
        if place.exists() and not place.is_file():
            raise InputError(
                f"{what} is no plain file",
                cause="what is there would be replaced",
                repair="Name another file.",
            )
        for index in output.also:
            if index.exists() and not index.is_file():
                raise InputError(
                    f"{what} has its index in {index}, which is no plain file",
                    cause="what is there would be replaced",
                    repair="Name another file, or move that.",
                )
        UnfinishedFile(place).discard()
    except OSError as error:
        raise unwritable(what, error) from error


@contextmanager
def reserved(
    outputs: Sequence[Output], inputs: Iterable[Location] = (), examine: Callable[[], object] | None = None
) -> Iterator[None]:
    """Keep the places of outputs for this command while the block runs: to be entered before anything is read.

    They are compared (`require_apart`), tried (`require_writable`) and locked against other processes; what killed
    processes left unfinished beside them is removed.

    Parameters
    ----------
    examine
        Called where a place is refused, before any work: what it raises is told with that.

    Raises
    ------
    InputError
        A place cannot be written, is an input or another output, or another process is writing it. Where several
        things are wrong: `ManyProblems`.
    """
    problems = Problems()
    with problems.collect():
        require_apart(outputs, inputs)
    for output in outputs:
        with problems.collect():
            require_writable(output)
    if problems.found and examine:
        with problems.collect():
            examine()
    problems.raise_all()
    with ExitStack() as locks:
        for output in outputs:
            if output.appended and not output.path.is_file():
                continue  # a pipe or a terminal
            if locks.enter_context(locked(output.path)) and not output.appended:
                for place in (output.path, *output.also):
                    remove_unfinished(place)
        yield


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Keep a place from other processes, and from other threads of this one; raises InputError where one has it.

    The lock is that of a hidden file ``.NAME.dvplug-lock`` beside it, which goes with it. One that a killed process
    left locks nothing. Yields False, after a warning, where the file system knows no locks.
    """
    place = resolved(path)
    lock = place.with_name(f".{place.name}.dvplug-lock")
    try:
        file, is_locked = _lock(lock)
    except BlockingIOError:
        raise InputError(
            f"Output {path} is being written by another process",
            cause=f"it holds {lock}",
            repair="Wait for it, end it, or write to another file.",
        ) from None
    except OSError as error:
        raise unwritable(f"Output {path}", error) from error
    if not is_locked:
        warn(f"the file system of {path} knows no locks: see to it that no other run writes there.")
    _held.add(lock)
    try:
        yield is_locked
    finally:
        _held.discard(lock)
        with suppress(OSError):
            lock.unlink(missing_ok=True)
        file.close()


_held: set[Path] = set()  # by this process, which the system would let lock them again
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


def _lock(path: Path) -> tuple[BinaryIO, bool]:
    """Open a file that this process alone has, if there are locks here; raises BlockingIOError where another has it.

    The lock is of POSIX: it ends with the process, and forked workers, which may outlive it, do not hold it.
    """
    if path in _held:
        raise BlockingIOError
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b")
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                return file, True
        except PermissionError as error:  # what some systems say of a file that is locked
            file.close()
            raise BlockingIOError(*error.args) from error
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return file, False
            file.close()
            raise
        file.close()  # another run has just removed it


class Together:
    """Files that are moved in together when the block ends, all of them whole, or none of them: see `move_in`.

    Raises
    ------
    InputError
        By the end of the block: a file cannot be moved in, and all is as it was.
    """

    def __init__(self) -> None:
        self._data: list[Move] = []
        self._indexes: list[Move] = []
        self._obsolete: list[Path] = []

    def begin(self, path: Path, suffix: str = ".part") -> Path:
        """Make an empty file that is ``path`` once it is whole, and has this suffix until then; raises OSError."""
        made = UnfinishedFile(path, suffix=suffix)
        self.take(made.path, made.place)
        return made.path

    def take(self, made: Path, path: Path) -> None:
        """Add a file that was made elsewhere in the same file system."""
        self._data.append(Move(made, path))

    def write(self, path: Path, content: bytes) -> None:
        """Add a whole file of this content; raises InputError where it cannot be written."""
        with told(f"Output {path}"):
            self.begin(path).write_bytes(content)

    def take_index(self, made: Path, path: Path, suffix: str, older: Iterable[str] = VCF_INDEXES) -> None:
        """Add the index of the file ``path`` that was made elsewhere, which is removed; ``older`` ones go.

        Raises OSError.
        """
        for place in index_places(path, (suffix,)):
            unfinished = UnfinishedFile(place)
            self._indexes.append(Move(unfinished.path, place))
            shutil.copyfile(made, unfinished.path)
        made.unlink()
        self._obsolete += index_places(path, older)

    def keep(self) -> None:
        """Move all in, data before indexes; raises InputError."""
        moves = [*self._data, *self._indexes]
        try:
            for made, _ in moves:
                settle(made)
            move_in(moves, self._obsolete)
        except OSError as error:
            where = f" {error.filename2 or error.filename}" if error.filename else ""
            raise unwritable(f"Output{where}", error) from error

    def discard(self) -> None:
        """Remove what was not moved in."""
        for made, _ in (*self._data, *self._indexes):
            with suppress(OSError):  # what went wrong first is what is told
                made.unlink(missing_ok=True)

    def __enter__(self) -> Together:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.keep()
        finally:
            self.discard()


def write_output(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; raises InputError when that fails."""
    with told(f"Output {path}"):
        write_whole(path, content)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Tell what the system would not write in this block as an InputError."""
    try:
        yield
    except OSError as error:
        raise unwritable(what, error) from error


@contextmanager
def made_folder(path: Path, option: str) -> Iterator[None]:
    """Make a folder for outputs, with those above it; what was made goes again where the block fails and it is empty.

    Raises
    ------
    InputError
        It cannot be made.
    """
    missing = [one for one in (path, *path.parents) if not one.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise InputError(f"{option} {path} is a file", repair="Name a folder.") from None
    except OSError as error:
        raise unwritable(f"{option} {path}", error) from error
    try:
        yield
    except BaseException:
        for one in missing:
            with suppress(OSError):  # not empty
                one.rmdir()
        raise


@contextmanager
def reserved_folder(path: Path, option: str) -> Iterator[None]:
    """Keep the place of a folder that is to be made whole; the folders above it are made.

    Raises
    ------
    InputError
        It cannot be made, or another process makes it.
    """
    with made_folder(path.absolute().parent, f"The folder of {option}"), locked(path):
        yield
