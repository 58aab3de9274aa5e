"""What Numba is told of as soon as it is imported, by whomever: functions of its own `njit` may call our subkernels.

Most runs never import it: it takes half a second of CPU time, and kernels that were compiled before do without
(`dvplug.kernel.called`).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
NUMBA = "numba"
SUBKERNELS: set[Callable[..., Any]] = set()
"""All of them, those that Numba was not told of yet too."""
_waiting: list[Callable[..., Any]] = []


def registered(function: Function) -> Function:
    """Tell Numba of a subkernel, at once or when it comes; returns it as it is."""
    SUBKERNELS.add(function)
    _waiting.append(function)
    if NUMBA in sys.modules:
        _tell()
    return function


def by_numba() -> ModuleType:
    """Return `dvplug.kernel.by_numba`, with Numba imported, which knows all subkernels."""
    importlib.import_module(NUMBA)  # before what imports parts of it
    module = importlib.import_module("dvplug.kernel.by_numba")
    while _waiting:
        module.register(_waiting.pop())
    return module


def _tell() -> None:
    with suppress(
        ImportError
    ):  # one of the modules there is what imports Numba now: it is told with the first kernel
        by_numba()


class _Watch:
    """Among those that find modules: sees Numba come."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Of Numba, what the others find; it is told of all that waits once it has run."""
        if name != NUMBA:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_tell(module: ModuleType) -> None:
                execute(module)
                _tell()

            spec.loader.exec_module = execute_and_tell  # type: ignore[method-assign]
        return spec


if NUMBA not in sys.modules:
    sys.meta_path.insert(0, _Watch())
