"""Kernels and subkernels as Numba has them; imported when it is needed, by `dvplug.kernel.when_numba`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
from numba import njit
from numba.core.compiler_lock import global_compiler_lock
from numba.core.event import trigger_event
from numba.extending import register_jitable

from dvplug.kernel.cache import cache_folder
from dvplug.kernel.numba_cache import KernelCache, only_one_compiles
from dvplug.kernel.objects import ObjectCode, keep, read

if TYPE_CHECKING:
    from dvplug.kernel.called import Kernel

KNOWN_NUMBA = ("0.68.",)
"""Versions that `dvplug.kernel.compiler` was tried with. By others kernels are compiled in the plain way: longer."""


_IS_KNOWN = numba.__version__.startswith(KNOWN_NUMBA)


def _leave_blas() -> None:
    """Have Numba's functions for arrays loaded without SciPy's BLAS: what multiplies matrices loads it.

    Numba loads it to know whether it is there: .7 s of CPU time, where SciPy is installed at all.
    """
    if "numba.np.arraymath" in sys.modules:
        return
    linalg: Any = importlib.import_module("numba.np.linalg")
    load = linalg.ensure_blas
    linalg.ensure_blas = _find_blas
    try:
        arraymath: Any = importlib.import_module("numba.np.arraymath")
        arraymath.ensure_blas = load
    finally:
        linalg.ensure_blas = load


def _find_blas() -> None:
    if importlib.util.find_spec("scipy") is None:
        raise ImportError("SciPy is not installed")


if _IS_KNOWN:
    _leave_blas()


_OF_ALL = {"no_cfunc_wrapper": True}


def _options() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What kernels are compiled with, kernels that only their entries call, and subkernels.

    Of the wrappers, the compilers make the one that is needed: kernels, subkernels and Numba's own overloads have the
    same options, since what one calls is compiled again for another that differs in them.
    """
    if not _IS_KNOWN:
        return _OF_ALL, _OF_ALL, _OF_ALL
    from dvplug.kernel.compiler import EntryCompiler, KernelCompiler, SubkernelCompiler

    kernel, entry, subkernel = (
        {"pipeline_class": each, "no_cpython_wrapper": True}
        for each in (KernelCompiler, EntryCompiler, SubkernelCompiler)
    )
    return kernel, entry, subkernel


_OF_KERNEL, _OF_ENTRY, _OF_SUBKERNEL = _options()


def dispatcher_of(function: Callable[..., Any]) -> Any:
    """Return what Numba makes of a kernel, kept on disk where it can be."""
    dispatcher = njit(**_OF_KERNEL)(function)
    if cache_folder() is not None:
        dispatcher._cache = KernelCache(function)
    return dispatcher


def object_code(kernel: Kernel, given: Sequence[Any], types: str, path: Path) -> ObjectCode | None:
    """Compile a kernel for arguments like these, told as ``types``, and keep it; None where only Numba can call it.

    Of processes that want the same one compiles it, and the others wait.
    """
    if not _IS_KNOWN:
        return None
    from dvplug.kernel.entry import object_code as code_of

    with global_compiler_lock, only_one_compiles():
        kept = read(path)
        if kept is None:
            dispatcher = njit(**_OF_ENTRY)(kernel.py_func)
            known = tuple(map(dispatcher.typeof_pyval, given))
            told = {"dispatcher": dispatcher, "args": known, "return_type": None}
            with trigger_event("numba:compile", told):  # as Numba's own do
                compiled = dispatcher._compiler._compile_core(known, None)
                kept = code_of(compiled, types, vectorised=kernel.vectorised)
            if kept is not None:
                keep(path, kept)
        return kept


def register(function: Callable[..., Any]) -> None:
    """Let Numba know a subkernel."""
    register_jitable(**_OF_SUBKERNEL)(function)
