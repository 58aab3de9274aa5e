"""Genotypes of long indels: told by how many reads have them.

A network is trained on indels that an image shows whole. Of long ones whose reads were found together, the finder knows
which read has which allele, and that is what there is to be known.
"""

from __future__ import annotations

import numpy as np

from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.image_batch import NO_ALT
from dvplug.line.scene import ImageAlts
from dvplug.sequence.arrays import Float32s

WRONG_READ = 0.04
"""Chance that a read was given another allele than it has."""
UNSURE = 0.002
"""Chance that reads are not what they seem: no genotype is surer."""


def told_by_counts(probabilities: Float32s, candidates: CandidateBatch, alts: ImageAlts) -> Float32s:
    """Return float32[n, 3], where those of images of a pooled alt are what the counts of reads say.

    Parameters
    ----------
    probabilities
        float32[n, 3] of the network: of no, one and two copies of the alts that an image stands for.
    """
    if candidates.pooled is None or not candidates.pooled.any():
        return probabilities
    first, second = alts.alt_set.T.astype(np.int64)
    is_pair = second != NO_ALT
    pooled = candidates.pooled[alts.site, first]
    pooled = pooled | (is_pair & candidates.pooled[alts.site, np.where(is_pair, second, first)])
    own = np.flatnonzero(pooled)
    if not len(own):
        return probabilities
    depths = candidates.allele_depths[alts.site[own]].astype(np.float64)
    row = np.arange(len(own))
    alt = depths[row, 1 + first[own]] + np.where(is_pair[own], depths[row, 1 + second[own]], 0.0)
    other = depths.sum(axis=1) - alt
    has = np.array([WRONG_READ, 0.5, 1 - WRONG_READ])
    log = alt[:, None] * np.log(has) + other[:, None] * np.log(1 - has)
    p = np.exp(log - log.max(axis=1, keepdims=True))
    p = (1 - UNSURE) * p / p.sum(axis=1, keepdims=True) + UNSURE / 3
    told = probabilities.copy()
    told[own] = p
    return told
