"""Compiled kernels as Numba keeps and loads them: nothing damaged or stale is ever loaded.

Numba's own cache looks at the file that a kernel is in, not at those of the kernels which it calls; it fails when a
class that a kernel takes was renamed, as by an upgrade, when an entry is damaged, when the disk is full, and when no
folder can be written. Here an entry counts only with the sources that it was compiled from and if its digest is right;
what cannot be loaded is compiled, and what cannot be kept is used for this run.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile
from numba.core.runtime import rtsys

from dvplug.kernel.cache import FOLDER_MODE, PACKAGE, cache_folder, note_kept, source_digest

LONGEST_WAIT_S = 120.0
"""For another process that compiles the same kernels: that it still does is no reason to do it twice."""
_DIGEST = hashlib.sha256().digest_size


class _Lock:
    """Held by the process that compiles, so that others wait for what it keeps; given up when they waited too long."""

    def __init__(self) -> None:
        self._depth, self._file = 0, -1

    def take(self, folder: Path) -> None:
        """Wait for it; a kernel that is compiled because another calls it takes it again."""
        self._depth += 1
        if self._depth > 1:
            return
        with suppress(OSError):
            self._file = os.open(folder / "lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            end = time.monotonic() + LONGEST_WAIT_S
            while time.monotonic() < end:
                with suppress(BlockingIOError):
                    fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                time.sleep(0.05)

    def give(self) -> None:
        """Let others go on, when the last has been kept."""
        self._depth = max(self._depth - 1, 0)
        if not self._depth and self._file >= 0:
            os.close(self._file)
            self._file = -1


_lock = _Lock()


@contextmanager
def only_one_compiles() -> Iterator[None]:
    """Hold the lock, where there is a folder."""
    folder = cache_folder()
    if folder is not None:
        _lock.take(folder)
    try:
        yield
    finally:
        _lock.give()


class _Locator:
    """Says to Numba where the entries of one kernel lie, and what they are compiled from."""

    def __init__(self, folder: Path, line: int) -> None:
        self.folder, self.line = folder, line

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _Locator:
        """Of a function and its file."""
        folder = cache_folder()
        assert folder is not None
        place = os.path.relpath(os.path.dirname(py_file), PACKAGE).replace(os.sep, ".")
        return cls(folder / place.strip("."), py_func.__code__.co_firstlineno)

    def ensure_cache_path(self) -> None:
        """Make the folder; raises OSError."""
        self.folder.mkdir(mode=FOLDER_MODE, exist_ok=True)

    def get_cache_path(self) -> str:
        """Return the folder."""
        return str(self.folder)

    def get_source_stamp(self) -> bytes:
        """Return what an entry must have been compiled from."""
        return source_digest()

    def get_disambiguator(self) -> str:
        """Return what parts functions of one name."""
        return str(self.line)


class _Compiled(CompileResultCacheImpl):
    _locator_classes: ClassVar = [_Locator]


class _CheckedFiles(IndexDataCacheFile):
    """Numba's files, with a digest before the code."""

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(content).digest() + content)

    def _load_data(self, name: str) -> Any:
        whole = Path(self._data_path(name)).read_bytes()
        if hashlib.sha256(whole[_DIGEST:]).digest() != whole[:_DIGEST]:
            raise pickle.UnpicklingError(f"{name} is damaged")
        return pickle.loads(whole[_DIGEST:])  # noqa: S301 - from a folder that is this user's or root's alone


class KernelCache(FunctionCache):
    """What is kept of one kernel; what is wrong with it is mended by compiling."""

    _impl_class = _Compiled

    def __init__(self, py_func: Any) -> None:
        super().__init__(py_func)
        self._cache_file = _CheckedFiles(self._cache_path, self._impl.filename_base, source_digest())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled kernel, or None where it is to be compiled; then the lock is held until it is kept."""
        found = self._load(sig, target_context)
        if found is None:
            folder = cache_folder()
            assert folder is not None
            _lock.take(folder)
            found = self._load(sig, target_context)
            if found is not None:
                _lock.give()
        return found

    def _load(self, sig: Any, target_context: Any) -> Any:
        """Load it without a `refresh` of the context, which loads what Numba compiles with: half a second."""
        try:
            rtsys.initialize(target_context)
            return self._load_overload(sig, target_context)
        except Exception:  # noqa: BLE001 - damaged, or of classes that are no more: whatever it is, compile
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel, unless the disk is full or the folder is another's."""
        try:
            with suppress(OSError):
                super().save_overload(sig, data)
                note_kept()
        finally:
            _lock.give()
