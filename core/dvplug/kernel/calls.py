"""How compiled functions call each other within a kernel: arguments are given, and what one raises goes up, as it is.

Numba takes a returned code apart into six conditions, of which one is asked for, and copies the description of an error
from the called function to its caller: with arguments, 58 instructions for a call. Here the called function is told
where its caller's description lies. Arguments Numba takes apart into numbers and addresses, of which the called
function puts its tuples and arrays together again: 8 instructions for an array, and 100 for a row of them, at both
ends. Here functions that only kernels call take them whole (`take_whole`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core.base import BaseContext
from numba.core.callconv import (
    RETCODE_EXC,
    RETCODE_NONE,
    RETCODE_OK,
    RETCODE_STOPIT,
    RETCODE_USEREXC,
    CPUCallConv,
    errcode_t,
    excinfo_ptr_t,
)
from numba.core.cgutils import alloca_once, get_null_value, get_or_insert_function
from numba.core.types.abstract import Type
from numba.core.types.misc import Optional

_call = CPUCallConv.call_function
_propagate = CPUCallConv.return_status_propagate
_decode = CPUCallConv.decode_arguments
_ERROR = ir.PointerType(excinfo_ptr_t)
_WHOLE = ".whole"
"""End of the name of a function that takes its arguments whole: Numba's way to call it has the name alone."""
_TRIED = "_CPUCallConv__eh_try_state"
"""Name of what a builder has once it came to a ``try``."""


_taken_whole: set[str] = set()


def take_whole(descriptor: Any) -> None:
    """Let a function, of which Numba has the descriptor, take its arguments whole: before it is first declared."""
    if not isinstance(descriptor.restype, Optional):
        _taken_whole.add(descriptor.mangled_name)


def declare_function(context: Any, module: Any, descriptor: Any) -> Any:
    """Stand in for `BaseContext.declare_function`."""
    if descriptor.mangled_name not in _taken_whole:
        return context.declare_function(module, descriptor)
    conventions, given = context.call_conv, [context.get_value_type(each) for each in descriptor.argtypes]
    kind = ir.FunctionType(errcode_t, [conventions.get_return_type(descriptor.restype), _ERROR, *given])
    function = get_or_insert_function(module, kind, descriptor.mangled_name + _WHOLE)
    for each in function.args[:2]:  # where the result, and the description of an error, is put
        each.add_attribute("captures(none)")
        each.add_attribute("noalias")
    if descriptor.inline:
        function.attributes.add("alwaysinline")
    return function


def decode_arguments(self: Any, builder: Any, argtypes: Any, function: Any) -> Any:
    """Stand in for `CPUCallConv.decode_arguments`."""
    if function.name.endswith(_WHOLE):
        return self.get_arguments(function)
    return _decode(self, builder, argtypes, function)


def way_in(context: Any, descriptor: Any) -> Any:
    """Return a module with Numba's way to call a function that takes its arguments whole."""
    module = context.create_module("way_in")
    function = BaseContext.declare_function(context, module, descriptor)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    given = _decode(context.call_conv, builder, descriptor.argtypes, function)
    whole = declare_function(context, module, descriptor)
    builder.ret(builder.call(whole, [*function.args[:2], *given]))
    return module


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
    caller, whole = builder.function.args, callee.name.endswith(_WHOLE)
    passes_on = len(caller) > 1 and caller[1].type == _ERROR
    if attrs or isinstance(resty, Optional) or not (passes_on or whole):
        return _call(self, builder, callee, resty, argtys, args, attrs)
    kind = self.get_return_type(resty).pointee
    place = alloca_once(builder, kind)
    builder.store(get_null_value(kind), place)
    error = caller[1] if passes_on else alloca_once(builder, excinfo_ptr_t)
    if whole:
        given = [_as(builder, each, of.type) for each, of in zip(args, callee.args[2:], strict=True)]
    else:
        given = self._get_arg_packer(argtys).as_arguments(builder, args)
    code = builder.call(callee, [place, error, *given])
    result = self.context.get_returned_value(builder, resty, builder.load(place))
    return _Status(code, None if passes_on else builder.load(error), builder), result


def _as(builder: Any, value: Any, kind: Any) -> Any:
    """Return a value as one of the same parts: Numba makes another type of a tuple that is a constant."""
    if value.type == kind:
        return value
    made = ir.Constant(kind, None)
    for at in range(len(kind)):
        part = kind.element if isinstance(kind, ir.ArrayType) else kind.elements[at]
        made = builder.insert_value(made, _as(builder, builder.extract_value(value, at), part), at)
    return made


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
