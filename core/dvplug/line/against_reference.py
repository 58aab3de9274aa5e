"""`AgainstReference`: what reads show of the reference, which who goes along them first may count for those to come."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class AgainstReference(NamedTuple):
    """How many reads show each base of the reference, and how many another one."""

    start: int  # 0-based position of the first base
    min_base_quality: int  # phred; bases below it are not counted
    depth: npt.NDArray[np.int32]  # [l]: reads with a base, or a deletion
    differ: npt.NDArray[np.int32]  # [l], of these: with another base, a deletion, or the base before an indel

    def covers(self, start: int, end: int, min_base_quality: int) -> bool:
        """Whether it tells of these bases, counted from this quality on."""
        inside = self.start <= start and end <= self.start + len(self.depth)
        return inside and min_base_quality == self.min_base_quality
