"""How compiled functions call each other within a kernel: what one raises goes up as it is.

Numba takes a returned code apart into six conditions, of which one is asked for, and copies the description of an error
from the called function to its caller: with arguments, 58 instructions for a call. Here the called function is told
where its caller's description lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core.callconv import (
    RETCODE_EXC,
    RETCODE_NONE,
    RETCODE_OK,
    RETCODE_STOPIT,
    RETCODE_USEREXC,
    CPUCallConv,
    excinfo_ptr_t,
)
from numba.core.cgutils import alloca_once, get_null_value
from numba.core.types.abstract import Type
from numba.core.types.misc import Optional

_call = CPUCallConv.call_function
_propagate = CPUCallConv.return_status_propagate
_ERROR = ir.PointerType(excinfo_ptr_t)
_TRIED = "_CPUCallConv__eh_try_state"
"""Name of what a builder has once it came to a ``try``."""


@dataclass(frozen=True)
class _Status:
    """What a call returned, as `numba.core.callconv.Status`: a condition is code once it is asked for."""

    code: Any
    excinfoptr: Any
    _builder: Any

    @property
    def is_error(self) -> Any:
        compared = (self._builder.icmp_signed("!=", self.code, known) for known in (RETCODE_OK, RETCODE_NONE))
        return self._builder.and_(*compared)

    @property
    def is_ok(self) -> Any:
        return self._builder.not_(self.is_error)

    @property
    def is_none(self) -> Any:
        return self._builder.icmp_signed("==", self.code, RETCODE_NONE)

    @property
    def is_python_exc(self) -> Any:
        return self._builder.icmp_signed("==", self.code, RETCODE_EXC)

    @property
    def is_stop_iteration(self) -> Any:
        return self._builder.icmp_signed("==", self.code, RETCODE_STOPIT)

    @property
    def is_user_exc(self) -> Any:
        return self._builder.icmp_signed(">=", self.code, RETCODE_USEREXC)


def call_function(
    self: Any, builder: Any, callee: Any, resty: Type, argtys: Any, args: Any, attrs: Any = None
) -> tuple[Any, Any]:
    """Stand in for `CPUCallConv.call_function`: of the status, what calls within kernels ask for."""
    caller = builder.function.args
    if attrs or isinstance(resty, Optional) or len(caller) < 2 or caller[1].type != _ERROR:
        return _call(self, builder, callee, resty, argtys, args, attrs)
    kind = self.get_return_type(resty).pointee
    place = alloca_once(builder, kind)
    builder.store(get_null_value(kind), place)
    given = self._get_arg_packer(argtys).as_arguments(builder, args)
    code = builder.call(callee, [place, caller[1], *given])
    result = self.context.get_returned_value(builder, resty, builder.load(place))
    return _Status(code, None, builder), result


def return_status_propagate(self: Any, builder: Any, status: Any) -> None:
    """Stand in for `CPUCallConv.return_status_propagate`."""
    if status.excinfoptr is not None:
        _propagate(self, builder, status)
    elif not hasattr(builder, _TRIED):  # blocks of a `try` are lowered after it begins
        builder.ret(status.code)
    else:
        tried = self.check_try_status(builder)
        with builder.if_then(builder.not_(tried.in_try)):
            builder.ret(status.code)
