"""Compare dvplug with bcftools and freebayes on the same reads, by the same truth.

    python tools/compare_callers.py
    python tools/compare_callers.py --sets hg002_illumina path/to/simulated --thin 15 30 --out DIR --json FILE

All three call the same regions (those in which the truth is whole, widened), and `dvplug.evaluate` counts for
all three. bcftools is not filtered, freebayes is by QUAL > 20.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from dvplug_lab.comparison.callers import CallerComparison
from dvplug_lab.comparison.compared import OURS, PEERS, write_json
from dvplug_lab.places import SHARED
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(
    *,
    sets: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    thin: Annotated[list[float], Parameter(consume_multiple=True)] = [15.0],  # noqa: B006
    callers: Annotated[list[str], Parameter(consume_multiple=True)] = [*PEERS, OURS],  # noqa: B006
    model: str | None = None,
    tech: str = "illumina-wgs",
    workers: int = 1,
    shared: Path = SHARED,
    out: Path | None = None,
    json: Path | None = None,
) -> None:
    """Compare dvplug with bcftools and freebayes on the same reads, by the same truth.

    For dvplug also: what its candidates alone would allow, every error, and whether its GQ is true. For all: precision
    against recall by QUAL, and counts by length of homopolymer and by depth.

    Parameters
    ----------
    sets
        A real set, such as hg002_illumina or hg002_hifi; a folder with ref.fa, reads.bam, truth.vcf.gz and
        confident.bed; or a BED file in such a folder, to be used in place of its confident.bed. By default the real
        sets of ``tech``.
    thin
        Mean depths to thin the reads to, beside the full depth; 0 for none.
    callers
        Which of bcftools, freebayes and dvplug to run.
    model
        Model of dvplug, in place of the technology's own.
    tech
        Technology of the reads of folders.
    workers
        Worker processes of dvplug; the peers run so many regions at a time.
    shared
        Folder of the real data.
    out
        Folder to keep all VCFs in, with those of FP and FN per caller; a temporary one by default. Peers are not run
        again where their VCF lies there and is newer than the reads.
    json
        File to write all figures to.
    """
    comparison = CallerComparison(tech, callers, thin, model, workers)
    results = comparison.run(sets or [], shared, out)
    if json:
        write_json(results, json)


if __name__ == "__main__":
    run(app)
