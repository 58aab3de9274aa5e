"""User errors: value, cause, repair. The family's base lies in the registry, which must not import dvplug."""

from __future__ import annotations

from dvplug_registry.errors import DvplugError, ModelError, RegistryError, near_misses

__all__ = ["DvplugError", "InputError", "ModelError", "PluginError", "RegistryError", "near_misses"]


class InputError(DvplugError):
    """A file, region or option given by the user cannot be used."""


class PluginError(DvplugError):
    """A plugin is broken, clashes with another, or a name it should provide is unknown."""
