"""Python source as a tree."""

from __future__ import annotations

import ast
from pathlib import Path

_TRIES = 5


def parsed(path: Path) -> ast.Module:
    """Parse a file, again where another thread does the same: CPython 3.11 counts the depth of both together."""
    text = path.read_text()
    for _ in range(_TRIES - 1):
        try:
            return ast.parse(text)
        except SystemError:  # "AST constructor recursion depth mismatch"
            continue
    return ast.parse(text)
