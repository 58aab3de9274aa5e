"""Parameters that several commands have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from cyclopts import CoercionError, Parameter, Token

from dvplug.errors import InputError

AS_LISTED = "Name one or more, as `dvplug registry list` shows them."

Read = TypeVar("Read", int, float)
Json = Annotated[bool, Parameter("--json", negative="")]


def whole_number(type_: Any, tokens: Sequence[Token]) -> int:
    """Read an integer; a fraction is refused, where cyclopts would cut it off."""
    return _number(tokens, int)


def number(type_: Any, tokens: Sequence[Token]) -> float:
    """Read a number."""
    return _number(tokens, float)


def _number(tokens: Sequence[Token], kind: type[Read]) -> Read:
    """Read one; a slip of the finger such as ``1_0`` is refused, where Python would read 10."""
    (token,) = tokens
    try:
        if "_" not in token.value:
            return kind(token.value)
    except ValueError:
        pass
    raise CoercionError(token=token, target_type=kind)


def some(type_: Any, values: Sequence[object] | None) -> None:
    """Refuse an option of several values that nothing follows, as where a variable of the shell is empty."""
    if values is not None and not values:
        raise ValueError(
            "Nothing follows it: a variable of the shell may be empty. Give a value, or leave the option out."
        )


def require_named(names: Sequence[object], kind: str, repair: str) -> None:
    """Refuse a command that nothing was given to work on, as by an empty variable of the shell; raises InputError."""
    if not names:
        raise InputError(f"no {kind} was named", repair=repair)


Whole = Annotated[int, Parameter(converter=whole_number)]
Number = Annotated[float, Parameter(converter=number)]
Several = Parameter(consume_multiple=True, negative=(), validator=some)
