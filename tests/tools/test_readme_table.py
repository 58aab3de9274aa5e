"""The README's table is that of the model cards."""

from __future__ import annotations

from dvplug_lab.readme_table import with_table
from helpers.places import ROOT


def test_the_readme_shows_what_the_cards_say() -> None:
    cards = sorted((ROOT / "model_cards").glob("*.md"))
    readme = (ROOT / "README.md").read_text()
    assert with_table(readme, cards) == readme, "run python tools/readme_table.py"
    cards = [card for card in cards if not card.stem.endswith(".strategies")]
    assert {card.stem for card in cards} == {folder.name for folder in ROOT.glob("plugins/*/models/*")}
