"""Files as they were when a run began: one that changes meanwhile gives records of two files, or of half of one."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pysam

from dvplug.errors import InputError, RefusedRun
from dvplug.system.console import warn
from dvplug.system.htslib import isolated_htslib, prepare_for_urls
from dvplug.system.locations import INDEX_MARK, Location, is_remote, shown

INDEXES = (".fai", ".gzi", ".bai", ".csi", ".crai", ".tbi")
"""Suffixes of what lies beside files of reads, references and variants, or in place of their own suffix."""
_END = 1 << 16  # bytes at either end of a file that are compared


class FileState(NamedTuple):
    """What tells a file from what it is later, and from other files.

    Attributes
    ----------
    size, changed_ns, inode, device
        Of `os.stat`; the time in nanoseconds.
    ends
        SHA-256 of its first and its last 64 KiB.
    """

    size: int
    changed_ns: int
    inode: int
    device: int
    ends: str

    @classmethod
    def of(cls, path: Path) -> FileState | None:
        """Look at a file; None where there is none, or what is read once, such as a pipe."""
        try:
            now = path.stat()
            if not stat.S_ISREG(now.st_mode):
                return None
            return cls(now.st_size, now.st_mtime_ns, now.st_ino, now.st_dev, _ends(path))
        except OSError:
            return None

    @property
    def content(self) -> tuple[int, str]:
        """What copies have in common."""
        return self.size, self.ends

    def difference(self, path: Path) -> str:
        """Say what is another at this path by now; nothing where it is the same file.

        The number of an inode alone is no difference: some network file systems give a file another one at times.
        """
        try:
            now = path.stat()
        except FileNotFoundError:
            return "it was removed"
        except OSError as error:
            return error.strerror or str(error)
        if now.st_size != self.size:
            return f"it had {self.size:,} bytes, and has {now.st_size:,}"
        if now.st_mtime_ns != self.changed_ns:
            return "it was written again"
        if (now.st_ino, now.st_dev) != (self.inode, self.device) and _ends(path) != self.ends:
            return "another file has its name"
        return ""


@dataclass(frozen=True)
class InputStates:
    """Files as they were at one time; and the sizes of those on servers, which is all that htslib tells of them."""

    files: Mapping[Path, FileState] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, places: Iterable[Location]) -> InputStates:
        """Look at files and at the indexes beside them; what is not there is left to those who read it."""
        files: dict[Path, FileState] = {}
        sizes: dict[str, int] = {}
        for place in places:
            if is_remote(place):
                url = str(place).partition(INDEX_MARK)[0]
                if (size := _remote_size(url)) is not None:
                    sizes[url] = size
                else:
                    warn(
                        f"The size of {shown(url)} is not known: a change while it is read would not be noticed."
                    )
                continue
            for path in with_indexes(Path(place)):
                if (state := FileState.of(path)) is not None:
                    files[path] = state
        return cls(files, sizes)

    def also(self, places: Iterable[Location]) -> InputStates:
        """Return these and more."""
        more = InputStates.of(places)
        return InputStates({**more.files, **self.files}, {**more.sizes, **self.sizes})

    def require_unchanged(self) -> None:
        """Raise RefusedRun where a file on this machine is not the one that it was."""
        for path, state in self.files.items():
            if difference := state.difference(path):
                raise _changed(path, difference)

    def require_same_sizes(self) -> None:
        """Raise RefusedRun where a file on a server has another size than before."""
        for url, size in self.sizes.items():
            now = _remote_size(url)
            if now != size:
                raise _changed(url, f"it had {size:,} bytes, and has {'none' if now is None else f'{now:,}'}")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Have what the block reads be the files of before; where it fails, say that they changed if they did."""
        try:
            yield
        except Exception:
            self.require_unchanged()
            raise
        self.require_unchanged()


NO_INPUTS = InputStates()


def with_indexes(path: Path) -> list[Path]:
    """Return a file and where its indexes may be."""
    return [
        path,
        *(Path(f"{path}{s}") for s in INDEXES),
        *(path.with_suffix(s) for s in INDEXES if path.suffix),
    ]


def _changed(place: Location, how: str) -> RefusedRun:
    return RefusedRun(
        f"{shown(place)} changed while it was read",
        cause=how,
        repair="Nothing was written. Call again when no other program writes it.",
    )


def _ends(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(_END))
        file.seek(max(_END, file.seek(0, os.SEEK_END) - _END))
        digest.update(file.read(_END))
    return digest.hexdigest()


@isolated_htslib()
def _remote_size(url: str) -> int | None:
    """Bytes of a file on a server; None where it does not say."""
    try:
        prepare_for_urls()
        with pysam.HFile(url, "rb") as file:
            return int(file.seek(0, os.SEEK_END))
    except (OSError, InputError):  # why, those say who read it
        return None
