"""How many reads make an indel a candidate.

Where a person has two indels at a site, slips in length spread the reads over so many that the second one often stays
below the threshold. So beside one that reaches it, where few reads show the reference, a part of the share suffices;
also for what changes the length by 2 bp or more, as slips are mostly by one.
"""

from __future__ import annotations

import numpy as np

from dvplug.sequence.arrays import Bools, Int32s, Int64s
from dvplug.technology import CandidateThresholds

_SHOWN = 0.4
"""Share of the reads that show some indel at the site, from which on one beside another needs fewer reads."""


def indels_enough(
    anchor: Int64s, change: Int64s, counts: Int64s, depth: Int32s, thresholds: CandidateThresholds
) -> Bools:
    """Whether so many reads suffice for an indel, bool[n].

    Parameters
    ----------
    anchor, change
        int64[n]: where each indel begins, ascending, and by how many bp it is longer than the reference.
    counts, depth
        int64[n], int32[n]: reads that show it, and all over its anchor.
    """
    least = thresholds.min_fraction_indels * depth - 1e-9
    enough: Bools = counts >= np.maximum(thresholds.min_count_indels, least)
    if thresholds.further_indels == 1:
        return enough
    fewer = counts >= np.maximum(thresholds.min_count_indels + 1, thresholds.further_indels * least)
    site = np.concatenate(([0], np.cumsum(np.diff(anchor) != 0)))
    beside = np.bincount(site, enough)[site] > 0
    beside &= np.bincount(site, counts)[site] >= _SHOWN * depth - 1e-9
    return enough | (fewer & (beside | (abs(change) > 1)))
