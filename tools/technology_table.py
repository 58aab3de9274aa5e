"""Tables of docs/technologies.md: what `--tech` makes of usual reads of each technology, or of files of reads.

    python tools/technology_table.py
    python tools/technology_table.py ../shared/data/*/*.bam

The first is of what files usually tell, and needs none; the second says as what files are recognised, and by what.
"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from dvplug.plugins.loading import installed_plugins
from dvplug_lab.script import run
from dvplug_lab.technology_kinds import rows as kinds
from dvplug_lab.technology_table import rows

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(*reads: Path) -> None:
    """Print a table.

    Parameters
    ----------
    reads
        BAM files; none for the table of technologies.
    """
    print("\n".join(rows(reads) if reads else kinds(installed_plugins())))


if __name__ == "__main__":
    run(app)
