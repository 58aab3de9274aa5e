"""How well homopolymers could be called: a caller that knows how the reads err, beside VCFs of the same reads.

    python tools/length_limits.py --reads work/reads/r10_held_out --profile work/reads/profile.NAME.npz --calls a.vcf.gz

For simulated reads alone, whose error profile is known; how is told in `dvplug_lab/homopolymers/limits.py`.
"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from dvplug.system.rich_console import stdout
from dvplug_lab.homopolymers.limits import limits_table
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(*, reads: Path, profile: Path, calls: list[Path]) -> None:
    """Count errors (FP + FN; a wrong genotype is both) of the best caller and of others.

    Parameters
    ----------
    reads
        Folder of a simulated set, with ref.fa, reads.bam, truth.vcf.gz and confident.bed.
    profile
        What it was simulated with.
    calls
        VCFs of these reads.
    """
    stdout.print(limits_table(reads, profile, calls))


if __name__ == "__main__":
    run(app)
