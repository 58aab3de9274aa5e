"""User errors: value, cause, repair. See `dvplug_registry.errors` for the base class."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from dvplug_registry.errors import DvplugError, ModelError

__all__ = ["DvplugError", "InputError", "ModelError", "PluginError", "near_misses"]


class InputError(DvplugError):
    """A file, region or option given by the user cannot be used."""


class PluginError(DvplugError):
    """A plugin is broken, clashes with another, or a name it should provide is unknown."""


def near_misses(name: str, known: Iterable[str]) -> str:
    """Return ``"Did you mean 'x' or 'y'?"``, or the known names when nothing is close."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return "Did you mean " + " or ".join(f"'{c}'" for c in close) + "?"
    return "Known: " + ", ".join(names[:20]) if names else ""
