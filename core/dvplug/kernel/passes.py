"""The passes of Numba for kernels, without what it finds out after each and no pass asks for.

Numba lists after each which variables live where, once or more often: a tenth of the time of compiling. Here it is
found out when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core.compiler import DefaultPassBuilder
from numba.core.compiler_machinery import PassManager
from numba.core.postproc import PostProcessor, VariableLifetime
from numba.core.transforms import canonicalize_cfg
from numba.core.typed_passes import NativeLowering

_run = PostProcessor.run


class _Passes(PassManager):
    """Passes that tell by themselves what they changed."""

    def _runPass(self, index: int, pss: Any, internal_state: Any) -> None:
        pss.analysis = self._analysis
        for step in (pss.run_initialization, pss.run_pass, pss.run_finalizer):
            step(internal_state)


_known: dict[tuple[bool, type[NativeLowering]], PassManager] = {}


def passes_of(state: Any, lowering: type[NativeLowering]) -> PassManager:
    """Return the passes of Numba for a function, with another way of lowering it."""
    key = state.func_ir is None, lowering
    if key not in _known:
        passes = _Passes("kernel")
        for each, description in DefaultPassBuilder.define_nopython_pipeline(state).passes:
            passes.add_pass(lowering if each is NativeLowering else each, description)
        passes.finalize()
        _known[key] = passes
    return _known[key]


@contextmanager
def lifetimes_on_demand() -> Iterator[None]:
    """While it lasts, what lives where is found out when it is asked for; Numba compiles one function at a time."""
    before = PostProcessor.run
    PostProcessor.run = _run_lazily
    try:
        yield
    finally:
        PostProcessor.run = before


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
