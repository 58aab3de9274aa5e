"""Measure the CPU time of calling genomes of very many contigs, and reads longer than many partitions (Linux).

    python tools/odd_genomes.py
    python tools/odd_genomes.py --shapes reads-2Mb reads-20kb --scale 0.1

Reference and reads are made up, anew each time, and called by dvplug with one worker and by bcftools.
"""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import App, Parameter

from dvplug.system.rich_console import stdout
from dvplug_lab.script import run
from dvplug_lab.speed.odd_genomes import SHAPES, cost_table

Shape = Literal[
    "contigs-1kb", "contigs-1kb-6x", "contigs-20kb", "contigs-without-reads", "reads-2Mb", "reads-20kb"
]
app = App(help=__doc__, help_format="plaintext")


@app.default
def main(
    *,
    shapes: Annotated[list[Shape], Parameter(consume_multiple=True)] = list(SHAPES),  # type: ignore[arg-type]  # noqa: B006
    scale: float = 1.0,
    seed: int = 1,
) -> None:
    """Measure the CPU time of calling genomes of very many contigs, and very long reads.

    Parameters
    ----------
    shapes
        contigs-1kb: 20,000 of 1 kb at 30x, or at 6x. contigs-20kb: 1,000 of 20 kb. contigs-without-reads: 1,500,000 of
        which 20 have reads. reads-2Mb: twelve over 2.2 Mb. reads-20kb: as many bases in ordinary reads.
    scale
        Of the numbers of contigs, and of the length of the contig under long reads.
    seed
        Of what is made up.
    """
    stdout.print(cost_table(shapes, scale, seed))


if __name__ == "__main__":
    run(app)
