"""What operators make of numbers, asked of Numba once for each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numba.core.types.abstract import Number, Type
from numba.core.types.scalars import Boolean

_signatures: dict[tuple[Any, tuple[Type, ...]], Any] = {}


def are_numbers(types: Iterable[Type]) -> bool:
    """Whether all of these types are of numbers."""
    return all(isinstance(each, Number | Boolean) for each in types)


def signature_of(typing_context: Any, function: Any, types: tuple[Type, ...]) -> Any:
    """Return the signature of an operator for numbers; Numba asks what it has for tuples and arrays, too, each time."""
    key = function.typing_key, types
    if key not in _signatures:
        _signatures[key] = function.get_call_type(typing_context, types, {})
    return _signatures[key]
