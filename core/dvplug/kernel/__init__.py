"""`kernel`: compiles a function, once per machine; `subkernel`: one that kernels call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast, overload

from dvplug.kernel.called import Kernel
from dvplug.kernel.when_numba import registered

Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def kernel(function: Function) -> Function: ...
@overload
def kernel(*, vectorised: bool) -> Callable[[Function], Function]: ...
def kernel(function: Function | None = None, *, vectorised: bool = False) -> Any:
    """Decorate a function with `numba.njit`, kept on disk where it can be.

    Numba is imported when a kernel is called that is not on disk, or is called with what only Numba knows.

    Parameters
    ----------
    function
        The function.
    vectorised
        Whether LLVM does what it can, loops above all: takes out of them what stays the same, takes several turns at
        once. It takes twice as long then, so this is for kernels in whose loops a call spends its time and which gain
        by it: most do not.
    """
    if function is None:
        return lambda given: Kernel(given, vectorised)
    return cast("Function", Kernel(function, vectorised))


def subkernel(function: Function) -> Function:
    """Decorate a function that kernels call, with `numba.extending.register_jitable`: to Python it stays as it is.

    It becomes a part of the kernels that call it. A kernel of its own is compiled with a way in from Python, too, and
    again for every literal number that another kernel gives it.
    """
    return registered(function)
