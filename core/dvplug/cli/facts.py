"""A manifest, or another nest of facts, as lines for people: one fact a line, what is told of it below and indented."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dvplug_registry.example_sources import sources_in_words

_INDENT = "  "
_LIMITS = {"low", "high", "refused"}


def fact_lines(facts: dict[str, Any], indent: str = "") -> Iterator[tuple[str, str]]:
    """Yield ``(name, text)`` of each fact, indented; those that are not there, None or empty, are left out."""
    for name, value in facts.items():
        if value is None or value in ([], {}, ""):
            continue
        label = f"{indent}{name}"
        if name == "data" and isinstance(value, str):
            yield label, sources_in_words(value)
        elif isinstance(value, dict) and not value.keys() <= _LIMITS:
            if below := list(fact_lines(value, indent + _INDENT)):
                yield label, ""
                yield from below
        elif _is_list_of(value, dict):
            yield label, ""
            for number, row in enumerate(value, 1):
                yield f"{indent}{_INDENT}{_title(row) or number}", _in_line(row)
        elif text := _text(value):
            yield label, text


def _is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, kind) for one in value)


def _title(row: dict[str, Any]) -> str:
    return ", ".join(str(row[key]) for key in ("set", "name", "type") if key in row)


def _in_line(row: dict[str, Any]) -> str:
    return ", ".join(
        f"{key} {_text(value)}" for key, value in row.items() if key not in ("set", "name", "type")
    )


def _text(value: Any) -> str:
    if isinstance(value, dict):  # limits
        return _limits(value)
    if _is_list_of(value, list):  # of steps: what holds from a number on
        return ", ".join(f"{_text(one[1])} from {_text(one[0])}" for one in value)
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _limits(limits: dict[str, Any]) -> str:
    low, high, refused = (limits.get(key) for key in ("low", "high", "refused"))
    told = ""
    if low is not None and high is not None:
        told = f"{_text(low)} to {_text(high)}"
    elif low is not None or high is not None:
        told = f"{_text(low)} or more" if high is None else f"at most {_text(high)}"
    if refused and (beyond := _limits(refused)):
        told = f"{told or 'any'}; refused unless {beyond}"
    return told
