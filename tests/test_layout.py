"""The tests lie where their package is, and stand on the code and on what tests share alone."""

from __future__ import annotations

import ast
import pkgutil
import re
from pathlib import Path

import pytest

from helpers.places import ROOT
from helpers.sources import parsed

TESTS = ROOT / "tests"
MODULES = sorted(path for path in TESTS.rglob("*.py") if "third_party" not in path.relative_to(TESTS).parts)
#: Folders of tests of something that is no package of core.
BESIDE_CORE = {"docs": ROOT / "docs", "registry": ROOT / "registry", "tools": ROOT / "tools"}


def name_of(path: Path) -> str:
    return path.relative_to(TESTS).as_posix()


def imported(path: Path) -> set[str]:
    """The modules that a file of tests imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "no relative imports"
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("path", [path for path in MODULES if path.name.startswith("test_")], ids=name_of)
def test_each_lies_in_a_folder_that_is_called_as_its_package(path: Path) -> None:
    folder = path.parent.relative_to(TESTS)
    first = folder.parts[0] if folder.parts else ""
    if first in BESIDE_CORE:
        assert folder == Path(first)
        assert BESIDE_CORE[first].is_dir()
    else:
        assert (ROOT / "core" / "dvplug" / folder / "__init__.py").is_file()


def test_what_tests_share_lies_in_two_folders() -> None:
    others = [path for path in MODULES if not path.name.startswith("test_") and path.name != "conftest.py"]
    assert {path.parent.relative_to(TESTS).as_posix() for path in others} == {"helpers", "oracles"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_none_imports_a_module_of_tests(path: Path) -> None:
    parts = {part for module in imported(path) for part in module.split(".")}
    assert not {part for part in parts if part.startswith("test_") or part == "conftest"}


@pytest.mark.parametrize("path", [path for path in MODULES if path.parent.name == "oracles"], ids=name_of)
def test_each_oracle_says_what_it_is_the_twin_of(path: Path) -> None:
    said = ast.get_docstring(parsed(path)) or ""
    named = re.match(r"The twin of [^`]*(?:`\w+` in )?`(dvplug\w*(?:\.\w+)+)`", said)
    assert path.stem == "__init__" or (named and pkgutil.resolve_name(named[1]))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_none_changes_the_path_of_imports(path: Path) -> None:
    """What tests share is found by pytest's `pythonpath`; plugins are put there for one test, by monkeypatch."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "sys.path":
            pytest.fail(f"sys.path.{node.attr} in line {node.lineno}")
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            assert not [target for target in targets if "sys.path" in ast.unparse(target)]
