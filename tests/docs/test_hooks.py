"""The pages about plugins and models say what the code says."""

from __future__ import annotations

import dataclasses
import inspect
import re

import pluggy
import pytest

from dvplug import hookspecs
from dvplug.plugins.builtin import CHANNELS
from dvplug_registry.manifest import (
    Calling,
    Encoder,
    FileEntry,
    ImageShape,
    LiteRT,
    Manifest,
    Metric,
    Training,
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


@pytest.mark.parametrize("field", ["needs", "reach", "devices"])
def test_every_declaration_has_a_row(field: str) -> None:
    kinds = [
        kind
        for kind in hookspecs.Extension.__subclasses__()
        if hasattr(kind, field) and (field != "needs" or kind.offered)
    ]
    row = re.search(rf"^\| `{field}` \| (.*?) \|", (DOCS / "hooks.md").read_text(), re.MULTILINE)
    assert row
    assert row[1].split(", ") == [kind.kind.split()[-1] for kind in kinds]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_used_by_a_plugin_that_is_tested(hook: str) -> None:
    tested = [*TOY.parent.rglob("*.py"), *(REPOSITORY / "tests").rglob("test_*.py")]
    definition = re.compile(rf"^def {hook}\(", re.MULTILINE)
    assert any(definition.search(path.read_text()) for path in tested)


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_channel_of_the_engine_is_named(channel: str) -> None:
    assert f"`{channel}`" in (DOCS / "hooks.md").read_text()


def test_every_field_of_the_manifest_is_explained() -> None:
    table = (DOCS / "models.md").read_text().split("## The manifest")[1].split("\n## ")[0]
    parts = (Manifest, ImageShape, Encoder, Calling, Training, Metric, LiteRT, FileEntry)
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
