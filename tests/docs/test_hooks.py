"""The pages about plugins and models say what the code says."""

from __future__ import annotations

import dataclasses
import inspect
import re

import pluggy
import pytest

from dvplug import hookspecs
from dvplug.genotypes.genotyper import LiteRTSettings
from dvplug.line.scene import Scene
from dvplug.plugins import loading
from dvplug.plugins.hooks import HOOKS as HOOKS_BY_NAME
from dvplug.plugins.loading import load_plugins
from dvplug.technology import TAG_KINDS
from dvplug_registry.manifest import (
    Calling,
    FileEntry,
    ImageShape,
    Manifest,
    Metric,
    ModelRule,
    Training,
    Versioned,
)
from helpers.registry_fixtures import REPOSITORY, TOY

DOCS = REPOSITORY / "docs"
MANAGER = pluggy.PluginManager("dvplug")
MANAGER.add_hookspecs(hookspecs)
HOOKS = [name for name in dir(hookspecs) if name.startswith("dvplug_")]


def _headings() -> list[str]:
    return re.findall(r"^#+ `(.+)`$", (DOCS / "hooks.md").read_text(), re.MULTILINE)


def _text(name: str, function: object) -> str:
    signature = inspect.signature(function)  # type: ignore[arg-type]
    arguments = [f"{p.name}: {p.annotation}" for p in signature.parameters.values() if p.name != "self"]
    return f"{name}({', '.join(arguments)}) -> {signature.return_annotation}"


def test_every_hook_has_a_heading_with_its_arguments_and_no_other_has_one() -> None:
    assert all(hasattr(MANAGER.hook, name) for name in HOOKS)
    expected = {_text(name, getattr(hookspecs, name)) for name in HOOKS}
    assert {heading for heading in _headings() if heading.startswith("dvplug_")} == expected


def test_every_function_has_a_heading_with_its_arguments_and_no_other_has_one() -> None:
    kinds = hookspecs.Extension.__subclasses__()
    expected = {_text(kind.protocol.__name__, kind.protocol.__call__) for kind in kinds}
    expected.add(_text("predict", hookspecs.Predictor.predict))
    assert {heading for heading in _headings() if not heading.startswith("dvplug_")} == expected


@pytest.mark.parametrize("kind", hookspecs.Extension.__subclasses__())
def test_every_field_of_an_extension_is_named_with_it(kind: type[hookspecs.Extension]) -> None:
    named = re.search(rf"`{kind.__name__}\((.*?)\)`", (DOCS / "hooks.md").read_text())
    assert named
    fields = {field.name for field in dataclasses.fields(kind)} - (set() if kind.offered else {"needs"})
    assert set(named[1].split(", ")) == fields


DECLARED = ["needs", "reach", "version", "settings", "fields", "files", "devices", "tried_at"]
NOT_BROUGHT = {"read transform", "row order", "annotation"}
"""Kinds of which the engine itself has none."""


def test_every_field_that_declares_anything_is_one_of_those() -> None:
    """All but what says which function it is, and the names of columns."""
    kinds = hookspecs.Extension.__subclasses__()
    fields = {field.name for kind in kinds for field in dataclasses.fields(kind)}
    assert fields - {"name", "description", "function", "columns"} == set(DECLARED)


@pytest.mark.parametrize("field", DECLARED)
def test_every_declaration_has_a_row(field: str) -> None:
    kinds = [
        kind
        for kind in hookspecs.Extension.__subclasses__()
        if field in {one.name for one in dataclasses.fields(kind)} and (field != "needs" or kind.offered)
    ]
    row = re.search(rf"^\| `{field}` \| (.*?) \|", (DOCS / "hooks.md").read_text(), re.MULTILINE)
    assert row
    assert row[1].split(", ") == [kind.kind for kind in kinds]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_used_by_a_plugin_that_is_tested(hook: str) -> None:
    tested = [*TOY.parent.rglob("*.py"), *(REPOSITORY / "tests").rglob("test_*.py")]
    definition = re.compile(rf"^def {hook}\(", re.MULTILINE)
    assert any(definition.search(path.read_text()) for path in tested)


def test_every_kind_of_extension_has_a_hook_and_a_way_to_choose_it() -> None:
    kinds = set(hookspecs.Extension.__subclasses__())
    assert set(HOOKS_BY_NAME) == set(HOOKS)
    assert kinds < set(HOOKS_BY_NAME.values())
    for kind in kinds:
        assert callable(getattr(loading.Plugins, kind.kind.replace(" ", "_")))
        assert f"`{kind.__name__}(" in (DOCS / "hooks.md").read_text()


def test_everything_that_the_engine_brings_is_named() -> None:
    text = (DOCS / "hooks.md").read_text()
    brought = [offer for offer in load_plugins(()).offers_of("builtin") if offer.kind != "model"]
    kinds = {kind.kind for kind in hookspecs.Extension.__subclasses__()}
    assert {offer.kind for offer in brought} == kinds - NOT_BROUGHT
    assert [offer.whose for offer in brought if f"`{offer.name}`" not in text] == []


def test_every_kind_of_a_tag_has_a_row() -> None:
    rows = re.findall(r"^\| `\w\w:(\w+)` \|", (DOCS / "hooks.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(TAG_KINDS)


def test_the_scene_is_explained() -> None:
    """A row for each thing of it that a plugin can use, and no other."""
    rows = re.search(r"^\| of a scene .*?\n\n", (DOCS / "hooks.md").read_text(), re.MULTILINE | re.DOTALL)
    assert rows
    cells = [line.split("|")[1] for line in rows[0].splitlines()[2:] if line]
    public = {field.name for field in dataclasses.fields(Scene)} | set(vars(Scene))
    assert {name for cell in cells for name in re.findall(r"`(\w+)", cell)} == {
        name for name in public if not name.startswith("_")
    }


def test_every_field_of_the_manifest_is_explained() -> None:
    table = (DOCS / "models.md").read_text().split("## The manifest")[1].split("\n## ")[0]
    parts = (Manifest, ModelRule, ImageShape, Versioned, Calling, Training, Metric, LiteRTSettings, FileEntry)
    fields = {name for part in parts for name in part.model_fields}
    assert {name for name in fields if f"`{name}`" not in table} == set()


def test_the_tutorial_shows_the_files_of_the_toy() -> None:
    blocks = re.findall(
        r"^```\w+ (\S+)\n(.*?)^```$", (DOCS / "write-a-plugin.md").read_text(), re.MULTILINE | re.DOTALL
    )
    made_on_the_way = {"make_model.py", "tests/test_toy.py"}
    assert {name: text for name, text in blocks if name not in made_on_the_way} == {
        str(path.relative_to(TOY)): path.read_text()
        for pattern in ("*.toml", "*/*.py")
        for path in TOY.glob(pattern)
    }
