"""The passes of Numba for kernels, without what it finds out after each and no pass asks for.

Numba lists after each which variables live where, once or more often: a tenth of the time of compiling. Here it is
found out when it is asked for. Which variables a statement names it asks 400,000 times, of each field anew whether it
is one of five abstract classes: another thirtieth. Here a type is looked at once. And 140,000 times it enters a
generator that would say where an error was met.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, reduce
from typing import Any

import numpy as np
from numba.core import base, ir, lowering, typeinfer, utils
from numba.core.callconv import CPUCallConv
from numba.core.compiler import DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.errors import NumbaError
from numba.core.postproc import PostProcessor, VariableLifetime
from numba.core.transforms import canonicalize_cfg
from numba.core.typed_passes import NativeLowering, NopythonRewrites
from numba.core.types.abstract import Type
from numba.core.types.misc import StringLiteral
from numba.core.types.npytypes import Array
from numba.core.typing import context
from numba.core.untyped_passes import InlineClosureLikes
from numba.np.ufunc.dufunc import DUFunc

from dvplug.kernel.calls import call_function, decode_arguments, return_status_propagate

_run = PostProcessor.run
_errors: Any = importlib.import_module(NumbaError.__module__)


class _Passes(PassManager):
    """Passes that tell by themselves what they changed."""

    def _runPass(self, index: int, pss: Any, internal_state: Any) -> None:
        pss.analysis = self._analysis
        for step in (pss.run_initialization, pss.run_pass, pss.run_finalizer):
            step(internal_state)


@register_pass(mutates_CFG=True, analysis_only=False)
class _InnerFunctions(InlineClosureLikes):
    """Puts functions within the function, lists and reductions in place: where there are some."""

    _name = "dvplug_inner_functions"

    def run_pass(self, state: Any) -> bool:
        blocks = state.func_ir.blocks.values()
        if any(map(_is_inner, _values(blocks))):
            return bool(super().run_pass(state))
        return False


def _is_inner(value: Any) -> bool:
    if isinstance(value, ir.Expr):
        return value.op in ("make_function", "build_list") or (
            value.op == "getattr" and value.attr == "reduce"
        )
    return isinstance(value, ir.Global | ir.FreeVar) and (value.value is reduce or "stencil" in value.name)


@register_pass(mutates_CFG=True, analysis_only=False)
class _ArrayRewrites(NopythonRewrites):
    """Puts what is done to whole arrays in one loop, and lists of constants in arrays: where there is any."""

    _name = "dvplug_array_rewrites"

    def run_pass(self, state: Any) -> bool:
        types = state.typemap
        for block in state.func_ir.blocks.values():
            for each in block.body:
                if _is_rewritten(each, types):
                    return bool(super().run_pass(state))
        return False


def _is_rewritten(statement: Any, types: Mapping[str, Type]) -> bool:
    if isinstance(statement, ir.SetItem):
        return isinstance(types[statement.index.name], StringLiteral)
    if not isinstance(statement, ir.Assign) or not isinstance(statement.value, ir.Expr):
        return False
    value = statement.value
    if value.op == "getitem":
        return isinstance(types[value.index.name], StringLiteral)
    if value.op == "build_list":
        return True
    if value.op not in ("unary", "binop", "call") or not isinstance(types[statement.target.name], Array):
        return False
    key = getattr(types[value.func.name], "typing_key", None) if value.op == "call" else np.ufunc
    return key is np.ufunc or isinstance(key, np.ufunc | DUFunc)


def _values(blocks: Iterable[ir.Block]) -> Iterator[Any]:
    """Return what is assigned in them."""
    return (each.value for block in blocks for each in block.body if isinstance(each, ir.Assign))


_known: dict[tuple[bool, type[NativeLowering]], PassManager] = {}


def passes_of(state: Any, lowering: type[NativeLowering]) -> PassManager:
    """Return the passes of Numba for a function, with another way of lowering it."""
    key = state.func_ir is None, lowering
    if key not in _known:
        instead = {
            NativeLowering: lowering,
            InlineClosureLikes: _InnerFunctions,
            NopythonRewrites: _ArrayRewrites,
        }
        passes = _Passes("kernel")
        for each, description in DefaultPassBuilder.define_nopython_pipeline(state).passes:
            passes.add_pass(instead.get(each, each), description)
        passes.finalize()
        _known[key] = passes
    return _known[key]


@contextmanager
def in_haste() -> Iterator[None]:
    """While it lasts, what lives where is found out when it is asked for; Numba compiles one function at a time."""
    if PostProcessor.run is _run_lazily:  # for what is compiled, another is
        yield
        return
    _registered.clear()
    stand_ins: tuple[tuple[Any, str, Any], ...] = (
        (PostProcessor, "run", _run_lazily),
        (ir.Inst, "_rec_list_vars", _variables_in),
        (lowering, "new_error_context", _ErrorContext),
        (typeinfer, "new_error_context", _ErrorContext),
        (CPUCallConv, "call_function", call_function),
        (CPUCallConv, "decode_arguments", decode_arguments),
        (CPUCallConv, "return_status_propagate", return_status_propagate),
        (base, "_has_loc", _has_loc),
        (base.BaseContext, "refresh", _when_more_is_registered(base.BaseContext.refresh)),
        (context.BaseContext, "refresh", _when_more_is_registered(context.BaseContext.refresh)),
        (utils, "order_by_target_specificity", _in_order),
    )
    before = [getattr(owner, name) for owner, name, _ in stand_ins]
    for owner, name, stand_in in stand_ins:
        setattr(owner, name, stand_in)
    try:
        yield
    finally:
        for (owner, name, _), known in zip(stand_ins, before, strict=True):
            setattr(owner, name, known)


_registered: dict[int, tuple[int, ...]] = {}


def _when_more_is_registered(refresh: Callable[[Any], None]) -> Callable[[Any], None]:
    """Make a stand-in for a context's `refresh`, which looks through its registries for each function, in 200 us.

    Within one compilation they grow by functions that are made while others are typed, and by imports.
    """

    def refresh_if_needed(self: Any) -> None:
        known = len(sys.modules), *map(_size, (self, getattr(self, "typing_context", self)))
        if _registered.get(id(self._registries)) != known:
            refresh(self)
            _registered[id(self._registries)] = known

    return refresh_if_needed


def _size(context: Any) -> int:
    """Return how much is in the registries of a context."""
    rows = (each for of in context._registries for each in vars(of).values() if isinstance(each, list))
    return sum(map(len, rows))


def _run_lazily(self: Any, emit_dels: bool = False, extend_lifetimes: bool = False) -> None:
    """Stand in for `PostProcessor.run`; what it adds for generators and `objmode` only Numba's does."""
    of = self.func_ir
    if of.is_generator:
        _run(self, emit_dels, extend_lifetimes)
        return
    of.blocks = canonicalize_cfg(of.blocks)
    of.variable_lifetime = VariableLifetime(of.blocks)
    of.generator_info = None
    if emit_dels:
        self._insert_var_dels(extend_lifetimes=extend_lifetimes)


