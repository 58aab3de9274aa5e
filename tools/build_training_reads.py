"""Simulate the reads that the shipped models are trained and measured on: profile, person, reads, mapping.

    python tools/build_training_reads.py train --tech pacbio --shared ../shared/data --out DIR
    python tools/build_training_reads.py benchmark --shared ../shared/data --out DIR

needs `bwa`, `samtools` and `bcftools`, and gives the same reads each time for the same seed. `train` writes
one folder per set of `dvplug_lab/read_sets.py`, as `dvplug_lab/training_reads/build.py` describes it, and per world of
`dvplug_lab/world_sets.py`. `plan` says what the worlds of each technology are and what they cost.
"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from dvplug.genome.bed import read_bed
from dvplug.genome.reference import Reference
from dvplug.simulate.learn.noise import measure_noise
from dvplug_lab.read_sets import sets_of
from dvplug_lab.script import run
from dvplug_lab.training_reads.build import build_benchmark, build_sets
from dvplug_lab.training_reads.costs import plan_text
from dvplug_lab.world_sets import PLANS, scaled, worlds_of

app = App(help=__doc__)


@app.command
def train(
    *,
    shared: Path,
    out: Path,
    tech: str = "illumina-wgs",
    scale: float = 1.0,
    only: tuple[str, ...] = (),
    threads: int = 2,
) -> None:
    """Make all training sets of a technology, or those named.

    Parameters
    ----------
    shared
        The folder of real data (reference/, truth/, illumina/).
    out
        Where the sets are written.
    tech
        The technology.
    scale
        Share of the sequence that is given reads, relative to the full sets.
    only
        Names of the sets to make; all when not given.
    threads
        Threads of the aligner.
    """
    chosen = [one for one in (*sets_of(tech), *worlds_of(tech)) if not only or one.name in only]
    build_sets([scaled(one, scale) for one in chosen], shared, out, threads)


@app.command
def plan(*, tech: tuple[str, ...] = tuple(PLANS), every: bool = False) -> None:
    """Print how many worlds there are, how much of the genome they cover, how many examples, and the CPU time.

    Parameters
    ----------
    tech
        The technologies.
    every
        Print a line for each world, too.
    """
    print(plan_text(tech, every=every))


@app.command
def benchmark(*, shared: Path, out: Path, threads: int = 2) -> None:
    """Make the speed benchmark: 4 Mb of chr20 at an even 30x of 2x150.

    Parameters
    ----------
    shared
        The folder of real data.
    out
        Where the folder `benchmark` is written.
    threads
        Threads of the aligner.
    """
    print(build_benchmark(shared, out, threads))


@app.command
def noise(*, bam: Path, fasta: Path, bed: Path, truth: Path | None = None) -> None:
    """Print how many false alleles a BAM shows per 100 kb, by allele fraction: compare real and simulated.

    Parameters
    ----------
    bam
        Aligned reads.
    fasta
        Their reference.
    bed
        Where to count.
    truth
        Variants whose surroundings are left out.
    """
    with Reference.open(fasta) as reference:
        intervals = read_bed(bed, reference.lengths)
    print(measure_noise(bam, fasta, intervals, truth))


if __name__ == "__main__":
    run(app)
