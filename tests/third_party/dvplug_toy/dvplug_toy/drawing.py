"""The toy's channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dvplug.images import Pileup


def stripes(pileup: Pileup) -> NDArray[np.uint8]:
    """Draw every other column, uint8[n, h, w]."""
    pixels = np.zeros(pileup.base.shape, np.uint8)
    pixels[:, :, ::2] = 255
    return pixels
