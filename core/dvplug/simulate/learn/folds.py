"""How often reads begin on the other strand of nearby sequence: strands that folded when the library was made.

No truth is used: clipped begins of good quality are looked for, base by base, on the other strand around them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.sequence.codes import encode_bases
from dvplug.simulate.genome import COMPLEMENT, Codes

PROBE = 16
"""bp next to where an alignment begins that are looked for."""
NEARBY = 1000
"""bp to either side in which they are."""


class Folds(NamedTuple):
    """Begins of reads that are of elsewhere."""

    share: float  # of them, those that are of the other strand nearby
    distance: NDArray[np.int64]
    """[k], bp from the first base that is of the read's own place back to the last one before it, which is of the other
    strand; negative where that lies further on."""


class FoldCounts:
    """Counts over reads that begin with a clip."""

    def __init__(self) -> None:
        self.begins = 0
        self.distance: list[int] = []

    def add(self, read: pysam.AlignedSegment, at: int, length: int, reference: Codes, start: int) -> None:
        """Count a clip, ``length`` bp from base ``at`` of the aligned read on, if the read was begun there.

        Those shorter than `PROBE` do not count. ``reference``, uint8[bp], begins at the position ``start``.
        """
        left = at == 0
        if length < PROBE or left == read.is_reverse:
            return
        self.begins += 1
        probe = read.query_sequence[length - PROBE : length] if left else read.query_sequence[at : at + PROBE]
        own = (read.reference_start if left else read.reference_end - 1) - start
        near = max(own - NEARBY, 0)
        wanted = COMPLEMENT[encode_bases(probe.encode())][::-1].tobytes()
        found = reference[near : own + NEARBY].tobytes().find(wanted)
        if found >= 0:
            self.distance.append(own - near - found if left else near + found + PROBE - 1 - own)

    def folds(self) -> Folds:
        """Return what was found."""
        return Folds(len(self.distance) / max(self.begins, 1), np.array(self.distance, np.int64))
