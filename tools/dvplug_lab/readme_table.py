"""The README's table of errors, from the model cards."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

BEGIN, END = "<!-- from the model cards, by tools/readme_table.py -->", "<!-- end -->"
SET = re.compile(r"^### (?P<name>\w+), mean depth (?P<depth>[\d.]+)$")
ROW = re.compile(
    r"^\| (?P<caller>\w+) \| (?P<kind>SNP|INDEL) \| (?P<tp>\d+) \| (?P<fp>\d+) \| (?P<fn>\d+) \|"
)
CALLERS = ("dvplug", "bcftools", "freebayes")


def errors(card: str) -> dict[str, dict[str, list[int]]]:
    """Return by set and depth, and by caller, [SNP FP, SNP FN, indel FP, indel FN] of a card's text."""
    found: dict[str, dict[str, list[int]]] = {}
    section = None
    for line in card.splitlines():
        if heading := SET.match(line):
            section = found.setdefault(f"{heading['name']}, {float(heading['depth']):.0f}x", {})
        elif line.startswith("#"):
            section = None
        elif section is not None and (row := ROW.match(line)):
            section.setdefault(row["caller"], []).extend((int(row["fp"]), int(row["fn"])))
    return found


def table(cards: Sequence[Path]) -> str:
    """Return the Markdown table of all cards."""
    lines = ["| model | reads | dvplug | bcftools | freebayes |", "|---|---|--:|--:|--:|"]
    for card in cards:
        for name, of in errors(card.read_text()).items():
            cells = [f"{sum(of[caller][:2])} + {sum(of[caller][2:])}" for caller in CALLERS]
            lines.append(f"| [{card.stem}](model_cards/{card.name}) | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def with_table(readme: str, cards: Sequence[Path]) -> str:
    """Return the README's text with the table of these cards between its marks."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(cards)}\n{END}{after}"
