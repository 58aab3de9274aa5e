"""What the engine cannot know of R10 reads: how often they show a homopolymer longer or shorter than it is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dvplug.hookspecs import Scene
from dvplug.images.features.length_errors import LengthErrors
from dvplug.images.features.length_likelihoods import likelihood_features


@cache
def length_errors() -> LengthErrors:
    """Read the table, learnt from real reads by tools/learn_length_errors.py."""
    return LengthErrors.load(Path(__file__).with_name("length_errors.npz"))


def length_likelihoods(scene: Scene) -> NDArray[np.float32]:
    """Measure how likely the reads' lengths are under each genotype, float32[n, 8]."""
    return likelihood_features(scene, length_errors())
