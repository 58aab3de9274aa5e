"""How much places differ in whether reads show long homopolymers rather too long or too short.

    python tools/length_tilt.py --reads real.bam --ref genome.fa --truth truth.vcf.gz --confident confident.bed \\
        --table plugins/dvplug_ont/length_errors.npz

What that is, and what it is for: `dvplug_lab/homopolymers/tilt.py`.
"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from dvplug.images.features.length_errors import LengthErrors
from dvplug.system.rich_console import stdout
from dvplug_lab.homopolymers.tilt import find_places, tilt_table
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(*, reads: Path, ref: Path, truth: Path, confident: Path, table: Path) -> None:
    """Print ln of the likelihood of each SD, less that of 0.

    Parameters
    ----------
    reads
        Sorted, indexed BAM.
    ref
        Its reference.
    truth, confident
        Variants of the sample, and where they are complete.
    table
        How the reads err, as tools/learn_length_errors.py learns it.
    """
    errors = LengthErrors.load(table)
    places = find_places(reads, ref, truth, confident, errors.edges)
    stdout.print(tilt_table(places, errors))


if __name__ == "__main__":
    run(app)
