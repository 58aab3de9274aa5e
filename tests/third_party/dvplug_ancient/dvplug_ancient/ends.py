"""The transform: deaminated cytosines lie at the ends of reads, where they are read as T, on the other strand as A."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvplug.hookspecs import RegionContext

UNKNOWN = 4  # base code of what is none of A, C, G, T


def mask_ends(context: RegionContext) -> NDArray[np.bool_]:
    """Mask the ends of all reads, and keep those that are long enough, bool[reads]."""
    reads, settings = context.reads, context.settings
    length = np.diff(reads.base_offset)
    from_start = np.arange(len(reads.seq)) - np.repeat(reads.base_offset[:-1], length)
    from_end = np.repeat(length, length) - 1 - from_start
    masked = np.minimum(from_start, from_end) < settings.ends
    reads.seq[masked], reads.qual[masked] = UNKNOWN, 0
    return np.asarray(reads.end - reads.start >= settings.shortest)
