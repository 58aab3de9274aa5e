"""Where compiled kernels lie on disk, and what they were compiled from.

No Numba in here: a run whose kernels are all compiled does without it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

NO_KERNELS = {
    "calling",
    "cli",
    "cohort",
    "engine",
    "evaluate",
    "executors",
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
ROOM = 1 << 22
"""Bytes that a folder has to have room for: somewhat more than all kernels take."""
PACKAGE = Path(__file__).resolve().parent.parent
CONFIGURATION = ".numba_config.yaml"
"""What Numba reads settings from, besides the environment, in the working directory."""
NUMBA = "NUMBA_"
"""How Numba's settings in the environment begin."""
_ALSO_WITHOUT_NUMBA = {f"{NUMBA}{name}" for name in ("CACHE_DIR", "CPU_NAME", "CPU_FEATURES", "NUM_THREADS")}
"""Those that say where kernels lie and for which processor they are, and one that none heeds."""


@cache
def cache_folder() -> Path | None:
    """Return where compiled kernels are kept: the first folder that takes them, or holds what is needed; or None.

    In order: ``NUMBA_CACHE_DIR`` if it is set, the installation's own, ``DVPLUG_HOME``, ``XDG_CACHE_HOME`` (or
    ``~/.cache``), and one of this user alone in the folder for temporary files.
    """
    return next((folder for folder in _places() if _is_warm(folder) or _is_writable(folder)), None)


def is_warm() -> bool:
    """Whether kernels of these very sources have been kept before."""
    folder = cache_folder()
    return folder is not None and _is_warm(folder)


def _places() -> list[Path]:
    installation = hashlib.sha256(os.fsencode(PACKAGE)).hexdigest()[:16]  # two of them do not share a folder
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return [Path(chosen) / f"dvplug-{installation}"]
    places = [PACKAGE / "__pycache__" / "kernels"]
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
            with tempfile.TemporaryFile(dir=folder) as tried:
                tried.write(bytes(ROOM))
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
    # 40 ms, and `dvplug --help` needs no kernel
    from llvmlite import binding as ll  # type: ignore[import-untyped]

    features = os.environ.get(f"{NUMBA}CPU_FEATURES")
    if features is None:
        with suppress(RuntimeError):  # LLVM does not know
            features = ll.get_host_cpu_features().flatten()
    name = os.environ.get(f"{NUMBA}CPU_NAME") or ll.get_host_cpu_name()
    kind = f"{name} {features} {os.environ.get(f'{NUMBA}ENABLE_AVX')} {_configuration()!r}"
    return f"sources-{hashlib.sha256(kind.encode()).hexdigest()[:16]}"


def note_kept() -> None:
    """Write the mark, when a kernel has been kept; raises OSError."""
    folder = cache_folder()
    assert folder is not None
    kept = folder / mark()
    if not kept.exists() or kept.read_bytes() != source_digest():
        kept.write_bytes(source_digest())


def _configuration() -> bytes:
    with suppress(OSError):
        return Path(CONFIGURATION).read_bytes()
    return b""


def is_configured() -> bool:
    """Whether somebody told Numba how to compile, or to tell of it, or not to: then it is to be asked."""
    told = {name for name in os.environ if name.startswith(NUMBA)} - _ALSO_WITHOUT_NUMBA
    return bool(told) or os.path.exists(CONFIGURATION)


@cache
def source_digest() -> bytes:
    """Digest, in hexadecimal, of all files that bear on kernels: their names and what is in them.

    Not their times, which layers of container images, squashfs and most copies round or do not keep.
    """
    digest = hashlib.sha256()
    for folder, below, files in os.walk(PACKAGE):
        below[:] = sorted(name for name in below if name != "__pycache__" and name not in NO_KERNELS)
        for path in (os.path.join(folder, name) for name in sorted(files) if name.endswith(".py")):
            with suppress(OSError):  # a link to nothing, as some editors make of a file that is not saved
                content = Path(path).read_bytes()
                digest.update(f"{os.path.relpath(path, PACKAGE)} {len(content)}\n".encode() + content)
    return digest.hexdigest().encode()
