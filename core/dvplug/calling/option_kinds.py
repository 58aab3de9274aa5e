"""Kinds of options of `dvplug call`: how values are given, and what is kept of them."""

from __future__ import annotations

import json
import math
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from dvplug.errors import InputError
from dvplug.system.devices import known_device
from dvplug.system.locations import Location, StrPath, location, model_request
from dvplug.system.memory import parse_size


class OptionKind(NamedTuple):
    """How a value is given, where it is kept as something else."""

    command: Any
    """Its type on the command line."""
    python: Any
    """Its type in `dvplug.call`."""
    keep: Callable[[Any], Any]
    """Makes what is kept of what is given."""
    hyphen: bool = False
    """On the command line ``-`` is a value."""


def refuse_empty(options: Mapping[str, object]) -> None:
    """Refuse an option of several values that has none, as a program may have found them: it would pass for not given.

    Raises
    ------
    InputError
        One is an empty sequence.
    """
    for name, value in options.items():
        if isinstance(value, Sequence) and not isinstance(value, str) and not len(value):
            raise InputError(f"{name} has no values", repair="Give one or more, or None for the default.")


def _named(given: StrPath) -> str:
    """An empty name would pass for none."""
    text = os.fspath(given)
    if not text:
        raise InputError("A name that was given is empty", repair="Give a whole one, or None.")
    return text


def _place(given: StrPath) -> Location:
    return location(os.fspath(given))


def _places(given: StrPath | Sequence[StrPath]) -> tuple[Location, ...]:
    return tuple(map(_place, _several(given)))


def _files(given: StrPath | Sequence[StrPath]) -> tuple[Path, ...]:
    return tuple(map(Path, _several(given)))


def _texts(given: StrPath | Sequence[StrPath]) -> tuple[str, ...]:
    return tuple(os.fspath(one) for one in _several(given))


def _several(given: StrPath | Sequence[StrPath]) -> Sequence[StrPath]:
    """One alone is a sequence of one: a text is not one of letters."""
    return (given,) if isinstance(given, (str, os.PathLike)) else given


def _settings(given: str | Sequence[str] | Mapping[str, object]) -> tuple[str, ...]:
    """In one order, so that it does not matter in which they were given."""
    if not isinstance(given, Mapping):
        return tuple(sorted(_texts(given)))
    return tuple(sorted(f"{name}={_as_text(value)}" for name, value in given.items()))


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _bytes(given: int | str) -> int:
    return parse_size(given) if isinstance(given, str) else given


def _number(given: float) -> float:
    if isinstance(given, str):
        raise TypeError(f"{given!r} is no number")
    if not math.isfinite(given):
        raise InputError(f"{given} is no number to compare with", repair="Give a finite one.")
    return float(_not_below_0(given))


def _quality(given: int) -> int:
    return _not_below_0(operator.index(given))


def _not_below_0(given: Quality) -> Quality:
    if given < 0:
        raise InputError(f"{given} is no quality: they begin at 0", repair="Give 0, which filters nothing.")
    return given


Quality = TypeVar("Quality", int, float)
PLACE = OptionKind(str, StrPath, _place)
PLACES = OptionKind(list[str], StrPath | Sequence[StrPath], _places)
FILE = OptionKind(Path, StrPath, Path)
FILES = OptionKind(list[Path], StrPath | Sequence[StrPath], _files)
OUTPUT = OptionKind(str, StrPath, _named)
OUTPUT_OR_STDOUT = OptionKind(str, StrPath, os.fspath, hyphen=True)
TEXTS = OptionKind(list[str], StrPath | Sequence[StrPath], _texts)
SETTINGS = OptionKind(list[str], str | Sequence[str] | Mapping[str, object], _settings)
DEVICE = OptionKind(str, str, known_device)
MODEL = OptionKind(str, StrPath, model_request)
NUMBER = OptionKind(float, float, _number)
QUALITY = OptionKind(int, int, _quality)
SIZE = OptionKind(str, int | str, _bytes)
