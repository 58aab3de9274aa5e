"""Compare the false candidates of real and simulated reads: how many there are, and what they are like.

    python tools/compare_candidates.py hg002_illumina work/reads/illumina_held_out --depth 30

Sets that are deeper are thinned, and counted is where each is about so deep: at another depth an error is another share
of the reads. What real reads have ten times as often as simulated ones, the network has not learnt to reject.
"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from dvplug_lab.comparison.false_candidates import compare_candidates
from dvplug_lab.comparison.sets import find_set
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
        At which they are compared.
    tech
        Of the folders.
    """
    compare_candidates([find_set(name, shared, tech) for name in sets], depth)


if __name__ == "__main__":
    run(app)
