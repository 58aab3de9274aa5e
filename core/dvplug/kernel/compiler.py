"""How kernels are compiled: what only they call becomes a part of them, and is optimised there, once.

Numba (0.68) compiles each function for itself: it optimises it, makes machine code of it, and does both again in every
function that calls it, since it is linked there. Of its own overloads, such as `numpy.zeros` of one type, it makes a
way in from C besides. Here these, and the functions of `dvplug.kernel.subkernel`, are *parts*: code as it was lowered,
which the kernels link. It takes a third off the CPU time of compiling.
Code is made of them by `dvplug.kernel.lowering`.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Any

from llvmlite.binding import (  # type: ignore[import-untyped]
    create_new_module_pass_manager,
    parse_assembly,
)
from llvmlite.ir import CallInstr  # type: ignore[import-untyped]
from numba import _dynfunc, jit
from numba.core.codegen import CPUCodeLibrary, JITCodeLibrary
from numba.core.compiler import CompilerBase, Flags
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.environment import lookup_environment
from numba.core.lowering import Lower
from numba.core.registry import CPUDispatcher
from numba.core.target_extension import CPU, dispatcher_registry, jit_registry, target_registry
from numba.core.typed_passes import NativeLowering
from numba.core.types.abstract import Type
from numba.core.types.functions import Function
from numba.core.utils import OPERATORS_TO_BUILTINS as OPERATORS

from dvplug.kernel.allocation import maker_of
from dvplug.kernel.calls import declare_function, way_in
from dvplug.kernel.entry import add_entry
from dvplug.kernel.lowering import KernelLower
from dvplug.kernel.passes import in_haste, passes_of
from dvplug.kernel.shortcuts import order_of
from dvplug.kernel.signatures import are_numbers, signature_of
from dvplug.kernel.when_numba import SUBKERNELS

RARE_COLLECTIONS = 50_000, 100, 100
"""Thresholds of the garbage collector while compiling: at Python's own a sixth of the time is its; 10 % more memory."""


LIGHT_PASSES = (
    "global_dead_code_eliminate", "sroa", "simplify_cfg", "always_inliner", "global_dead_code_eliminate", "sroa",
    "instruction_combine", "simplify_cfg", "new_gvn", "simplify_cfg", "instruction_combine", "refprune",
)  # fmt: skip
"""Of LLVM, for kernels whose loops are left as they are: half the time of its first level, machine code included."""
RARE, SMALL = 2, 120
"""A function that is called so often within a kernel, or has so many instructions, is inlined.

Fewer leave slow calls that give whole arrays (reading BAM records takes twice as long without those of 60 to 120),
more make larger code.
"""


class _Library(JITCodeLibrary):
    """Code that knows what it calls, and how long its functions are."""

    _linking_libraries: list[CPUCodeLibrary]

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.calls: Counter[str] = Counter()
        self.sizes: Counter[str] = Counter()

    def add_ir_module(self, module: Any) -> None:
        """Take code of LLVM's in."""
        for function in module.functions:
            instructions = [each for block in function.blocks for each in block.instructions]
            self.sizes[function.name] = len(instructions)
            self.calls.update(each.callee.name for each in instructions if isinstance(each, CallInstr))
        super().add_ir_module(module)


class _Part(_Library):
    """Code of a function that kernels take in: neither optimised nor made machine code by itself."""

    takes_whole = True
    _shared_module: Any
    way_in: Any

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
            if self.way_in is not None:
                self._shared_module.link_in(parse_assembly(str(self.way_in())))
            for name in _functions_of(self._final_module):
                self._shared_module.get_function(name).linkage = "linkonce_odr"
        return self._shared_module


