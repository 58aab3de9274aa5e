"""Learn how often a technology's reads show a homopolymer longer or shorter than it is.

    python tools/learn_length_errors.py --tech ont --shared ../shared/data --out plugins/dvplug_ont/length_errors.npz

From all real reads that the technology's simulated ones are made after (`dvplug_lab/read_sets.py`), together; how much
places differ is what those are made with. The table is what `dvplug.images.features.length_errors` reads; where
it changes, the version of the plugin's encoder has to.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from cyclopts import App

from dvplug.images.features.length_errors import LengthErrors
from dvplug.simulate.learn.context import count_errors, smoothed_changes
from dvplug_lab.read_sets import sets_of
from dvplug_lab.recipes import SHARED
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")

R10_CLASSES = (0.005, 0.01, 0.02)
"""Q23, Q20 and Q17: R10 reads lie on both sides of each."""


@app.default
def learn(
    *, tech: str, shared: Path = SHARED, out: Path, classes: tuple[float, float, float] = R10_CLASSES
) -> None:
    """Write the table.

    Parameters
    ----------
    tech
        The technology.
    shared
        The folder of real data.
    out
        The file to write, .npz.
    classes
        Mean error probabilities, by their base qualities, that part good reads from worse ones.
    """
    edges, noise = np.array(classes), sets_of(tech)[0].noise
    sources = {chosen.profile_bam: chosen.profile_fasta for chosen in sets_of(tech)}
    counts = sum(
        count_errors(shared / bam, shared / fasta if fasta else None, edges=edges)[0].run_change
        for bam, fasta in sorted(sources.items())
    )
    LengthErrors(smoothed_changes(np.asarray(counts)), edges, noise.indel_sd, noise.tilt_sd).save(out)


if __name__ == "__main__":
    run(app)