_has_loc = lru_cache(4096)(base._has_loc)
"""Whether a function takes the place in a source: of each that makes code, at each use, Numba reads the signature."""
_order = utils.order_by_target_specificity
_known_orders: dict[tuple[Any, tuple[Any, ...]], list[Any]] = {}


def _in_order(target: Any, templates: list[Any], fnkey: str = "") -> list[Any]:
    """Stand in for `order_by_target_specificity`: what there is of a function, in the order in which to ask it."""
    key = target, tuple(templates)
    if key not in _known_orders:
        _known_orders[key] = _order(target, templates, fnkey)
    return _known_orders[key]


class _Kinds(dict[type, str]):
    """What may be in a statement, by its type: found once."""

    def __missing__(self, kind: type) -> str:
        names = {"variable": ir.Var, "instruction": ir.Inst, "sequence": (list, tuple), "mapping": dict}
        found = next((name for name, known in names.items() if issubclass(kind, known)), "")
        self[kind] = found
        return found


_kinds = _Kinds()


def _variables_in(self: Any, value: Any) -> list[ir.Var]:
    """Stand in for `Inst._rec_list_vars`: the variables in a statement's field, or in all of its fields."""
    found: list[ir.Var] = []
    _add_variables(value, found)
    return found


def _add_variables(value: Any, found: list[ir.Var]) -> None:
    kind = _kinds[type(value)]
    if kind == "variable":
        found.append(value)
    elif kind == "instruction":
        found += value.list_vars()
    elif kind:
        for each in value if kind == "sequence" else value.values():
            if _kinds[type(each)]:
                _add_variables(each, found)


class _ErrorContext:
    """Stand in for `new_error_context`: what is added to an error that is raised within."""

    __slots__ = ("_given", "_named", "_text")

    def __init__(self, text: str, *given: Any, **named: Any) -> None:
        self._text, self._given, self._named = text, given, named

    def __enter__(self) -> None:
        place = self._named.get("loc")
        if place is not None and not place.filename.startswith(_errors._numba_path):
            _errors.loc_info.update(self._named)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: Any) -> None:
        if isinstance(error, NumbaError):
            error.add_context(_errors._format_msg(self._text, self._given, self._named))
