"""Settings of networks and genotypers: checked by the class that whoever offers them declares."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ValidationError

from dvplug.errors import ModelError, PluginError, in_short
from dvplug.hookspecs import import_named
from dvplug.plugins.loading import PluginItem
from dvplug.system.explain import explain


def settings_of(offer: PluginItem, given: Mapping[str, object]) -> BaseModel:
    """Check settings, and fill in the defaults of the others.

    Raises
    ------
    ModelError
        One is unknown, or not as it should be.
    PluginError
        What the plugin declares is no class of pydantic's.
    """
    kind = settings_class(offer)
    known = ", ".join(kind.model_fields) or "none"
    unknown = sorted(
        given.keys() - kind.model_fields.keys()
    )  # which pydantic passes over unless told otherwise
    try:
        if not unknown:
            return kind.model_validate(dict(given))
        cause = f"unknown: {', '.join(unknown)}"
    except ValidationError as error:
        cause = explain(error)
    raise ModelError(
        f"settings {in_short(dict(given))} do not fit the {offer.kind} '{offer.name}'",
        cause=cause,
        repair=f"Known settings: {known}.",
    )


def settings_class(offer: PluginItem) -> type[BaseModel]:
    """Return the class that a network or genotyper declares; raises PluginError where it is none, or is not there."""
    declared = offer.item.settings
    kind = import_named(declared) if isinstance(declared, str) else declared
    if not isinstance(kind, type) or not issubclass(kind, BaseModel):
        raise PluginError(
            f"{offer.whose} declares the settings {in_short(declared)}",
            cause="they have to be a class that derives from pydantic's BaseModel",
            repair="Update the plugin, or tell its author.",
        )
    return kind
