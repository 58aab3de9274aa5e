"""Call the real reads of each technology with the models of all: why technologies are plugins.

python tools/cross_technology.py --shared ../shared/data --out table.md
"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from dvplug.system.rich_console import stdout
from dvplug_lab.comparison.cross_technology import cross_technology
from dvplug_lab.places import SHARED
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(*, shared: Path = SHARED, out: Path | None = None, workers: int = 2) -> None:
    """Print, as Markdown, the errors (FP + FN) of every technology's model on every real set.

    Parameters
    ----------
    shared
        The folder of real data.
    out
        File to write the table to.
    workers
        Worker processes.
    """
    text = cross_technology(shared, workers)
    stdout.print(text, markup=False)
    if out:
        out.write_text(text + "\n")


if __name__ == "__main__":
    run(app)
