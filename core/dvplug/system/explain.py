"""Pydantic's complaints on one line."""

from __future__ import annotations

from pydantic import ValidationError


def explain(error: ValidationError) -> str:
    """Return ``"field: what is wrong"`` for the first three faults."""
    faults = [f"{'.'.join(map(str, fault['loc']))}: {_message(fault['msg'])}" for fault in error.errors()[:3]]
    return "; ".join(fault.removeprefix(": ") for fault in faults)


def _message(text: str) -> str:
    """Without what pydantic puts before that of a check in Python."""
    return text.removeprefix("Value error, ").removeprefix("Assertion failed, ")
