"""Compare the false candidates of real and simulated reads: how many there are, and what they are like.

    python tools/compare_candidates.py hg002_illumina work/reads/illumina_held_out --depth 30

Each set is thinned to the depth, so that they can be compared. What real reads have ten times as often as simulated
ones, the network has not learnt to reject.
"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from dvplug_lab.comparison.false_candidates import compare_candidates
from dvplug_lab.comparison.sets import confident_regions, find_set, mean_depth
from dvplug_lab.places import SHARED
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(*sets: str, depth: float = 30.0, tech: str = "illumina-wgs", shared: Path = SHARED) -> None:
    """Print the tables.

    Parameters
    ----------
    sets
        Names of real sets, and folders of simulated ones.
    depth
        To which deeper sets are thinned.
    tech
        Of the folders.
    """
    found = [find_set(name, shared, tech) for name in sets]
    full = [mean_depth(chosen.reads, confident_regions(chosen)) for chosen in found]
    compare_candidates(
        [(chosen, min(1.0, depth / of_set)) for chosen, of_set in zip(found, full, strict=True)]
    )


if __name__ == "__main__":
    run(app)
