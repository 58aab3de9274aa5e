"""`dvplug call` without what only other command lines need."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from dvplug.calling.options import CallOptions, option_fields

ONE_PER_CORE = {"workers"}
"""Options whose default in Python is another: a command may use the whole machine."""
_JSON = ("[", "{")  # which cyclopts takes for lists of some types
_BLAS_THREADS = "OPENBLAS_NUM_THREADS"
_WHOLE, _NUMBER = re.compile(r"\d+"), re.compile(r"\d+(\.\d+)?")


def read_plain(words: Sequence[str]) -> dict[str, Any] | None:
    """Read the words of a call, each option once and by its whole name, as cyclopts would.

    Returns
    -------
    dict or None
        Options by name, for `run_call`. None where it is not as plain as that, is wrong, or another command.
    """
    if not words or words[0] != "call":
        return None
    fields = {field.flag: field for field in option_fields(CallOptions)}
    given: dict[str, Any] = {}
    left = list(reversed(words[1:]))
    while left:
        field = fields.get(left.pop())
        if field is None or field.name in given:
            return None
        values: list[str] = []
        hyphen = bool(field.option.kind and field.option.kind.hyphen)
        while left and left[-1] and (left[-1][0] != "-" or (hyphen and left[-1] == "-")):
            values.append(left.pop())
        found = _value(field.command_type, values)
        if found is None or any(word.startswith(_JSON) for word in values):
            return None
        given[field.name] = found
    return given if all(field.name in given for field in fields.values() if field.required) else None


def _value(hint: Any, words: Sequence[str]) -> Any:
    """What the words behind an option of this type are; None where they are not one, or not as many."""
    hint = (
        next((kind for kind in get_args(hint) if kind is not NoneType), hint)
        if NoneType in get_args(hint)
        else hint
    )
    if hint is bool:
        return None if words else True
    if get_origin(hint) is list:
        (kind,) = get_args(hint)
        return [kind(word) for word in words] or None
    if len(words) != 1:
        return None
    (word,) = words
    if get_origin(hint) is Literal:
        return word if word in get_args(hint) else None
    pattern, kind = _KINDS[hint]
    return kind(word) if pattern is None or pattern.fullmatch(word) else None


_KINDS: dict[Any, tuple[re.Pattern[str] | None, Callable[[str], Any]]] = {
    str: (None, str),
    Path: (None, Path),
    int: (_WHOLE, int),
    float: (_NUMBER, float),
}


def run_call(**given: Any) -> None:
    """Call variants with the options of the command, and say what was found."""
    with _imported_quickly():
        import dvplug.calling.api
    from dvplug.system.console import info

    out: str = given.pop("out")
    summary = dvplug.calling.api.call(out=out, **{name: available_cores() for name in ONE_PER_CORE} | given)
    counts = ", ".join(f"{count:,} {name}" for name, count in sorted(summary.records.items())) or "no records"
    info(f"{out}: {counts} from {summary.candidates:,} candidates.")


@contextmanager
def _imported_quickly() -> Iterator[None]:
    """Import in this block what stays: no garbage is looked for, and numpy starts no threads.

    Those of its BLAS cost 40 ms and more, by the cores, as each waits at work for what to do; a call multiplies no
    matrix that needs them. OPENBLAS_NUM_THREADS, where it is set, says otherwise.
    """
    own = _BLAS_THREADS not in os.environ
    collecting = gc.isenabled()
    if own:
        os.environ[_BLAS_THREADS] = "1"
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
        if own:
            del os.environ[_BLAS_THREADS]


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
