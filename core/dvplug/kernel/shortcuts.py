"""What kernels do most, in few instructions: ranges, slices of rows, lengths, the lesser or greater of two integers.

Numba has one way for all kinds of them, and leaves it to LLVM to find out that a range goes up by one: 100 instructions
to begin a loop and 30 for each turn, 160 for a slice, a function of its own for `max`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llvmlite.ir import Constant, Undefined  # type: ignore[import-untyped]
from numba.core import ir, types
from numba.core.cgutils import alloca_once
from numba.core.types.abstract import Type
from numba.core.types.containers import BaseTuple
from numba.core.types.misc import unliteral
from numba.core.typing import signature
from numba.core.typing.templates import Signature

_STATE, _ITERATOR = types.range_state64_type, types.range_iter64_type
_ORDERS = {min: "<", max: ">"}


def order_of(context: Any, function: Any, given: tuple[Type, ...]) -> Signature | None:
    """Return the signature of ``min`` and ``max`` of two integers; None for all else."""
    if getattr(function, "typing_key", None) not in _ORDERS or len(given) != 2:
        return None
    if not all(isinstance(each, types.Integer) for each in given):
        return None
    both = context.unify_types(*map(unliteral, given))
    return signature(both, both, both) if isinstance(both, types.Integer) else None


def call_of(lower: Any, function: Any, known: Signature) -> Callable[..., Any] | None:
    """Return what lowers a call of a function of Python's, of its arguments; None where Numba has to."""
    key = getattr(function, "typing_key", None)
    builder = lower.builder
    if key is len and isinstance(known.args[0], types.Array) and known.args[0].ndim:
        return lambda array: builder.extract_value(array, (_place(lower, known.args[0], "shape"), 0))
    if key is range and known.return_type == _STATE and len(known.args) < 3:
        return lambda *ends: _range(lower, ends)
    if key in _ORDERS and len(known.args) == 2 and all(each == known.return_type for each in known.args):
        kind: Any = known.return_type
        if kind in types.integer_domain:
            compare = builder.icmp_signed if kind.signed else builder.icmp_unsigned
            return lambda one, other: builder.select(compare(_ORDERS[key], other, one), other, one)
    return None


def _range(lower: Any, ends: tuple[Any, ...]) -> Any:
    whole = lower.context.get_value_type(types.int64)
    start, stop = ends if len(ends) == 2 else (Constant(whole, 0), *ends)
    made = Constant(lower.context.get_value_type(_STATE), Undefined)
    for at, each in enumerate((start, stop, Constant(whole, 1))):
        made = lower.builder.insert_value(made, each, at)
    return made


def unit_ranges(blocks: Mapping[int, ir.Block], type_of: Callable[[str], Type]) -> set[str]:
    """Return the names of the variables that are ranges which go up by one, and nothing else."""
    units: set[str] = set()
    others: set[str] = set()
    for assigned in (each for block in blocks.values() for each in block.find_insts(ir.Assign)):
        name, value = assigned.target.name, assigned.value
        if type_of(name) is _STATE:
            called = (
                isinstance(value, ir.Expr) and value.op == "call" and not value.kws and len(value.args) < 3
            )
            is_range = called and getattr(type_of(value.func.name), "typing_key", None) is range
            (units if is_range else others).add(name)
    return units - others


def iterator(lower: Any, known: Signature, given: Any) -> Any:
    """Begin to go through a range that goes up by one; None where it is of another type."""
    if known.args != (_STATE,) or known.return_type != _ITERATOR:
        return None
    builder = lower.builder
    start, stop = (builder.extract_value(given, at) for at in (0, 1))
    zero = Constant(start.type, 0)
    count = builder.select(builder.icmp_signed(">", stop, start), builder.sub(stop, start), zero)
    made = Constant(lower.context.get_value_type(_ITERATOR), Undefined)
    for at, each in enumerate((_kept(builder, start), stop, Constant(start.type, 1), _kept(builder, count))):
        made = builder.insert_value(made, each, at)
    return made


def _kept(builder: Any, value: Any) -> Any:
    place = alloca_once(builder, value.type)
    builder.store(value, place)
    return place


def following(lower: Any, known: Signature, given: Any) -> Any:
    """Return the next of a range and whether there is one; None where it is of another type.

    When there is none it goes on all the same, as nobody asks for it again but to hear that there is none.
    """
    if known.args != (_ITERATOR,):
        return None
    builder = lower.builder
    at, step, left = (builder.extract_value(given, field) for field in (0, 2, 3))
    value, count = builder.load(at), builder.load(left)
    is_one = builder.icmp_signed(">", count, Constant(count.type, 0))
    builder.store(builder.sub(count, Constant(count.type, 1)), left)
    builder.store(builder.add(value, step), at)
    made = Constant(lower.context.get_value_type(known.return_type), Undefined)
    return builder.insert_value(builder.insert_value(made, value, 0), is_one, 1)


def is_row_slice(known: Signature) -> bool:
    """Whether a slice without a step of a contiguous row is meant."""
    kind, index = known.args[:2]
    row = isinstance(kind, types.Array) and kind.ndim == 1 and kind.layout == "C"
    return row and index == types.slice2_type and isinstance(known.return_type, types.Array)


def row_slice(lower: Any, kind: Type, array: Any, asked: Any) -> Any:
    """Return such a slice of an array of a type, which the caller has to count."""
    builder = lower.builder
    shape = (_place(lower, kind, "shape"), 0)
    size = builder.extract_value(array, shape)
    start, stop = (_within(builder, builder.extract_value(asked, at), size) for at in (0, 1))
    zero = Constant(size.type, 0)
    length = builder.select(builder.icmp_signed(">", stop, start), builder.sub(stop, start), zero)
    data = _place(lower, kind, "data")
    moved = builder.insert_value(array, builder.gep(builder.extract_value(array, data), [start]), data)
    return builder.insert_value(
        builder.insert_value(moved, length, _place(lower, kind, "nitems")), length, shape
    )


def _within(builder: Any, end: Any, size: Any) -> Any:
    """Return an end of a slice as Python takes it: below 0 from the end, and within the row."""
    zero = Constant(size.type, 0)
    end = builder.select(builder.icmp_signed("<", end, zero), builder.add(end, size), end)
    end = builder.select(builder.icmp_signed("<", end, zero), zero, end)
    return builder.select(builder.icmp_signed(">", end, size), size, end)


def _place(lower: Any, array: Type, field: str) -> int:
    return int(lower.context.data_model_manager[array].get_field_position(field))


def held_in(context: Any, kind: Type) -> list[tuple[int, ...]] | None:
    """Return where in a value of a type pointers to memory are that is counted; None where only Numba knows."""
    if isinstance(kind, types.Array):
        return [(context.data_model_manager[kind].get_field_position("meminfo"),)]
    if isinstance(kind, BaseTuple):
        inner = [held_in(context, each) for each in kind.types]
        if None in inner:
            return None
        return [(at, *path) for at, paths in enumerate(_known(inner)) for path in paths]
    return None if context.data_model_manager[kind].contains_nrt_meminfo() else []


def _known(paths: Iterable[list[tuple[int, ...]] | None]) -> list[list[tuple[int, ...]]]:
    return [each for each in paths if each is not None]
