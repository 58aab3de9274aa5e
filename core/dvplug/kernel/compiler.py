"""How kernels are compiled: what only they call becomes a part of them, and is optimised there, once.

Numba (0.68) compiles each function for itself: it optimises it, makes machine code of it, and does both again in every
function that calls it, since it is linked there. Of its own overloads, such as `numpy.zeros` of one type, it makes a
way in from C besides. Here these, and the functions of `dvplug.kernel.subkernel`, are *parts*: code as it was lowered,
which the kernels link. It takes a third off the CPU time of compiling.

References to arrays that a caller holds are not counted (`borrowed`): Numba counts each, for every field of every named
tuple at every use, and removes nearly all of it again while optimising. A number of a contiguous array is taken and put
straight: Numba copies all that it knows of an array, for each.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from numba import _dynfunc, jit
from numba.core import ir
from numba.core.cgutils import unpack_tuple
from numba.core.codegen import CPUCodeLibrary, JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder, Flags
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.environment import lookup_environment
from numba.core.lowering import Lower
from numba.core.registry import CPUDispatcher
from numba.core.target_extension import CPU, dispatcher_registry, jit_registry, target_registry
from numba.core.typed_passes import NativeLowering
from numba.core.types.abstract import Number, Type
from numba.core.types.containers import BaseTuple
from numba.core.types.functions import Function
from numba.core.types.misc import SliceType
from numba.core.types.npytypes import Array
from numba.core.types.scalars import Boolean, Integer
from numba.core.utils import OPERATORS_TO_BUILTINS as OPERATORS
from numba.np.arrayobj import fix_integer_index, load_item, store_item

from dvplug.kernel.entry import add_entry

RARE_COLLECTIONS = 50_000, 100, 100
"""Thresholds of the garbage collector while compiling: at Python's own a sixth of the time is its; 10 % more memory."""


class _Part(JITCodeLibrary):
    """Code of a function that kernels take in: neither optimised nor made machine code by itself."""

    _linking_libraries: list[CPUCodeLibrary]
    _shared_module: Any

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """Return it with all its parts, for functions that Numba's own `njit` compiles, as plugins may."""
        if self._shared_module is None:
            self._shared_module = self._final_module.clone()
            _link(self._shared_module, self._linking_libraries)
            for name in _functions_of(self._final_module):
                self._shared_module.get_function(name).linkage = "linkonce_odr"
        return self._shared_module


class _Whole(JITCodeLibrary):
    """Code of a kernel with all its parts."""

    _linking_libraries: list[CPUCodeLibrary]

    def _optimize_functions(self, ll_module: Any) -> None:
        """Lightly: all of it is optimised once the parts are in."""
        ll_module.data_layout = self._codegen._data_layout
        for function in ll_module.functions:
            if not function.is_declaration:
                passes, builder = self._codegen._function_pass_manager(opt=1)
                passes.run(function, builder)

    def finalize(self) -> None:
        for library in _with_parts(self._linking_libraries):
            self._reload_init.update(library._reload_init)
        _link(self._final_module, self._linking_libraries)
        self._linking_libraries = []
        super().finalize()


def _link(module: Any, libraries: Iterable[CPUCodeLibrary]) -> None:
    """Link them into a module; what parts there are is known to it alone, so that what is called once is inlined."""
    parts: list[str] = []
    for library in _with_parts(libraries):
        linked = library._final_module if isinstance(library, _Part) else library._get_module_for_linking()
        module.link_in(linked, preserve=True)
        parts += _functions_of(linked) if isinstance(library, _Part) else ()
    for name in parts:
        module.get_function(name).linkage = "internal"


def _with_parts(libraries: Iterable[CPUCodeLibrary]) -> dict[CPUCodeLibrary, None]:
    """Return them and, of those that are parts, all that they link in turn: each once."""
    found: dict[CPUCodeLibrary, None] = {}
    waiting = list(libraries)
    while waiting:
        library = waiting.pop()
        if library not in found:
            found[library] = None
            waiting += library._linking_libraries if isinstance(library, _Part) else ()
    return found


def _functions_of(module: Any) -> list[str]:
    return [
        each.name for each in module.functions if not each.is_declaration and each.linkage.name == "external"
    ]


class _Flags(Flags):
    """Options of one compilation, frozen once they are compared: Numba does so 100,000 times, and slowly."""

    __slots__ = ("_frozen",)

    def _key(self) -> tuple[Any, ...]:
        try:
            return self._frozen
        except AttributeError:
            self._frozen: tuple[Any, ...] = tuple(self.values().values())
            return self._frozen

    def __hash__(self) -> int:
        return hash(_Flags)  # not all values can be hashed; those of one process hardly differ

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, _Flags) and self._key() == other._key())


