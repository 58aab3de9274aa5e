"""The pages are listed, their links lead somewhere, and the files that they name exist."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

from helpers.pages import BLOCK, DOCS, PAGES, README, of_root
from helpers.places import ROOT


def test_all_pages_are_listed_in_the_index() -> None:
    folder = ROOT / "docs"
    listed = links(folder / "README.md")
    missing = [page.name for page in DOCS if str(page.relative_to(folder)) not in ["README.md", *listed]]
    assert not missing


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", page.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=of_root)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        headings = (
            re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE) if target.suffix == ".md" else []
        )
        if not target.exists() or (anchor and anchor not in map(slug, headings)):
            broken.append(link)
    assert not broken


ROOTS = ("core/", "registry/", "plugins/", "tools/", "tests/", "docs/", "model_cards/", ".ci/")
CODE = ROOT / "core" / "dvplug"
TUTORIAL = ROOT / "tests" / "third_party" / "dvplug_toy"


def spelt_out(name: str) -> list[str]:
    """`a/{b,c}.py` stands for two files."""
    before, brace, rest = name.partition("{")
    inner, _, after = rest.partition("}")
    return [f"{before}{each}{after}" for each in inner.split(",")] if brace else [name]


def files_named_in(page: Path) -> list[str]:
    """What stands in backquotes and is a path of ours, from the top or from core/dvplug on, or a file of code."""
    names = re.findall(r"`([\w./{},-]+)`", BLOCK.sub("", page.read_text()))
    ours = [name for name in names if name.startswith(ROOTS) or name.endswith((".py", ".js"))]
    return [each for name in ours for each in spelt_out(name)]


@pytest.mark.parametrize("page", PAGES, ids=of_root)
def test_files_named_in_the_text_exist(page: Path) -> None:
    missing = [
        name
        for name in files_named_in(page)
        if not any((folder / name).exists() for folder in (ROOT, CODE, TUTORIAL))
    ]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=of_root)
def test_modules_and_what_is_in_them_exist(page: Path) -> None:
    for name in re.findall(r"`(dvplug(?:_registry)?(?:\.\w+)+)`", page.read_text()):
        pkgutil.resolve_name(name)


def test_decisions_are_numbered_and_say_the_same_things() -> None:
    records = [page for page in DOCS if page.parent.name == "decisions"]
    assert [page.name[:5] for page in records] == [f"{number:04}-" for number in range(1, len(records) + 1)]
    for number, page in enumerate(records, 1):
        headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
        assert headings[0].startswith(f"{number}. ")
        assert [h for h in headings[1:] if h in ("Context", "Decision", "Instead of", "Consequences")] == [
            "Context",
            "Decision",
            "Instead of",
            "Consequences",
        ]


def test_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    commands = [
        block["body"].strip() for block in BLOCK.finditer(README.read_text()) if "pytest" in block["body"]
    ]
    assert len(commands) == 1
    assert commands[0] in (ROOT / ".ci" / "run").read_text()
