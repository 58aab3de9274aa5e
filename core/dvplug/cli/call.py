"""`dvplug call`."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from typing import Annotated, Any, get_origin

from cyclopts import Parameter

from dvplug.calling.options import CallOptions, OptionField, option_fields
from dvplug.cli.parameters import number, some, whole_number
from dvplug.cli.plain_call import ONE_PER_CORE, run_call

_CONVERTERS = {int: whole_number, float: number}


def call(**given: Any) -> None:
    """Call germline SNPs and indels of one sample."""
    run_call(**given)


def command_signature(options: type[CallOptions]) -> inspect.Signature:
    """Return the signature by which the command line knows these options: each by name, with its help."""
    return inspect.Signature(command_parameters(options, [field.name for field in option_fields(options)]))


def command_parameters(
    options: type[CallOptions], names: Collection[str], also: Mapping[str, str] | None = None
) -> list[inspect.Parameter]:
    """Return the parameters of some of these options, for commands that share them, in the order of their fields.

    Parameters
    ----------
    also
        What to add to the help of an option.
    """
    more = also or {}
    return [
        _parameter(field, more.get(field.name, "")) for field in option_fields(options) if field.name in names
    ]


def _parameter(field: OptionField, also: str = "") -> inspect.Parameter:
    """An option without a default that can be shown has None in its place."""
    hint, default = field.command_type, field.default
    if field.required:
        default = inspect.Parameter.empty
    elif default == () or field.name in ONE_PER_CORE:
        hint, default = hint | None, None
    several = get_origin(field.command_type) is list
    says = Parameter(
        help=f"{field.option.help} {also}".strip(),
        consume_multiple=several,
        negative=() if several else None,
        validator=some if several else None,
        allow_leading_hyphen=bool(field.option.kind and field.option.kind.hyphen),
        converter=_CONVERTERS.get(field.command_type),
    )
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[hint, says]
    )


call.__signature__ = command_signature(CallOptions)  # type: ignore[attr-defined]
