"""`kernel`: compiles a function, once per machine; `subkernel`: one that kernels call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit
from numba.extending import register_jitable

from dvplug.kernel.cache import KernelCache, cache_folder
from dvplug.kernel.compiler import KernelCompiler, SubkernelCompiler

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Decorate a function with `numba.njit`, kept on disk where it can be."""
    # Of the wrappers, `KernelCompiler` makes the one that is needed: kernels, subkernels and Numba's own overloads have
    # the same options here, since what one calls is compiled again for another that differs in them.
    dispatcher = njit(pipeline_class=KernelCompiler, no_cpython_wrapper=True)(function)
    if cache_folder() is not None:
        dispatcher._cache = KernelCache(function)
    return cast("Function", dispatcher)


def subkernel(function: Function) -> Function:
    """Decorate a function that kernels call, with `numba.extending.register_jitable`: to Python it stays as it is.

    It becomes a part of the kernels that call it. A kernel of its own is compiled with a way in from Python, too, and
    again for every literal number that another kernel gives it.
    """
    return cast(
        "Function", register_jitable(pipeline_class=SubkernelCompiler, no_cpython_wrapper=True)(function)
    )
