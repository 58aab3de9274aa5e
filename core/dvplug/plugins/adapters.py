"""Plugins that were written for an earlier hook API: their functions are called as that API said.

A version of the boundary is a promise: what a plugin declares as ``DVPLUG_API`` says with which arguments its functions
are called, for as long as that version is served.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dvplug.hookspecs import Extension
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.contexts import EncodeContext, FindContext
from dvplug.line.image_batch import ImageBatch
from dvplug.plugins.loading import PluginItem

POSITIONAL_API = 2
"""Of which finders and encoders took their arguments one by one."""
_ARGUMENTS = {
    "candidate finder": ("reads", "reference", "reference_start", "region", "thresholds"),
    "image encoder": ("scene", "layout", "channels", "measure"),
}


@dataclass(frozen=True)
class PositionalFind:
    """A candidate finder of hook API 2, called with a context."""

    find: Callable[..., CandidateBatch]

    def __call__(self, context: FindContext) -> CandidateBatch:
        """Find the candidates of a region."""
        return self.find(
            context.reads, context.reference, context.reference_start, context.region, context.thresholds
        )


@dataclass(frozen=True)
class PositionalEncode:
    """An image encoder of hook API 2, called with a context."""

    encode: Callable[..., ImageBatch]

    def __call__(self, context: EncodeContext) -> ImageBatch:
        """Draw the images of candidates."""
        return self.encode(context.scene, context.layout, context.channels, context.measure)


_ADAPTERS: dict[str, Callable[[Any], Any]] = {
    "candidate finder": PositionalFind,
    "image encoder": PositionalEncode,
}


def loaded(offer: PluginItem) -> Callable[..., Any]:
    """Import the function of an extension, as this hook API calls it; raises as `PluginItem.load`."""
    function = offer.load()
    adapt = _ADAPTERS.get(offer.kind) if offer.plugin.api == POSITIONAL_API else None
    return adapt(function) if adapt else function


def arguments_of(item: Extension, api: int | None) -> tuple[str, ...]:
    """Return the names of the arguments that the function of an extension has to take, by the API of its plugin."""
    if api == POSITIONAL_API and item.kind in _ARGUMENTS:
        return _ARGUMENTS[item.kind]
    code = item.protocol.__call__.__code__
    return tuple(code.co_varnames[1 : code.co_argcount])
