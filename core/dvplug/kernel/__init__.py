"""`kernel`: compiles a function, once per machine; `subkernel`: one that kernels call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba import njit
from numba.extending import register_jitable

from dvplug.kernel.cache import KernelCache, cache_folder

Function = TypeVar("Function", bound=Callable[..., Any])
KNOWN_NUMBA = ("0.68.",)
"""Versions that `dvplug.kernel.compiler` was tried with. By others kernels are compiled in the plain way: longer."""


def _options() -> tuple[dict[str, Any], dict[str, Any]]:
    """What kernels and subkernels are compiled with.

    Of the wrappers, `KernelCompiler` makes the one that is needed: kernels, subkernels and Numba's own overloads have
    the same options, since what one calls is compiled again for another that differs in them.
    """
    if not numba.__version__.startswith(KNOWN_NUMBA):
        return {"no_cfunc_wrapper": True}, {"no_cfunc_wrapper": True}
    from dvplug.kernel.compiler import KernelCompiler, SubkernelCompiler

    common = {"no_cpython_wrapper": True}
    return {"pipeline_class": KernelCompiler} | common, {"pipeline_class": SubkernelCompiler} | common


_OF_KERNEL, _OF_SUBKERNEL = _options()


def kernel(function: Function) -> Function:
    """Decorate a function with `numba.njit`, kept on disk where it can be."""
    dispatcher = njit(**_OF_KERNEL)(function)
    if cache_folder() is not None:
        dispatcher._cache = KernelCache(function)
    return cast("Function", dispatcher)


def subkernel(function: Function) -> Function:
    """Decorate a function that kernels call, with `numba.extending.register_jitable`: to Python it stays as it is.

    It becomes a part of the kernels that call it. A kernel of its own is compiled with a way in from Python, too, and
    again for every literal number that another kernel gives it.
    """
    return cast("Function", register_jitable(**_OF_SUBKERNEL)(function))
