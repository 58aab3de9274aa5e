"""The sex that the depths of X and Y tell, beside the one that the sheet says."""

from __future__ import annotations

from typing import NamedTuple

from dvplug.cohort.measures import SampleMeasures
from dvplug.genome.ploidy import Sex

ONE_X, TWO_X = (0.35, 0.65), (0.8, 1.2)
"""Depth of X over that of autosomes where there is one copy, or two: a half and 1, give or take what capture kits and
GC content do."""
HAS_Y, NO_Y = 0.2, 0.1
"""Depth of Y over that of autosomes, from which on there is one; below which there is none: reads of X and of repeats
are mapped to Y, too."""


class SexByDepth(NamedTuple):
    """What the depths say.

    Attributes
    ----------
    sex
        None where they cannot tell, or are neither's.
    said
        In words: ``one X, Y``.
    """

    sex: Sex | None
    said: str


def sex_by_depth(found: SampleMeasures) -> SexByDepth:
    """Tell the sex of a sample by X, and by Y where that was called; they must not contradict each other."""
    x, y = found.x_ratio, found.y_ratio
    if x is None:
        return SexByDepth(None, "")
    number = 1 if ONE_X[0] <= x <= ONE_X[1] else 2 if TWO_X[0] <= x <= TWO_X[1] else 0
    has_y = None if y is None or NO_Y <= y < HAS_Y else y >= HAS_Y
    said = {0: f"X at {x:.2f} of the depth", 1: "one X", 2: "two X"}[number]
    said += "" if y is None else ", Y" if has_y else f", Y at {y:.2f}" if has_y is None else ", no Y"
    if number == 1 and has_y is not False:
        return SexByDepth("male", said)
    if number == 2 and not has_y:
        return SexByDepth("female", said)
    return SexByDepth(None, said)
