"""The table of docs/technologies.md: as what `--tech auto` recognises files of reads, and by what.

python tools/technology_table.py ../shared/data/*/*.bam
"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from dvplug_lab.script import run
from dvplug_lab.technology_table import rows

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(*reads: Path) -> None:
    """Print the table.

    Parameters
    ----------
    reads
        BAM files.
    """
    print("\n".join(rows(reads)))


if __name__ == "__main__":
    run(app)
