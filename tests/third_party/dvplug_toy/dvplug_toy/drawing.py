"""The toy's channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dvplug.images import Pileup


def stripes(pileup: Pileup, out: NDArray[np.uint8]) -> None:
    """Draw every other column where a read lies; ``out`` is uint8[n, h, w] of zeros."""
    out[:, :, ::2] = np.where(pileup.cell[:, :, ::2] >= 0, 255, 0)
