"""Kernels and subkernels as Numba has them; imported when it is needed, by `dvplug.kernel.when_numba`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba import njit
from numba.extending import register_jitable

from dvplug.kernel.cache import cache_folder
from dvplug.kernel.numba_cache import KernelCache

KNOWN_NUMBA = ("0.68.",)
"""Versions that `dvplug.kernel.compiler` was tried with. By others kernels are compiled in the plain way: longer."""


_IS_KNOWN = numba.__version__.startswith(KNOWN_NUMBA)


def _options() -> tuple[dict[str, Any], dict[str, Any]]:
    """What kernels and subkernels are compiled with.

    Of the wrappers, `KernelCompiler` makes the one that is needed: kernels, subkernels and Numba's own overloads have
    the same options, since what one calls is compiled again for another that differs in them.
    """
    if not _IS_KNOWN:
        return {"no_cfunc_wrapper": True}, {"no_cfunc_wrapper": True}
    from dvplug.kernel.compiler import KernelCompiler, SubkernelCompiler

    common = {"no_cpython_wrapper": True}
    return {"pipeline_class": KernelCompiler} | common, {"pipeline_class": SubkernelCompiler} | common


def _also_kept() -> Callable[[Any, Any, bytes], None]:
    """How what is compiled is kept besides, for processes without Numba."""
    if not _IS_KNOWN:
        return lambda function, compiled, code: None
    from dvplug.kernel.entry import keep_entry

    return keep_entry


_OF_KERNEL, _OF_SUBKERNEL = _options()
_ALSO = _also_kept()


def dispatcher_of(function: Callable[..., Any]) -> Any:
    """Return what Numba makes of a kernel, kept on disk where it can be."""
    dispatcher = njit(**_OF_KERNEL)(function)
    if cache_folder() is not None:
        dispatcher._cache = KernelCache(function, _ALSO)
    return dispatcher


def register(function: Callable[..., Any]) -> None:
    """Let Numba know a subkernel."""
    register_jitable(**_OF_SUBKERNEL)(function)
