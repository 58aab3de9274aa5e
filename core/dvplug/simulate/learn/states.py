"""What the bases of a read that is copied are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

RIGHT, WRONG, FOREIGN, RANDOM, BEHIND = range(5)
"""As sequenced, misread, from elsewhere in the genome, noise, or misread as the base before."""


def is_misread(state: NDArray[np.uint8]) -> NDArray[Any]:
    """Tell which bases show another than their own place has, bool of the shape of ``state``."""
    return (state == WRONG) | (state == BEHIND)


def is_elsewhere(state: NDArray[np.uint8]) -> NDArray[Any]:
    """Tell which bases show nothing of their own place, bool of the shape of ``state``."""
    return (state == FOREIGN) | (state == RANDOM)
