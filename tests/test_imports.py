"""Imports of core: no circle, few floors, few modules that lie in no package.

Imports for type checkers only, and those inside functions, count too. What may import what is said in pyproject.toml
and checked by `lint-imports`.
"""

from __future__ import annotations

from functools import cache

import grimp
import pytest

from helpers.places import ROOT

MOST_FLAT_MODULES = 14
MOST_FLOORS = 11  # with __main__ on top, which is the command
PACKAGES = ("dvplug", "dvplug_registry")


@cache
def imports_of_modules() -> dict[str, set[str]]:
    """What each module imports, of those of core and registry."""
    graph = grimp.build_graph(*PACKAGES, include_external_packages=False, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def room(module: str) -> str:
    """The package, or the module beside the packages, in which a module lies; the registry is one."""
    first, *rest = module.split(".")
    return f"dvplug.{rest[0]}" if first == "dvplug" and rest else first


def imports_of_rooms() -> dict[str, set[str]]:
    rooms: dict[str, set[str]] = {}
    for module, imported in imports_of_modules().items():
        rooms.setdefault(room(module), set()).update(room(other) for other in imported)
    return {name: imported - {name} for name, imported in rooms.items()}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """A chain of imports that ends where it begins; none gives an empty list."""
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return []
        for other in sorted(graph[node]):
            if found := visit(other, [*path, node]):
                return found
        done.add(node)
        return []

    for node in sorted(graph):
        if found := visit(node, []):
            return found
    return []


def longest_chain(graph: dict[str, set[str]]) -> list[str]:
    """The longest chain of imports in a graph without a circle."""

    @cache
    def chain(node: str) -> tuple[str, ...]:
        return (node, *max((chain(other) for other in sorted(graph[node])), key=len, default=()))

    return list(max(map(chain, sorted(graph)), key=len))


def test_circles_and_chains_are_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
    assert longest_chain({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == ["a", "b", "c"]


@pytest.mark.parametrize("graph", [imports_of_modules, imports_of_rooms])
def test_no_circle(graph: object) -> None:
    assert callable(graph)
    assert " -> ".join(circle(graph())) == ""


def test_the_house_is_not_high() -> None:
    chain = longest_chain(imports_of_rooms())
    assert len(chain) <= MOST_FLOORS, " -> ".join(chain)


def test_few_modules_lie_in_no_package() -> None:
    flat = sorted(path.name for path in (ROOT / "core" / "dvplug").glob("*.py"))
    assert len(flat) <= MOST_FLAT_MODULES, flat


def test_lazy_imports_and_those_of_types_are_counted() -> None:
    """Or the tests above would see less than they say."""
    assert "dvplug.calling.api" in imports_of_modules()["dvplug"]  # under TYPE_CHECKING
    assert "dvplug.train.fit" in imports_of_modules()["dvplug.cli.train"]  # inside a function
