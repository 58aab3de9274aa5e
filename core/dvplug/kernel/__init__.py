"""`kernel`: compiles a function, once per machine; `subkernel`: one that kernels call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from dvplug.kernel.called import Kernel
from dvplug.kernel.when_numba import registered

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Decorate a function with `numba.njit`, kept on disk where it can be.

    Numba is imported when a kernel is called that is not on disk, or is called with what only Numba knows.
    """
    return cast("Function", Kernel(function))


def subkernel(function: Function) -> Function:
    """Decorate a function that kernels call, with `numba.extending.register_jitable`: to Python it stays as it is.

    It becomes a part of the kernels that call it. A kernel of its own is compiled with a way in from Python, too, and
    again for every literal number that another kernel gives it.
    """
    return registered(function)
