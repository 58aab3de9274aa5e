"""The pages are listed, their links lead somewhere, and the files that they name exist."""

from __future__ import annotations

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


def test_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    commands = [
        block["body"].strip() for block in BLOCK.finditer(README.read_text()) if "pytest" in block["body"]
    ]
    assert len(commands) == 1
    assert commands[0] in (ROOT / ".ci" / "run").read_text()
