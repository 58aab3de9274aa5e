"""The pages of the documentation, and their parts."""

from __future__ import annotations

import re
from pathlib import Path

from helpers.places import ROOT

README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS]
BLOCK = re.compile(r"^```(?P<language>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
CELL = re.compile(r"(?<!\\)\|")


def of_root(page: Path) -> str:
    """The path of a page as people write it."""
    return str(page.relative_to(ROOT))


def table(page: str, heading: str) -> list[list[str]]:
    """Rows of the first table under a heading of a page of docs/, their cells without spaces around them."""
    text = (ROOT / "docs" / page).read_text().split(f"# {heading}\n")[1]
    rows = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert rows
    return [[cell.strip() for cell in CELL.split(line)[1:-1]] for line in rows[0].splitlines()[2:]]
