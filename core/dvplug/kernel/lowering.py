"""How typed code of kernels becomes code of LLVM's: with less of it than Numba makes.

References to arrays that a caller holds are not counted (`borrowed`): Numba counts each, for every field of every named
tuple at every use, and removes nearly all of it again while optimising. A number of a contiguous array is taken and put
straight: Numba copies all that it knows of an array, for each. What is assigned once stays a value (`values`): Numba
puts it in memory where another block uses it, and LLVM takes it apart into its fields at each use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from llvmlite.ir import Constant  # type: ignore[import-untyped]
from numba.core import ir
from numba.core.analysis import compute_cfg_from_blocks, compute_use_defs, ir_extension_use_alloca
from numba.core.cgutils import alloca_once, unpack_tuple
from numba.core.lowering import Lower
from numba.core.types.abstract import Number, Type
from numba.core.types.containers import BaseTuple
from numba.core.types.misc import MemInfoPointer, RawPointer, SliceType
from numba.core.types.npytypes import Array
from numba.core.types.scalars import Boolean, Integer
from numba.np.arrayobj import fix_integer_index, load_item, store_item

from dvplug.kernel.allocation import maker_of
from dvplug.kernel.calls import take_whole
from dvplug.kernel.shortcuts import (
    call_of,
    following,
    held_in,
    is_row_slice,
    iterator,
    row_slice,
    unit_ranges,
)
from dvplug.kernel.signatures import are_numbers, signature_of

_HELD = MemInfoPointer(RawPointer("void*"))
"""Type of the memory that an array holds."""

_holds: dict[Type, int] = {}
_places: dict[Type, list[tuple[int, ...]] | None] = {}


class KernelLower(Lower):
    """Lowers a function: what it borrows is neither counted when it is taken nor when it is let go."""

    context: Any

    def __init__(self, context: Any, library: Any, descriptor: Any, code: Any, **more: Any) -> None:
        if library.takes_whole and not code.func_id.is_generator:
            take_whole(descriptor)
        super().__init__(context, library, descriptor, code, **more)

    def _find_singly_assigned_variable(self) -> None:
        """Find what stays a value, in place of Numba's, which asks only within blocks."""
        self._borrowed = borrowed(self.blocks.values(), self.typeof)
        self._uncounted = self.context.subtarget(enable_nrt=False)
        self._unit_ranges = unit_ranges(self.blocks, self.typeof)
        self._held: dict[str, list[Any]] = {}
        # Debuggers look into memory.
        in_memory = self._disable_sroa_like_opt or self.func_ir.func_id.is_generator
        known = None if in_memory else values(self.blocks)
        if known is None:
            super()._find_singly_assigned_variable()
            return
        self._blk_local_varmap: dict[str, Any] = {}
        self._singly_assigned_vars = {
            name for name, spread in known.items() if not spread or not self._owns(name)
        }
        self._held = {name: [] for name in known.keys() - self._singly_assigned_vars}

    def _owns(self, name: str) -> bool:
        return name not in self._borrowed and self._holds(self.typeof(name)) > 0

    def _holds(self, kind: Type) -> int:
        """How many allocations a value of a type holds."""
        if kind not in _holds:
            model = self.context.data_model_manager[kind]
            within = sum(self._holds(inner) for inner, _ in model.traverse(None))
            _holds[kind] = within + model.has_nrt_meminfo()
        return _holds[kind]

    def incref(self, typ: Type, val: Any) -> None:
        """Count a holder of what a value holds."""
        for kind, pointer in self._pointers(typ, val):
            super().incref(kind, pointer)

    def decref(self, typ: Type, val: Any) -> None:
        """Count a holder less."""
        for kind, pointer in self._pointers(typ, val):
            super().decref(kind, pointer)

    def _pointers(self, typ: Type, val: Any) -> Iterator[tuple[Type, Any]]:
        """What is counted in a value, of which type: Numba takes all of a value apart to find it."""
        if typ == _HELD:
            yield typ, val
            return
        if _places_in(self.context, typ) is None:
            yield typ, val
        elif self.context.enable_nrt:
            for pointer in self._held_by(typ, val):
                yield _HELD, pointer

    def _held_by(self, typ: Type, val: Any) -> Iterator[Any]:
        """The memory that a value holds."""
        places = _places_in(self.context, typ)
        if places is None:
            for _, pointer in self.context.nrt.get_meminfos(self.builder, typ, val):
                yield pointer
        else:
            for place in places:
                yield self.builder.extract_value(val, place)

    def storevar(self, value: Any, name: str, argidx: int | None = None) -> None:
        """Put a value into a variable; of a counted one that stays a value only what it holds lies in memory."""
        if name not in self._held:
            super().storevar(value, name, argidx)
            return
        self._blk_local_varmap[name] = value
        for pointer, place in zip(self._held_by(self.typeof(name), value), self._places(name), strict=True):
            self.decref(_HELD, self.builder.load(place))
            self.builder.store(pointer, place)

    def delvar(self, name: str) -> None:
        """Let go of a variable; it may be let go of again."""
        if name in self._singly_assigned_vars and not self._owns(name):
            return
        if name not in self._held:
            super().delvar(name)
            return
        for place in self._places(name):
            self.decref(_HELD, self.builder.load(place))
            self.builder.store(Constant(place.type.pointee, None), place)

    def _places(self, name: str) -> list[Any]:
        """Where pointers to what a variable holds lie: null before it is assigned, and once it is let go of."""
        places = self._held[name]
        if not places:
            kind = self.context.get_value_type(_HELD)
            places += (
                alloca_once(self.builder, kind, name=name) for _ in range(self._holds(self.typeof(name)))
            )
        return places

    def lower_inst(self, inst: ir.Stmt) -> None:
        if not isinstance(inst, ir.Assign | ir.Del):
            super().lower_inst(inst)
            return
        counted = self.context
        name = inst.target.name if isinstance(inst, ir.Assign) else inst.value
        if name in self._borrowed:
            self.context = self._uncounted
        try:
            self._lower_common(inst)
        finally:
            self.context = counted

    def _lower_common(self, inst: ir.Assign | ir.Del) -> None:
        """Lower what most statements are: Numba makes a text of each first, for whoever looks for faults in it."""
        if self.flags is not None and self.flags.debuginfo:
            super().lower_inst(inst)
        elif isinstance(inst, ir.Del):
            self.delvar(inst.value)
        else:
            name = inst.target.name
            self.storevar(self.lower_assign(self.typeof(name), inst), name)

    def lower_binop(self, resty: Type, expr: ir.Expr, op: Any) -> Any:
        signature = self.fndesc.calltypes[expr]
        constant = expr.static_lhs is not ir.UNDEFINED or expr.static_rhs is not ir.UNDEFINED
        if constant or not are_numbers(signature.args):
            return super().lower_binop(resty, expr, op)
        context, builder = self.context, self.builder
        function = context.typing_context.resolve_value_type(op)
        known = signature_of(context.typing_context, function, signature.args)
        given = [
            context.cast(builder, self.loadvar(each.name), self.typeof(each.name), kind)
            for each, kind in zip((expr.lhs, expr.rhs), signature.args, strict=True)
        ]
        result = context.get_function(function, known)(builder, given)
        return context.cast(builder, result, signature.return_type, resty)

    def _lower_call_normal(self, fnty: Type, expr: ir.Expr, signature: Any) -> Any:
        if expr.kws or expr.vararg:
            return super()._lower_call_normal(fnty, expr, signature)
        call = call_of(self, fnty, signature)
        if call is not None:
            return call(*self.fold_call_args(fnty, signature, expr.args, None, ()))
        made = maker_of(self.context.typing_context, fnty, signature.args)
        return super()._lower_call_normal(made or fnty, expr, signature)

    def lower_expr(self, resty: Type, expr: ir.Expr) -> Any:
        if expr.op in ("pair_first", "pair_second") and isinstance(resty, Number | Boolean):
            return self.builder.extract_value(self.loadvar(expr.value.name), int(expr.op == "pair_second"))
        if expr.op not in ("getiter", "iternext"):
            return super().lower_expr(resty, expr)
        known, value, made = self.fndesc.calltypes[expr], self.loadvar(expr.value.name), None
        if expr.op == "iternext":
            made = following(self, known, value)
        elif expr.value.name in self._unit_ranges:
            made = iterator(self, known, value)
        return super().lower_expr(resty, expr) if made is None else made

    def lower_getitem(self, resty: Type, expr: ir.Expr, value: ir.Var, index: ir.Var, signature: Any) -> Any:
        array = signature.args[0]
        if not self._is_element(signature):
            if not is_row_slice(signature):
                return super().lower_getitem(resty, expr, value, index, signature)
            asked = self.context.cast(
                self.builder, self.loadvar(index.name), self.typeof(index.name), signature.args[1]
            )
            part = row_slice(self, array, self.loadvar(value.name), asked)
            self.incref(signature.return_type, part)
            return self.context.cast(self.builder, part, signature.return_type, resty)
        item = load_item(self.context, self.builder, array, self._place(value, index, signature))
        return self.context.cast(self.builder, item, signature.return_type, resty)

    def lower_setitem(self, target_var: ir.Var, index_var: ir.Var, value_var: ir.Var, signature: Any) -> Any:
        array, _, given = signature.args
        if not self._is_element(signature) or not are_numbers((given,)):
            return super().lower_setitem(target_var, index_var, value_var, signature)
        place = self._place(target_var, index_var, signature)
        value = self.loadvar(value_var.name)
        value = self.context.cast(self.builder, value, self.typeof(value_var.name), given)
        value = self.context.cast(self.builder, value, given, array.dtype)
        store_item(self.context, self.builder, array, value, place)
        return None

    def _is_element(self, signature: Any) -> bool:
        """Whether one number of a contiguous array is meant: Numba copies what it knows of the array for each."""
        array, index = signature.args[:2]
        indexes = index.types if isinstance(index, BaseTuple) else (index,)
        return (
            isinstance(array, Array)
            and array.layout == "C"
            and array.ndim == len(indexes)
            and are_numbers((array.dtype,))
            and all(isinstance(each, Integer) for each in indexes)
            and not self.context.enable_boundscheck
        )

    def _place(self, of: ir.Var, at: ir.Var, signature: Any) -> Any:
        """Return the pointer to it; an index below 0 counts from the end."""
        array, index = signature.args[:2]
        context, builder, known = self.context, self.builder, self.loadvar(of.name)
        given = context.cast(builder, self.loadvar(at.name), self.typeof(at.name), index)
        kinds, parts = (index,), (given,)
        if isinstance(index, BaseTuple):
            kinds, parts = index.types, unpack_tuple(builder, given, len(index))
        fields = context.data_model_manager[array]
        data, shape = (fields.get_field_position(name) for name in ("data", "shape"))
        place = None
        for axis, (kind, part) in enumerate(zip(kinds, parts, strict=True)):
            size = builder.extract_value(known, (shape, axis))
            step = fix_integer_index(context, builder, kind, part, size)
            place = step if place is None else builder.add(builder.mul(place, size), step)
        return builder.gep(builder.extract_value(known, data), [place])


