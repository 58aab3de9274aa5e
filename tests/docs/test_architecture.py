"""docs/architecture.md shows the packages that there are, and the floors that are checked."""

from __future__ import annotations

import re

import pytest

from helpers.pages import BLOCK
from helpers.places import ROOT

TEXT = (ROOT / "docs" / "architecture.md").read_text()
CODE = ROOT / "core" / "dvplug"
SECTION = TEXT.split("### The rooms")[1].split("\n## ")[0]


def rooms() -> set[str]:
    """The packages of core, with a slash, and its modules, but for the one that is imported first."""
    packages = {f"{path.parent.name}/" for path in CODE.glob("*/__init__.py")}
    return packages | {path.name for path in CODE.glob("*.py")} - {"__init__.py"}


def test_every_package_and_module_has_a_row_and_no_other() -> None:
    rows = re.findall(r"^\| `([\w./]+)` \|", SECTION, re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == rooms()


def checked(kind: str, key: str, *, within: list[str] | None = None) -> list[str]:
    """What the one contract of `lint-imports` of this kind, and within these packages, says under a key."""
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 reads no TOML")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (said,) = [c[key] for c in contracts if c["type"] == kind and c.get("containers") == within]
    return said


def test_the_roots_are_those_that_are_checked() -> None:
    plugins = {path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py")}
    layers = checked("layers", "layers")
    assert [set(re.findall(r"\w+", layer)) for layer in layers] == [plugins, {"dvplug"}, {"dvplug_registry"}]
    way = re.search(r"Imports point one way: `plugins/` -> `core/(\w+)` -> `registry/(\w+)`", TEXT)
    assert way
    assert list(way.groups()) == layers[1:]


def test_the_floors_are_those_that_are_checked() -> None:
    layers = checked("layers", "layers", within=["dvplug"])
    house = next(block["body"] for block in BLOCK.finditer(TEXT) if "_version" in block["body"])
    known = {room.removesuffix("/").removesuffix(".py") for room in rooms()}
    floors = [
        {word for word in re.split(r"[^\w]+", line[:66]) if word in known} for line in house.splitlines()
    ]
    assert floors == [set(re.findall(r"\w+", layer)) for layer in layers]


def test_the_steps_in_the_picture_are_those_that_know_nothing_of_each_other() -> None:
    steps = checked("independence", "modules")
    said = re.search(r"`(\w+)`, `(\w+)`, `(\w+)`, `(\w+)` and `(\w+)` lie on two floors", TEXT)
    assert said
    assert [f"dvplug.{step}" for step in said.groups()] == steps


def test_what_passes_between_the_steps_is_in_line() -> None:
    row = next(row for row in re.findall(r"^\| `line/` \| (.+) \|$", SECTION, re.MULTILINE))
    defined = {
        name
        for path in (CODE / "line").glob("*.py")
        for name in re.findall(r"^class (\w+)", path.read_text(), re.MULTILINE)
    }
    assert set(re.findall(r"`(\w+)`", row)) <= defined


def test_files_in_the_pictures_exist() -> None:
    named = [name for block in BLOCK.finditer(TEXT) for name in re.findall(r"\w+/\w+\.py", block["body"])]
    assert named
    assert not [name for name in named if not (CODE / name).is_file()]


def test_functions_in_the_pictures_exist() -> None:
    pictures = " ".join(block["body"] for block in BLOCK.finditer(TEXT))
    code = " ".join(
        path.read_text() for folder in ("engine", "system") for path in (CODE / folder).glob("*.py")
    )
    for name in ("RegionImages", "call_region", "map_in_order", "RegionCaller", "CallJob", "RegionResult"):
        assert name in pictures
        assert name in code
