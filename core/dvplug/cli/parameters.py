"""Parameters that several commands have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import CoercionError, Parameter, Token

Json = Annotated[bool, Parameter("--json", negative="")]


def whole_number(type_: Any, tokens: Sequence[Token]) -> int:
    """Read an integer; a fraction is refused, where cyclopts would cut it off."""
    (token,) = tokens
    try:
        return int(token.value)
    except ValueError:
        raise CoercionError(token=token, target_type=int) from None


Whole = Annotated[int, Parameter(converter=whole_number)]
