"""The toy's channel: a kernel over all cells, as fast as the engine's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dvplug.hookspecs import Pileup


def stripes(pileup: Pileup, out: NDArray[np.uint8]) -> None:
    """Draw every other column where a read lies; ``out`` is uint8[n, h, w] of zeros."""
    _stripes(pileup.cell, out)


@njit(cache=True)
def _stripes(cell: Any, out: Any) -> None:
    images, rows, columns = cell.shape
    for image in range(images):
        for row in range(rows):
            for column in range(0, columns, 2):
                if cell[image, row, column] >= 0:  # a base, and not the end of a read
                    out[image, row, column] = 255
