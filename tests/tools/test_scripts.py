"""The scripts: short, apart from each other, and each says what it is for."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

from helpers.places import ROOT
from helpers.sources import parsed

SCRIPTS = sorted((ROOT / "tools").glob("*.py"))
MOST_LINES = 150


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_are_short_and_do_not_import_each_other(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES
    others = {script.stem for script in SCRIPTS}
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            assert not others & {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.module not in others


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_say_what_they_are_for(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.app("--help", result_action="return_value")
    told = capsys.readouterr().out
    assert told.startswith("Usage: ")
    assert script.__doc__[:30] in told
