"""How reads end in the other strand of nearby sequence: strands that folded when the library was made.

No truth is used: clipped ends of good quality are looked for, base by base, on the other strand around them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.sequence.codes import encode_bases
from dvplug.simulate.genome import COMPLEMENT, Codes

PROBE = 16
"""bp next to where an alignment ends that are looked for."""
NEARBY = 1000
"""bp to either side in which they are."""


class Folds(NamedTuple):
    """Ends of reads that are of elsewhere.

    Distances are those from the last base that a read shares with its alignment to the first one beyond, which is of
    the other strand, in bp along the read: negative where it lies behind.
    """

    share: float  # of them, those that are of the other strand nearby
    first: NDArray[np.int64]  # [k], distances of those that reads begin with, from there to the read's begin
    last: NDArray[np.int64]  # [k], of those that reads end with


def no_folds() -> Folds:
    """Return what is known of reads of which nothing folds."""
    return Folds(0.0, np.zeros(0, np.int64), np.zeros(0, np.int64))


class FoldCounts:
    """Counts over reads whose ends are clipped."""

    def __init__(self) -> None:
        self.ends = 0
        self.first: list[int] = []
        self.last: list[int] = []

    def add(self, read: pysam.AlignedSegment, at: int, length: int, reference: Codes, start: int) -> None:
        """Count a clipped end, ``length`` bp from base ``at`` of the read on; shorter ones than `PROBE` do not count.

        ``reference``, uint8[bp], begins at the position ``start``.
        """
        if length < PROBE:
            return
        self.ends += 1
        left = at == 0
        probe = read.query_sequence[length - PROBE : length] if left else read.query_sequence[at : at + PROBE]
        last = (read.reference_start if left else read.reference_end - 1) - start
        near = max(last - NEARBY, 0)
        wanted = COMPLEMENT[encode_bases(probe.encode())][::-1].tobytes()
        found = reference[near : last + NEARBY].tobytes().find(wanted)
        if found < 0:
            return
        other = near + found if left else near + found + PROBE - 1
        (self.last if left == read.is_reverse else self.first).append(last - other if left else other - last)

    def folds(self) -> Folds:
        """Return what was found."""
        share = (len(self.first) + len(self.last)) / max(self.ends, 1)
        return Folds(share, np.array(self.first, np.int64), np.array(self.last, np.int64))