class _Whole(_Library):
    """Code of a kernel with all its parts."""

    takes_whole = False

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout  # all of it is optimised once the parts are in

    def finalize(self) -> None:
        self._take_in()
        super().finalize()

    def _optimize_final_module(self) -> None:
        """Optimise it once: Numba does so lightly before, which gains kernels whose parts are in nothing."""
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)

    def object_code(self, entry: str, *, vectorised: bool) -> bytes:
        """Return machine code with one way in, which is not loaded into this process."""
        self._take_in()
        for name in _functions_of(self._final_module):
            if name != entry:  # else a copy of it stays where it was inlined
                self._final_module.get_function(name).linkage = "internal"
        self._mark_inlined()
        if vectorised:
            passes, builder = self._codegen._module_pass_manager(opt=2)
        else:
            passes, builder = create_new_module_pass_manager(), self._codegen._pass_builder()
            for step in LIGHT_PASSES:
                getattr(passes, f"add_{step}_pass")()
        passes.run(self._final_module, builder)
        self._final_module.verify()
        code: bytes = self._codegen._tm.emit_object(self._final_module)
        return code

    def _mark_inlined(self) -> None:
        """Mark what becomes a part of what calls it: LLVM's own inliner simplifies each function before it decides."""
        for name in _functions_of(self._final_module, "internal"):
            function = self._final_module.get_function(name)
            wanted = self._calls[name] <= RARE or self._sizes[name] <= SMALL
            if wanted and not any(b"noinline" in each for each in function.attributes):
                function.add_function_attribute("alwaysinline")

    def _take_in(self) -> None:
        self._calls, self._sizes = self.calls.copy(), self.sizes.copy()
        for library in _with_parts(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            if isinstance(library, _Library):
                self._calls.update(library.calls)
                self._sizes.update(library.sizes)
        _link(self._final_module, self._linking_libraries)
        self._linking_libraries = []


def _link(module: Any, libraries: Iterable[CPUCodeLibrary]) -> None:
    """Link them into a module; what parts there are is known to it alone, so that what is called once is inlined."""
    parts: list[str] = []
    # Parts first: of other libraries, as that of Numba's runtime, LLVM links what is referred to by then.
    for library in sorted(_with_parts(libraries), key=lambda each: not isinstance(each, _Part)):
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


def _functions_of(module: Any, linkage: str = "external") -> list[str]:
    return [
        each.name for each in module.functions if not each.is_declaration and each.linkage.name == linkage
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


class _Typing:
    """Numba's context of types, which remembers what operators make of numbers, and what makes arrays here."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, func: Any, args: tuple[Type, ...], kws: Any) -> Any:
        """Return the signature of a function for these arguments, None if there is none."""
        if isinstance(func, Function) and not kws and _is_settled(func, args):
            return signature_of(self._context, func, args)
        if not kws:
            known = order_of(self._context, func, args)
            if known is not None:
                return known
            func = maker_of(self._context, func, args) or func
        return self._context.resolve_function_type(func, args, kws)


def _is_settled(func: Function, args: tuple[Type, ...]) -> bool:
    """Whether a call means the same each time: an operator of numbers, or a subkernel."""
    key = func.typing_key
    return key in SUBKERNELS or (key in OPERATORS and are_numbers(args))


class _Lowering(NativeLowering):
    """Numba's, with the above."""

    @property
    def lowering_class(self) -> type[Lower]:
        return KernelLower


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(_Lowering):
    """Lowers a function to a `_Part`."""

    _name = "dvplug_part_lowering"

    def run_pass(self, state: Any) -> bool:
        state.library = _Part(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_cpython_wrapper = state.flags.no_cfunc_wrapper = state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        state.library.way_in = partial(way_in, state.targetctx, lowered.fndesc)
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


@register_pass(mutates_CFG=True, analysis_only=False)
class _EntryLowering(_Lowering):
    """Lowers a kernel to a `_Whole`, with a way in without Numba and none from Python."""

    _name = "dvplug_entry_lowering"

    def run_pass(self, state: Any) -> bool:
        state.library = _Whole(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_cpython_wrapper = state.flags.no_cfunc_wrapper = state.flags.no_compile = True
        state.library.takes_whole = True
        super().run_pass(state)
        add_entry(state.targetctx, state.library, state["cr"].fndesc)
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
        declare = partial(declare_function, target)
        self.state.targetctx = target.subtarget(
            target=_InKernel, get_abi_sizeof=sizeof, declare_function=declare
        )

    def compile_extra(self, func: Any) -> Any:
        """Compile a function."""
        before = gc.get_threshold()
        gc.set_threshold(*RARE_COLLECTIONS)
        try:
            with in_haste():
                return super().compile_extra(func)
        finally:
            gc.set_threshold(*before)

    def define_pipelines(self) -> list[PassManager]:
        """Return the passes of Numba, but for the last but one."""
        return [passes_of(self.state, self.lowering)]


class SubkernelCompiler(KernelCompiler):
    """The same for what kernels call."""

    lowering = _PartLowering


class EntryCompiler(KernelCompiler):
    """The same for kernels that processes call without Numba."""

    lowering = _EntryLowering


class _InKernel(CPU):
    """A target of Numba like the CPU, by which overloads of its own that kernels call become parts, too."""


target_registry["dvplug"] = _InKernel
dispatcher_registry[_InKernel] = CPUDispatcher
jit_registry[_InKernel] = partial(jit, pipeline_class=SubkernelCompiler)
