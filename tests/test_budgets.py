"""Sizes of files and functions: what a reader can take in. ruff counts arguments, statements and branches."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

from helpers.places import ROOT
from helpers.sources import parsed

SOURCES = ("core", "registry", "plugins", "tools")


def files() -> Iterator[Path]:
    for source in SOURCES:
        yield from (ROOT / source).rglob("*.py")


def functions() -> Iterator[tuple[str, int]]:
    """Every function and its lines, with decorators' left out."""
    for path in files():
        for node in ast.walk(parsed(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert node.end_lineno
                yield f"{path.relative_to(ROOT).as_posix()}:{node.name}", node.end_lineno - node.lineno + 1


def percentile_95(lengths: list[int]) -> int:
    return sorted(lengths)[int(0.95 * len(lengths))]


def test_files_are_short() -> None:
    lengths = [len(path.read_text().splitlines()) for path in files()]
    assert statistics.median(lengths) <= 150
    assert {path.as_posix() for path in files() if len(path.read_text().splitlines()) > 450} == set()


def test_functions_are_short() -> None:
    lengths = [length for _, length in functions()]
    assert statistics.median(lengths) <= 10
    assert percentile_95(lengths) <= 50
    assert {name for name, length in functions() if length > 60} == set()
