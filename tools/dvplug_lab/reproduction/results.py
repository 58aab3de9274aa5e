"""What a table of the reproduction is: where it is measured, its rows, and how they are kept and shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dvplug_lab.places import REPOSITORY

if TYPE_CHECKING:
    from dvplug_lab.reproduction.curves import Given

Row = dict[str, object]
RESULTS = REPOSITORY / "docs" / "reproduce.json"
PAGE = REPOSITORY / "docs" / "reproduce.md"
END = "<!-- end -->"
ALL = "all"
"""Mark behind which stands what all tables took."""
NOT_MEASURED = "Not measured yet: the command above does."
"""Stands in the place of a table that has no figures."""
NUMBER = re.compile(r"-|[\d.,]+%?( to [\d.,]+)?")
"""Cells that are set to the right."""


@dataclass(frozen=True)
class Sizes:
    """How much is simulated, and trained."""

    length: int = 500_000
    """bp of a simulated genome."""
    steps: int = 100
    """Batches that each fit of the post's is shown."""
    batch: int = 64
    """Examples of a batch of the post's."""
    replicates: int = 8
    stretch: int = 939_000
    """bp of b37 that two builds are compared on."""
    trained: int = 200_000
    """bp of another species that a model is trained on, at each density."""
    tuned: int = 1_000_000
    """bp of the sets that chose the epoch of the shipped model, where they are called anew."""
    tuned_sets: int = 2
    """How many of them are tuned on, and how many are tested on."""


QUICK = Sizes(
    length=40_000, steps=4, batch=16, replicates=2, stretch=60_000, trained=40_000, tuned=40_000, tuned_sets=1
)
"""Too small for figures that mean anything; every table is made in seconds."""


@dataclass(frozen=True)
class Setting:
    """Where data lie, where work goes, and how many processes there are."""

    shared: Path
    reads: Path
    """For simulated reads, and what other programs made of any reads."""
    made: Path
    """For what this repository's code made of reads: calls, examples, fits."""
    genomes: Path
    threads: int
    sizes: Sizes
    vcfs: tuple[Given, ...] = ()
    """Of other callers, for Figure 2A."""
    picture: Path = REPOSITORY / "docs" / "figure-2a.png"

    @property
    def length(self) -> int:
        """bp of a simulated genome, where the table does not need another."""
        return self.sizes.length


@dataclass(frozen=True)
class Result:
    """Rows of a table, and what measuring them took: wall minutes, and the largest process in GB (RSS)."""

    rows: Sequence[Row]
    minutes: float
    largest_gb: float
    simulated: int | None = None
    """How many files of reads were simulated in these minutes; the others lay there. None: not counted."""


def read_results(path: Path = RESULTS) -> dict[str, Result]:
    """Read what was measured, by the name of the table."""
    return (
        {name: Result(**one) for name, one in json.loads(path.read_text()).items()} if path.exists() else {}
    )


def write_results(found: Mapping[str, Result], path: Path = RESULTS) -> None:
    """Write what was measured."""
    content = {name: asdict(found[name]) for name in sorted(found)}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def markdown(found: Result) -> str:
    """Return a table of its rows, and what it took."""
    heads = list(found.rows[0])
    numeric = [all(NUMBER.fullmatch(shown(row[head])) for row in found.rows) for head in heads]
    lines = [
        f"| {' | '.join(heads)} |",
        f"|{'|'.join('--:' if one else '---' for one in numeric)}|",
        *(f"| {' | '.join(shown(row[head]) for head in heads)} |" for row in found.rows),
    ]
    return "\n".join([*lines, "", f"Measured in {took(found)}."])


def took(found: Result) -> str:
    """Say what measuring a table took."""
    read = {None: "", 0: ", no reads simulated", 1: ", with its reads"}
    of = read.get(found.simulated, f", with {found.simulated} sets of reads")
    return f"{found.minutes:.1f} minutes{of}; the largest process took {found.largest_gb:.1f} GB"


def shown(value: object) -> str:
    """Write a cell: numbers with commas, nothing as a dash."""
    if value is None:
        return "-"
    return (
        f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
    )


def begin(name: str) -> str:
    """Mark of the page behind which a table stands."""
    return f"<!-- {name}, by tools/reproduce.py -->"


def with_tables(page: str, found: Mapping[str, Result]) -> str:
    """Return the page with every table that was measured behind its mark, and what `ALL` of them took."""
    texts = {name: markdown(one) for name, one in found.items()} | {ALL: total(found)}
    for name, text in texts.items():
        before, mark, rest = page.partition(begin(name))
        if mark:
            _, end, after = rest.partition(END)
            page = f"{before}{mark}\n{text}\n{end}{after}"
    return page


def total(found: Mapping[str, Result]) -> str:
    """Say what measuring all tables took."""
    minutes = sum(one.minutes for one in found.values())
    largest = max(found.values(), key=lambda one: one.largest_gb)
    return f"All tables together took {minutes:.0f} minutes, and the largest process {largest.largest_gb:.1f} GB."
