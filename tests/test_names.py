"""A name stands for one thing: no class and no type alias is called as another is."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from helpers.places import ROOT
from helpers.sources import parsed

SOURCES = [path for part in ("core", "registry", "plugins") for path in sorted((ROOT / part).rglob("*.py"))]


def types(path: Path) -> Iterator[str]:
    """Names of the public classes and type aliases of a module; an alias is an assignment to a CamelCase name."""
    for node in parsed(path).body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign) and not isinstance(
            node.value, ast.Call
        ):  # of a call: a TypeVar, an object
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        yield from (name for name in names if re.fullmatch(r"[A-Z]\w*[a-z]\w*", name))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def test_types_of_two_modules_have_two_names() -> None:
    homes = defaultdict(list)
    for path in SOURCES:
        for name in types(path):
            homes[name].append(str(path.relative_to(ROOT)))
    assert len(homes) > 100  # they are found at all
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}
