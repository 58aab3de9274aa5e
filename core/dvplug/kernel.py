"""`kernel`: compiles a function, once per machine.

Numba keeps what it compiled beside the source, or in the user's cache folder. It compiles again when a kernel's own
file has changed, but not when that of a kernel which it calls has; and it fails when a class that a kernel takes was
renamed, as by an upgrade. So what was compiled is thrown away whenever a file of this package has changed that lies
where kernels are.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast, overload

from numba import njit

MARK = "dvplug-sources"
"""File in a folder of compiled kernels: the state of the sources that they are compiled from."""
NO_KERNELS = {
    "calling",
    "cli",
    "engine",
    "evaluate",
    "genotypes",
    "inputs",
    "plugins",
    "report",
    "show",
    "train",
}
"""Rooms whose files bear on no kernel."""
Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def kernel(function: Function) -> Function: ...


@overload
def kernel(**options: Any) -> Callable[[Function], Function]: ...


def kernel(function: Function | None = None, **options: Any) -> Function | Callable[[Function], Function]:
    """Decorate a function with `numba.njit`, cached on disk; options are those of `numba.njit`."""

    def compiled(plain: Function) -> Function:
        dispatcher = njit(cache=True, **options)(plain)
        _forget_others(Path(dispatcher.stats.cache_path))
        return cast("Function", dispatcher)

    return compiled if function is None else compiled(function)


@cache
def _forget_others(folder: Path) -> None:
    """Remove what was compiled from other sources, if this folder may be written to."""
    mark, now = folder / MARK, _sources()
    with suppress(OSError):
        if mark.exists() and mark.read_bytes() == now:
            return
        for index in folder.glob("*.nbi"):  # the code that it points to is written over
            index.unlink(missing_ok=True)
        mark.write_bytes(now)


@cache
def _sources() -> bytes:
    """Digest of the names, sizes and times of all files that bear on kernels."""
    root, found = os.path.dirname(__file__), []
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if name != "__pycache__" and name not in NO_KERNELS]
        for path in (os.path.join(folder, name) for name in files if name.endswith(".py")):
            with suppress(OSError):  # a link to nothing, as some editors make of a file that is not saved
                state = os.stat(path)
                found.append(f"{path.removeprefix(root)} {state.st_size} {state.st_mtime_ns}")
    return hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest().encode()
