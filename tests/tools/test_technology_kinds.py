"""The table of reads of each technology, called as each: what the page says, and what it has to say."""

from __future__ import annotations

import pytest

from dvplug.plugins.loading import load_plugins
from dvplug_lab.technology_kinds import USUAL, rows
from helpers.places import ROOT

PLUGINS = load_plugins(["illumina", "ion", "ont", "pacbio"])
TABLE = rows(PLUGINS)
CELLS = {
    row[1].strip(): [cell.strip() for cell in row[2:-1]] for row in (line.split("|") for line in TABLE[2:])
}
ALIKE = {"illumina-wgs", "illumina-wes"}
"""The same reads, so that neither is refused for the other."""


def test_the_page_has_the_table() -> None:
    assert "\n".join(TABLE) in (ROOT / "docs" / "technologies.md").read_text(), (
        "python tools/technology_table.py"
    )


def test_every_shipped_technology_is_in_it() -> None:
    assert set(USUAL) == {profile.name for profile in PLUGINS.technologies()}


@pytest.mark.parametrize("name", USUAL)
def test_usual_reads_are_picked_and_called_as_what_they_are_and_refused_as_any_other(name: str) -> None:
    picked, *by_name = CELLS[name]
    assert picked == f"`{name}`"
    for other, cell in zip(USUAL, by_name, strict=True):
        if other == name:
            assert cell == "called"
        else:
            assert cell.startswith("warned: " if {name, other} == ALIKE else "refused: ")


@pytest.mark.parametrize("name", USUAL)
def test_bare_reads_are_never_picked_as_another_technology(name: str) -> None:
    picked, *by_name = CELLS[f"{name}, bare"]
    assert picked == f"`{name}`" or (picked.startswith("stops: ") and name in picked)
    assert by_name[list(USUAL).index(name)] == "called"
