"""Compare errors of real and simulated reads: by kind, by base quality, by length of homopolymer.

    python tools/compare_profiles.py --real REAL.bam --real-ref REF.fa --simulated DIR

where DIR is a folder of `build_training_reads.py`. Both are counted alike: primary alignments, sites masked where many
reads agree on another allele, no truth.
"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from dvplug_lab.read_comparison import compare_profiles
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(
    *,
    real: Path,
    simulated: Path,
    real_ref: Path | None = None,
    most: int = 20_000_000,
    out: Path | None = None,
) -> None:
    """Print the tables, and write them as Markdown.

    Parameters
    ----------
    real
        BAM of real reads.
    simulated
        Folder with reads.bam and ref.fa.
    real_ref
        Reference of the real reads; not needed where they have MD tags.
    most
        Aligned bases of either to count, about.
    out
        Markdown file to write.
    """
    compare_profiles(real, simulated, real_ref, most, out)


if __name__ == "__main__":
    run(app)
