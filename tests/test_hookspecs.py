"""`dvplug.hookspecs` is all that a plugin has to import, and costs little until its types are used."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from dvplug import hookspecs
from helpers.places import ROOT
from helpers.sources import parsed

LAZY = {name: module for module, names in hookspecs._HOMES.items() for name in names}


@pytest.mark.parametrize("name", hookspecs.__all__)
def test_every_name_is_that_of_its_home(name: str) -> None:
    found = getattr(hookspecs, name)
    if name in LAZY:
        assert found is getattr(importlib.import_module(LAZY[name]), name)
    else:
        assert name in vars(hookspecs)


def test_lazy_names_are_public_and_others_are_refused() -> None:
    assert set(LAZY) <= set(hookspecs.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = hookspecs.Nothing


def test_type_checkers_see_the_homes_that_are_imported_from() -> None:
    checking = next(n for n in parsed(Path(hookspecs.__file__)).body if isinstance(n, ast.If))
    seen = {
        alias.name: node.module
        for node in checking.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert {name: seen.get(name) for name in LAZY} == LAZY


def test_importing_it_brings_no_numpy() -> None:
    code = "import sys, dvplug.hookspecs; print({'numpy', 'numba', 'pysam', 'pydantic'} & set(sys.modules) or 'light')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "light\n"


def test_our_plugins_take_types_from_there_alone() -> None:
    """What they use of the engine otherwise are kernels and bases of encoders, which are not types of hooks."""
    imported = {
        (node.module, alias.name)
        for path in (ROOT / "plugins").rglob("*.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("dvplug.", "dvplug_registry"))
        for alias in node.names
    }
    assert {(module, name) for module, name in imported if name in hookspecs.__all__} == {
        ("dvplug.hookspecs", name) for _, name in imported if name in hookspecs.__all__
    }
