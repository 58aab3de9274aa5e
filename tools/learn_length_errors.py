"""Learn how often a technology's reads show a homopolymer longer or shorter than it is.

    python tools/learn_length_errors.py --tech ont --shared ../shared/data --out plugins/dvplug_ont/length_errors.npz

From all real reads that the technology's simulated ones are made after (`simulate/read_sets.py`), together. The table
is what `dvplug.length_likelihoods` reads; where it changes, the version of the plugin's encoder has to.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from cyclopts import App

from dvplug.length_likelihoods import LengthErrors
from recipes import SHARED
from script import run
from simulate.context import count_errors, smoothed_changes
from simulate.read_sets import sets_of

app = App(help=__doc__, help_format="plaintext")

READ_CLASSES = np.array([0.005, 0.01, 0.02])
"""Mean error probabilities that part the classes of reads: R10 reads of Q23, Q20 and Q17."""


@app.default
def learn(*, tech: str, shared: Path = SHARED, out: Path) -> None:
    """Write the table.

    Parameters
    ----------
    tech
        The technology.
    shared
        The folder of real data.
    out
        The file to write, .npz.
    """
    sources = {chosen.profile_bam: chosen.profile_fasta for chosen in sets_of(tech)}
    counts = sum(
        count_errors(shared / bam, shared / fasta if fasta else None, edges=READ_CLASSES)[0].run_change
        for bam, fasta in sorted(sources.items())
    )
    LengthErrors(smoothed_changes(np.asarray(counts)), READ_CLASSES).save(out)


if __name__ == "__main__":
    run(app)
