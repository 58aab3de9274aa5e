"""Compiled kernels on disk: where they lie, and that nothing damaged or stale is ever loaded.

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
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile
from numba.core.codegen import get_host_cpu_features, ll
from numba.core.runtime import rtsys

NO_KERNELS = {
    "calling",
    "cli",
    "cohort",
    "engine",
    "evaluate",
    "executors",
    "genotypes",
    "inputs",
    "joint",
    "plugins",
    "report",
    "show",
    "train",
}
"""Rooms whose files bear on no kernel."""
FOLDER_MODE = 0o755
"""What one user compiled all may read, as in a container whose user did not build it; and nobody else write."""
LONGEST_WAIT_S = 120.0
"""For another process that compiles the same kernels: that it still does is no reason to do it twice."""
_PACKAGE = Path(__file__).resolve().parent.parent
_DIGEST = hashlib.sha256().digest_size


@cache
def cache_folder() -> Path | None:
    """Return where compiled kernels are kept: the first folder that can be written, or holds what is needed; or None.

    In order: ``NUMBA_CACHE_DIR`` if it is set, the installation's own, ``DVPLUG_HOME``, ``XDG_CACHE_HOME`` (or
    ``~/.cache``), and one of this user alone in the folder for temporary files.
    """
    return next((folder for folder in _places() if _is_warm(folder) or _is_writable(folder)), None)


def is_warm() -> bool:
    """Whether kernels of these very sources have been kept before."""
    folder = cache_folder()
    return folder is not None and _is_warm(folder)


def _places() -> list[Path]:
    installation = hashlib.sha256(os.fsencode(_PACKAGE)).hexdigest()[:16]  # two of them do not share a folder
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return [Path(chosen) / f"dvplug-{installation}"]
    places = [_PACKAGE / "__pycache__" / "kernels"]
    if home := os.environ.get("DVPLUG_HOME"):
        places.append(Path(home) / "kernels" / installation)
    user = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if os.path.isabs(user):
        places.append(Path(user) / "dvplug" / "kernels" / installation)
    places.append(Path(tempfile.gettempdir()) / f"dvplug-kernels-{os.getuid()}" / installation)
    return places


def _is_warm(folder: Path) -> bool:
    with suppress(OSError):
        return _is_trusted(folder) and (folder / mark()).read_bytes() == source_digest()
    return False


def _is_writable(folder: Path) -> bool:
    with suppress(OSError):
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if _is_trusted(folder):
            tempfile.TemporaryFile(dir=folder).close()
            return True
    return False


def _is_trusted(folder: Path) -> bool:
    """Whether nobody but root and this user could have put code there: entries are run as they are."""
    return all(
        state.st_uid in (0, os.getuid()) and (not state.st_mode & 0o022 or state.st_mode & 0o1000)
        for state in map(os.lstat, (folder, folder.parent))
    )


@cache
def mark() -> str:
    """Name of a file in a folder of compiled kernels: for this kind of processor, the digest of their sources.

    A folder that holds those of another kind, as an image that was built elsewhere, is no use if it cannot be written.
    """
    features = config.CPU_FEATURES
    if features is None:
        features = get_host_cpu_features()
    kind = f"{config.CPU_NAME or ll.get_host_cpu_name()} {features}"
    return f"sources-{hashlib.sha256(kind.encode()).hexdigest()[:16]}"


@cache
def source_digest() -> bytes:
    """Digest, in hexadecimal, of all files that bear on kernels: their names and what is in them.

    Not their times, which layers of container images, squashfs and most copies round or do not keep.
    """
    digest = hashlib.sha256()
    for folder, below, files in os.walk(_PACKAGE):
        below[:] = sorted(name for name in below if name != "__pycache__" and name not in NO_KERNELS)
        for path in (os.path.join(folder, name) for name in sorted(files) if name.endswith(".py")):
            with suppress(OSError):  # a link to nothing, as some editors make of a file that is not saved
                content = Path(path).read_bytes()
                digest.update(f"{os.path.relpath(path, _PACKAGE)} {len(content)}\n".encode() + content)
    return digest.hexdigest().encode()


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


class _Locator:
    """Says to Numba where the entries of one kernel lie, and what they are compiled from."""

    def __init__(self, folder: Path, line: int) -> None:
        self.folder, self.line = folder, line

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _Locator:
        """Of a function and its file."""
        folder = cache_folder()
        assert folder is not None
        place = os.path.relpath(os.path.dirname(py_file), _PACKAGE).replace(os.sep, ".")
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
        """Without a `refresh` of the context: it loads what Numba compiles with, half a second that only compiling needs."""
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
                folder = cache_folder()
                assert folder is not None
                kept = folder / mark()
                if not kept.exists() or kept.read_bytes() != source_digest():
                    kept.write_bytes(source_digest())
        finally:
            _lock.give()