class _Lower(Lower):
    """Lowers a function: what it borrows is neither counted when it is taken nor when it is let go."""

    context: Any

    def pre_lower(self) -> None:
        super().pre_lower()
        self._borrowed = borrowed(self.blocks.values(), self.typeof)
        self._uncounted = self.context.subtarget(enable_nrt=False)

    def create_cpython_wrapper(self, release_gil: bool = False) -> None:
        """Make the ways in: that of Numba, and that without."""
        super().create_cpython_wrapper(release_gil)
        if not self.genlower:
            add_entry(self.context, self.library, self.fndesc)

    def lower_inst(self, inst: ir.Stmt) -> None:
        name = inst.target.name if isinstance(inst, ir.Assign) else getattr(inst, "value", None)
        if not isinstance(inst, ir.Assign | ir.Del) or name not in self._borrowed:
            super().lower_inst(inst)
            return
        counted, self.context = self.context, self._uncounted
        try:
            super().lower_inst(inst)
        finally:
            self.context = counted

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

    def lower_getitem(self, resty: Type, expr: ir.Expr, value: ir.Var, index: ir.Var, signature: Any) -> Any:
        array = signature.args[0]
        if not self._is_element(signature):
            return super().lower_getitem(resty, expr, value, index, signature)
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


_signatures: dict[tuple[Any, tuple[Type, ...]], Any] = {}


def are_numbers(types: Iterable[Type]) -> bool:
    """Whether all of these types are of numbers."""
    return all(isinstance(each, Number | Boolean) for each in types)


def signature_of(typing_context: Any, function: Any, types: tuple[Type, ...]) -> Any:
    """Return the signature of an operator for numbers; Numba asks what it has for tuples and arrays, too, each time."""
    key = function.typing_key, types
    if key not in _signatures:
        _signatures[key] = function.get_call_type(typing_context, types, {})
    return _signatures[key]


class _Typing:
    """Numba's context of types, which remembers what operators make of numbers."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, func: Any, args: tuple[Type, ...], kws: Any) -> Any:
        """Return the signature of a function for these arguments, None if there is none."""
        if isinstance(func, Function) and func.typing_key in OPERATORS and not kws and are_numbers(args):
            return signature_of(self._context, func, args)
        return self._context.resolve_function_type(func, args, kws)


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


class _Lowering(NativeLowering):
    """Numba's, with the above."""

    @property
    def lowering_class(self) -> type[Lower]:
        return _Lower


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(_Lowering):
    """Lowers a function to a `_Part`."""

    _name = "dvplug_part_lowering"

    def run_pass(self, state: Any) -> bool:
        state.library = _Part(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_cpython_wrapper = state.flags.no_cfunc_wrapper = state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        no_code = _dynfunc.make_function(lowered.fndesc.lookup_module(), "part", "", 0, lowered.env, ())
        state.targetctx.insert_user_function(no_code, lowered.fndesc, [state.library])
        state.reload_init.extend(state.library._reload_init)
        state["cr"] = lowered._replace(cfunc=no_code)
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class _KernelLowering(_Lowering):
    """Lowers a kernel to a `_Whole`, with a way in from Python."""

    _name = "dvplug_kernel_lowering"

    def run_pass(self, state: Any) -> bool:
        state.library = library = _Whole(state.targetctx.codegen(), state.func_id.func_qualname)
        library.enable_object_caching()
        state.flags.no_cpython_wrapper, state.flags.no_cfunc_wrapper = False, True
        super().run_pass(state)
        # Parts have none of their own while they have no code.
        for variable in library._final_module.global_variables:
            environment = lookup_environment(variable.name)
            if environment is not None:
                library.codegen.set_env(variable.name, environment)
        return True


_sizes: dict[str, int] = {}


def _abi_size(target_data: Any, llvm_type: Any) -> int:
    """Return the size in bytes of a type of LLVM's, remembered by its text, as a process has one target.

    It stands in for `get_abi_sizeof` of Numba, which has LLVM read a module for each variable.
    """
    name = str(llvm_type)
    if name not in _sizes:
        _sizes[name] = llvm_type.get_abi_size(target_data)
    return _sizes[name]


class KernelCompiler(CompilerBase):
    """Numba's compiler, with another way from typed code to machine code."""

    lowering: type[NativeLowering] = _KernelLowering

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.state.flags = _Flags(self.state.flags)
        self.state.typingctx = _Typing(self.state.typingctx)
        target = self.state.targetctx
        sizeof = partial(_abi_size, target.target_data)
        self.state.targetctx = target.subtarget(target=_InKernel, get_abi_sizeof=sizeof)

    def compile_extra(self, func: Any) -> Any:
        """Compile a function."""
        before = gc.get_threshold()
        gc.set_threshold(*RARE_COLLECTIONS)
        try:
            return super().compile_extra(func)
        finally:
            gc.set_threshold(*before)

    def define_pipelines(self) -> list[PassManager]:
        """Return the passes of Numba, but for the last but one."""
        passes = PassManager("kernel")
        for each, description in DefaultPassBuilder.define_nopython_pipeline(self.state).passes:
            passes.add_pass(self.lowering if each is NativeLowering else each, description)
        passes.finalize()
        return [passes]


class SubkernelCompiler(KernelCompiler):
    """The same for what kernels call."""

    lowering = _PartLowering


class _InKernel(CPU):
    """A target of Numba like the CPU, by which overloads of its own that kernels call become parts, too."""


target_registry["dvplug"] = _InKernel
dispatcher_registry[_InKernel] = CPUDispatcher
jit_registry[_InKernel] = partial(jit, pipeline_class=SubkernelCompiler)
