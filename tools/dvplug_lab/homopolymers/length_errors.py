"""How often a technology's reads show a homopolymer longer or shorter than it is: the table of its encoder.

Learnt from all real reads that the technology's simulated ones are made after (`read_sets.py`), together; how much
places differ is what those are made with.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dvplug.images.features.length_errors import LengthErrors
from dvplug.simulate.learn.context import smoothed_changes
from dvplug.simulate.learn.error_counts import count_errors
from dvplug_lab.read_sets import sets_of

R10_CLASSES = (0.005, 0.01, 0.02)
"""Q23, Q20 and Q17: R10 reads lie on both sides of each."""


def learn_length_errors(
    tech: str, shared: Path, classes: tuple[float, float, float] = R10_CLASSES
) -> LengthErrors:
    """Learn a technology's table; ``classes`` are mean error probabilities that part good reads from worse ones."""
    edges, noise = np.array(classes), sets_of(tech)[0].noise
    sources = {chosen.profile_bam: chosen.profile_fasta for chosen in sets_of(tech)}
    counts = sum(
        count_errors(shared / bam, shared / fasta if fasta else None, edges=edges)[0].run_change
        for bam, fasta in sorted(sources.items())
    )
    return LengthErrors(smoothed_changes(np.asarray(counts)), edges, noise.indel_sd, noise.tilt_sd)
