"""`kernel`: compiles a function, once per machine; `subkernel`: one that kernels call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast, overload

from numba import njit
from numba.extending import register_jitable

from dvplug.kernel.cache import KernelCache, cache_folder

Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def kernel(function: Function) -> Function: ...


@overload
def kernel(**options: Any) -> Callable[[Function], Function]: ...


def kernel(function: Function | None = None, **options: Any) -> Function | Callable[[Function], Function]:
    """Decorate a function with `numba.njit`, kept on disk where it can be; options are those of `numba.njit`."""

    def compiled(plain: Function) -> Function:
        dispatcher = njit(no_cfunc_wrapper=True, **options)(plain)
        if cache_folder() is not None:
            dispatcher._cache = KernelCache(plain)
        return cast("Function", dispatcher)

    return compiled if function is None else compiled(function)


@overload
def subkernel(function: Function) -> Function: ...


@overload
def subkernel(**options: Any) -> Callable[[Function], Function]: ...


def subkernel(function: Function | None = None, **options: Any) -> Function | Callable[[Function], Function]:
    """Decorate a function that kernels call, with `numba.extending.register_jitable`: to Python it stays as it is.

    It is compiled into the kernels that call it. A kernel of its own is compiled with a way in from Python, too, which
    takes a quarter of the time, and again for every literal number that another kernel gives it. What one place alone
    calls is best written into it, by ``kernel(inline="always")``; an ``inline`` of `subkernel` gave wrong counts
    (Numba 0.68.1).
    """
    compiled_into = register_jitable(no_cfunc_wrapper=True, **options)
    return cast("Function", compiled_into if function is None else compiled_into(function))
