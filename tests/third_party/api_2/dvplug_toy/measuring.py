"""The toy's features: how many reads have the alts of an image, and which share of all they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvplug.hookspecs import Scene


def alt_counts(scene: Scene) -> NDArray[np.float32]:
    """Measure each image, float32[n, 2]: reads of its alts, of 100, and of the reads that tell an allele."""
    site, alt_set = scene.images
    depths = scene.candidates.allele_depths[site]  # [n, alleles]: of REF, then of each alt
    of_alts = np.take_along_axis(depths, alt_set.astype(int) + 1, axis=1)
    of_alts[alt_set < 0] = 0  # images that stand for one alt have no second
    reads = of_alts.sum(axis=1)
    return np.stack([reads / 100, reads / np.maximum(scene.candidates.depth[site], 1)], axis=1).astype("f4")