def _places_in(context: Any, kind: Type) -> list[tuple[int, ...]] | None:
    if kind not in _places:
        _places[kind] = held_in(context, kind)
    return _places[kind]


def values(blocks: Mapping[int, ir.Block]) -> dict[str, bool] | None:
    """Return the names of the variables that are assigned once, before they are used, whichever way leads there.

    Blocks are lowered in the order of their offsets: an assignment that comes later in it is not known in time.
    With each goes whether a block uses it that did not assign it. None where extensions of Numba want all in memory.
    """
    if any(type(each) in ir_extension_use_alloca for block in blocks.values() for each in block.body):
        return None
    assigned: dict[str, list[int]] = {}
    for offset, block in blocks.items():
        for each in block.find_insts(ir.Assign):
            assigned.setdefault(each.target.name, []).append(offset)
    once = {name: where[0] for name, where in assigned.items() if len(where) == 1}
    spread: set[str] = set()
    above = compute_cfg_from_blocks(blocks).dominators()
    for offset, names in compute_use_defs(blocks).usemap.items():  # what the block did not assign before
        spread |= names
        for name in names & once.keys():
            at = once[name]
            if at >= offset or at not in above[offset]:
                del once[name]
    return {name: name in spread for name in once}


def borrowed(blocks: Iterable[ir.Block], type_of: Callable[[str], Type]) -> set[str]:
    """Return the names of the variables that only ever are arguments, or views of them: their callers hold these.

    What is returned is none of them: Numba casts it to a variable of its own before.
    """
    sources: dict[str, list[str]] = {}
    others: set[str] = set()
    for assigned in (each for block in blocks for each in block.find_insts(ir.Assign)):
        name, value = assigned.target.name, assigned.value
        if isinstance(value, ir.Var):
            sources.setdefault(name, []).append(value.name)
        elif isinstance(value, ir.Expr) and _is_view(value, type_of):
            sources.setdefault(name, []).append(value.value.name)
        elif isinstance(value, ir.Arg):
            sources.setdefault(name, [])
        else:
            others.add(name)
    while owned := {name for name, of in sources.items() if name in others or not sources.keys() >= set(of)}:
        for name in owned:
            del sources[name]
    return set(sources)


def _is_view(value: ir.Expr, type_of: Callable[[str], Type]) -> bool:
    """Whether it is a field or an item of a tuple, or an item or a slice of an array: no copy of it."""
    if value.op not in ("getattr", "getitem", "static_getitem"):
        return False
    of = type_of(value.value.name)
    if isinstance(of, BaseTuple):
        return value.op == "static_getitem" or (
            value.op == "getattr" and value.attr in getattr(of, "fields", ())
        )
    if not isinstance(of, Array) or value.op == "getattr":
        return False
    if value.op == "static_getitem":
        return isinstance(value.index, int | slice)
    taken = type_of(value.index.name)
    parts = taken.types if isinstance(taken, BaseTuple) else (taken,)
    return all(isinstance(part, Integer | SliceType) for part in parts)
