"""Measure what reads that are unlike those trained on cost in accuracy; prints Markdown.

    python tools/measure_shifts.py --out DIR
    python tools/measure_shifts.py --sets hg002_ont --shifts quality-8 mapq-42 --thin 0 --out DIR

calls validation sets as they are and under each shift (`shift_reads.py` makes such reads), and libraries with a SNP
every few bases or of amplicons (--tech). A shift may cost half as many errors again, and three.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from dvplug_lab.places import SHARED
from dvplug_lab.script import run
from dvplug_lab.shifts.measure import measure_libraries, measure_shifts

app = App(help=__doc__, help_format="plaintext")
Several = Parameter(consume_multiple=True)
SETS = ["hg002_illumina", "na12878_illumina"]
OF_ILLUMINA = ["single", "quality-8", "quality-flat20", "quality-flat25", "quality-nextseq", "quality-none"]


@app.default
def main(
    *,
    out: Path,
    sets: Annotated[list[str], Several] = SETS,
    shifts: Annotated[list[str], Several] = OF_ILLUMINA,
    thin: Annotated[list[float], Several] = [30.0],  # noqa: B006
    tech: str | None = None,
    shared: Path = SHARED,
) -> None:
    """Measure what unusual reads cost.

    Parameters
    ----------
    out
        Folder for reads and calls.
    sets
        Names of real sets, or folders, as `compare_callers.py` takes them.
    shifts
        What is done to their reads; several joined by + one after the other.
    thin
        Mean depths to thin the reads to, beside the full depth; 0 for none.
    tech
        Also call unusual libraries as this short-read technology.
    shared
        Folder of the real data.
    """
    print("| set | reads | depth | variants | errors |\n|---|---|--:|--:|--:|")
    for cost in measure_shifts(sets, shifts, thin, shared, out):
        print(cost.row, flush=True)
    if tech:
        for cost in measure_libraries(tech, shared, out):
            print(cost.row, flush=True)


if __name__ == "__main__":
    run(app)
