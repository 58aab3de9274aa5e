"""How kernels make arrays: `numpy.empty`, `numpy.zeros` and `numpy.full` become a few instructions in what calls them.

Numba compiles a function, or three, for each type of the size and of the numbers that one of them is called with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite.ir import Constant  # type: ignore[import-untyped]
from numba.core import types
from numba.core.cgutils import for_range, if_unlikely, memset
from numba.core.types.abstract import Type
from numba.core.types.functions import Function
from numba.core.typing.templates import Signature
from numba.extending import intrinsic
from numba.np.arrayobj import (
    _empty_nd_impl,
    _parse_empty_args,
    get_itemsize,
    store_item,
    ty_parse_dtype,
    ty_parse_shape,
)

from dvplug.kernel.signatures import are_numbers


@intrinsic
def _empty(_context: Any, shape: Type, dtype: Type) -> tuple[Signature, Callable[..., Any]]:
    def code(context: Any, builder: Any, signature: Signature, given: Any) -> Any:
        return _allocate(context, builder, signature, given)._getvalue()

    return _array(shape, dtype)(shape, dtype), code


@intrinsic
def _zeros(_context: Any, shape: Type, dtype: Type) -> tuple[Signature, Callable[..., Any]]:
    def code(context: Any, builder: Any, signature: Signature, given: Any) -> Any:
        made = _allocate(context, builder, signature, given)
        memset(builder, made.data, builder.mul(made.itemsize, made.nitems), 0)
        return made._getvalue()

    return _array(shape, dtype)(shape, dtype), code


@intrinsic
def _full(_context: Any, shape: Type, fill: Type, dtype: Type) -> tuple[Signature, Callable[..., Any]]:
    def code(context: Any, builder: Any, signature: Signature, given: Any) -> Any:
        made = _allocate(context, builder, signature, given)
        array = signature.return_type
        value = context.cast(builder, given[1], fill, array.dtype)
        with for_range(builder, made.nitems) as loop:
            store_item(context, builder, array, value, builder.gep(made.data, [loop.index]))
        return made._getvalue()

    return _array(shape, dtype)(shape, fill, dtype), code


def _array(shape: Type, dtype: Type) -> types.Array:
    return types.Array(ty_parse_dtype(dtype), ty_parse_shape(shape), "C")


def _allocate(context: Any, builder: Any, signature: Signature, given: Any) -> Any:
    array = signature.return_type
    if isinstance(signature.args[0], types.Integer):
        return context.make_array(array)(context, builder, _row(context, builder, signature, given[0]))
    _, sizes = _parse_empty_args(context, builder, signature, given)
    return _empty_nd_impl(context, builder, array, sizes)


def _row(context: Any, builder: Any, signature: Signature, given: Any) -> Any:
    """Return the one axis of that many numbers, as Numba does, whose size is looked at once."""
    array = signature.return_type
    itemsize = get_itemsize(context, array)
    whole = context.get_value_type(types.intp)
    size = context.cast(builder, given, signature.args[0], types.intp)
    wrong = builder.icmp_unsigned(">", size, Constant(whole, (2**63 - 1) // itemsize))
    with if_unlikely(builder, wrong):
        text = "the size of an array is negative, or larger than the maximum possible size"
        context.call_conv.return_user_exc(builder, ValueError, (text,))
    align = context.get_preferred_array_alignment(array.dtype)
    bytes_of = builder.mul(size, Constant(whole, itemsize))
    held = context.nrt.meminfo_alloc_aligned(builder, bytes_of, align)
    data = context.nrt.meminfo_data(builder, held)
    data = builder.bitcast(data, context.get_data_type(array.dtype).as_pointer())
    known = dict(zip(("meminfo", "nitems", "data"), (held, size, data), strict=True))
    model = context.data_model_manager[array]
    made = Constant(context.get_value_type(array), None)  # no parent
    for name, value in known.items():
        made = builder.insert_value(made, value, model.get_field_position(name))
    made = builder.insert_value(made, Constant(whole, itemsize), model.get_field_position("itemsize"))
    made = builder.insert_value(made, size, (model.get_field_position("shape"), 0))
    return builder.insert_value(made, Constant(whole, itemsize), (model.get_field_position("strides"), 0))


_MAKERS: dict[Any, tuple[Any, int]] = {np.empty: (_empty, 2), np.zeros: (_zeros, 2), np.full: (_full, 3)}
"""What makes arrays, and with how many arguments, without names."""


def maker_of(context: Any, function: Any, given: tuple[Type, ...]) -> Function | None:
    """Return what makes arrays here in place of a function of numpy's; None where Numba's own has to.

    ``context`` is Numba's of types, ``given`` are those of the arguments.
    """
    if not isinstance(function, Function) or not given:
        return None
    maker, count = _MAKERS.get(function.typing_key, (None, 0))
    *values, dtype = given
    if maker is None or len(given) != count or not isinstance(dtype, types.NumberClass):
        return None
    if not are_numbers(values[1:]) or ty_parse_shape(values[0]) is None:
        return None
    made: Function = context.resolve_value_type(maker)
    return made
