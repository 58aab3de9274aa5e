"""A way into a kernel for processes without Numba: a function of C that takes numbers and addresses of arrays.

It is compiled with the kernel, and kept by `dvplug.kernel.objects`; `dvplug.kernel.called` calls it. Arguments
and results are rows of 8 bytes: a number is one; an argument that is an array its address as a Python object; a result
that is one the memory that it holds, the address of its first number, its shape and its strides.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core.cgutils import unpack_tuple
from numba.core.types import intp
from numba.core.types.abstract import Literal, Type
from numba.core.types.containers import BaseNamedTuple, BaseTuple
from numba.core.types.misc import NoneType
from numba.core.types.npytypes import Array
from numba.core.types.scalars import Boolean, Float, Integer
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import as_dtype

from dvplug.kernel import objects
from dvplug.kernel.called import array_text, types_text

_SLOT = ir.IntType(64)
_POINTER = _SLOT.as_pointer()
_DONE, _RAISED = ir.Constant(ir.IntType(32), 0), ir.Constant(ir.IntType(32), 1)
_INTRINSICS = {
    "aarch64", "abs", "assume", "ceil", "ctlz", "ctpop", "cttz", "exp", "experimental", "fabs", "floor", "fma",
    "fshl", "lifetime", "log", "log10", "log2", "masked", "memcpy", "memmove", "memset", "pow", "rint", "round",
    "sadd", "smax", "smin", "smul", "sqrt", "ssub", "trap", "trunc", "uadd", "umax", "umin", "umul", "usub",
    "vector", "x86",
}  # fmt: skip
"""Of LLVM, by the first word of their names: machine code, or functions that every C library has."""


def type_text(kind: Type) -> str | None:
    """Tell a type of an argument as `dvplug.kernel.called` does that of a value; None where it cannot be one."""
    if isinstance(kind, Literal):  # a number that a kernel gives another, which is compiled for it alone
        return None
    if isinstance(kind, Array):
        if not isinstance(kind.dtype, Integer | Float | Boolean):
            return None
        return array_text(as_dtype(kind.dtype).str, kind.ndim, kind.layout, writeable=kind.mutable)
    if isinstance(kind, BaseTuple):
        inner = [type_text(each) for each in kind.types]
        if None in inner or not inner:
            return None
        return ".".join(_name(kind)) + types_text(str(each) for each in inner)
    if isinstance(kind, Integer | Float | Boolean):
        return str(as_dtype(kind).str)
    return "-" if isinstance(kind, NoneType) else None


def _name(kind: BaseTuple) -> tuple[str, str] | tuple[()]:
    if not isinstance(kind, BaseNamedTuple):
        return ()
    return kind.instance_class.__module__, kind.instance_class.__qualname__


def results_of(kind: Type) -> list[Any] | None:
    """Describe a type of results for `dvplug.kernel.called`; None where it cannot be one."""
    if isinstance(kind, Array):
        of = kind.dtype
        known = isinstance(of, Integer | Float | Boolean)
        return ["array", as_dtype(of).str, kind.ndim, kind.mutable] if known else None
    if isinstance(kind, BaseTuple):
        inner = [results_of(each) for each in kind.types]
        return None if None in inner or not inner else ["tuple", *(_name(kind) or ("", "")), inner]
    if isinstance(kind, Integer):
        return ["i" if _is_signed(kind) else "u"]
    if isinstance(kind, Boolean | Float | NoneType):
        return ["b" if isinstance(kind, Boolean) else "f" if isinstance(kind, Float) else "none"]
    return None


def _is_signed(kind: Any) -> bool:
    return isinstance(kind, Integer) and bool(getattr(kind, "signed", False))


def _entry_name(descriptor: Any) -> str:
    return f"dvplug.{descriptor.llvm_func_name}"


def _has_entry(descriptor: Any) -> bool:
    described = [*map(type_text, descriptor.argtypes), results_of(descriptor.restype)]
    return None not in described


def add_entry(context: Any, library: Any, descriptor: Any) -> None:
    """Add the function to the code of a kernel that is being compiled, if its types allow one."""
    if not _has_entry(descriptor):
        return
    module = context.create_module("entry")
    kind = ir.FunctionType(ir.IntType(32), (_POINTER, _POINTER))
    function = ir.Function(module, kind, _entry_name(descriptor))
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    given, results = (_Slots(context, builder, each) for each in function.args)
    arguments = [given.taken(each) for each in descriptor.argtypes]
    status, result = context.call_conv.call_function(
        builder, context.declare_function(module, descriptor), descriptor.restype, descriptor.argtypes, arguments
    )  # fmt: skip
    with builder.if_then(status.is_error, likely=False):
        builder.ret(_RAISED)
    results.put(descriptor.restype, result)
    builder.ret(_DONE)
    library.add_ir_module(module)


def object_code(compiled: Any, types: str, *, vectorised: bool) -> objects.ObjectCode | None:
    """Return the object code of a kernel; None where it is for other types, or needs more of Numba than there is."""
    descriptor, library = compiled.fndesc, compiled.library
    if not _has_entry(descriptor) or _argument_text(descriptor) != types:
        return None
    code = library.object_code(_entry_name(descriptor), vectorised=vectorised)
    referred = [each.name for each in library._final_module.functions if each.is_declaration]
    if not all(map(_is_provided, referred)):
        return None
    return objects.ObjectCode(_entry_name(descriptor), results_of(descriptor.restype), code)


def _argument_text(descriptor: Any) -> str:
    return types_text(str(type_text(each)) for each in descriptor.argtypes)


def _is_provided(name: str) -> bool:
    if name.startswith("llvm."):
        return name.split(".")[1] in _INTRINSICS
    return objects.is_provided(name)


class _Slots:
    """A row of 8 bytes each, of which one after the other is taken, or put."""

    def __init__(self, context: Any, builder: ir.IRBuilder, first: Any) -> None:
        self._context, self._builder, self._first = context, builder, first
        self._at = 0

    def _next(self) -> Any:
        place = self._builder.gep(self._first, [ir.Constant(_SLOT, self._at)])
        self._at += 1
        return place

    def taken(self, kind: Type) -> Any:
        """Return the next argument, of this type."""
        builder, context = self._builder, self._context
        if isinstance(kind, BaseTuple):
            return context.make_tuple(builder, kind, [self.taken(each) for each in kind.types])
        if isinstance(kind, NoneType):
            return context.get_dummy_value()
        if isinstance(kind, Array):
            return self._array(kind, builder.load(self._next()))
        if isinstance(kind, Float):
            value = builder.load(builder.bitcast(self._next(), ir.DoubleType().as_pointer()))
            of = context.get_value_type(kind)
            return value if of == value.type else builder.fptrunc(value, of)
        value = builder.load(self._next())
        if isinstance(kind, Boolean):
            return builder.icmp_unsigned("!=", value, ir.Constant(_SLOT, 0))
        of = context.get_value_type(kind)
        return value if of == value.type else builder.trunc(value, of)

    def _array(self, kind: Array, address: Any) -> Any:
        """Make an array of Numba's of one of numpy's, as it lies in memory; it counts nobody who holds it."""
        builder, context = self._builder, self._context
        header = ir.Constant(_SLOT, objects.OBJECT_HEADER)
        fields = builder.inttoptr(builder.add(address, header), _POINTER)
        itemsize = context.get_constant(intp, as_dtype(kind.dtype).itemsize)
        data, shape = (self._loaded(fields, field) for field in (0, 2))
        sizes = [self._loaded(builder.inttoptr(shape, _POINTER), axis) for axis in range(kind.ndim)]
        if kind.layout == "C":
            strides = [itemsize]
            for size in sizes[:0:-1]:
                strides.insert(0, builder.mul(strides[0], size))
        else:
            where = builder.inttoptr(self._loaded(fields, 3), _POINTER)
            strides = [self._loaded(where, axis) for axis in range(kind.ndim)]
        array = context.make_array(kind)(context, builder)
        populate_array(
            array,
            data=builder.inttoptr(data, array.data.type),
            shape=sizes,
            strides=strides[: kind.ndim],
            itemsize=itemsize,
            meminfo=None,
        )
        return array._getvalue()

    def _loaded(self, row: Any, at: int) -> Any:
        return self._builder.load(self._builder.gep(row, [ir.Constant(_SLOT, at)]))

    def put(self, kind: Type, value: Any) -> None:
        """Put a result of this type."""
        builder, context = self._builder, self._context
        if isinstance(kind, BaseTuple):
            for of, each in zip(kind.types, unpack_tuple(builder, value, len(kind.types)), strict=True):
                self.put(of, each)
        elif isinstance(kind, Array):
            array = context.make_array(kind)(context, builder, value=value)
            for pointer in (array.meminfo, array.data):
                builder.store(builder.ptrtoint(pointer, _SLOT), self._next())
            for sizes in (array.shape, array.strides):
                for each in unpack_tuple(builder, sizes, kind.ndim):
                    builder.store(each, self._next())
        elif isinstance(kind, Float):
            wide = value if value.type == ir.DoubleType() else builder.fpext(value, ir.DoubleType())
            builder.store(wide, builder.bitcast(self._next(), ir.DoubleType().as_pointer()))
        elif not isinstance(kind, NoneType):
            widened = builder.sext if _is_signed(kind) else builder.zext
            wide = value if value.type == _SLOT else widened(value, _SLOT)
            builder.store(wide, self._next())
