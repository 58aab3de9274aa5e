"""FASTQ text in byte arrays: what records of short and long reads have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvplug.kernel import subkernel

NAME_DIGITS = 10
RECORD_BYTES = NAME_DIGITS + 7
"""Of a record beside its bases and qualities: the name's line, the line with ``+``, and the ends of the others."""


@subkernel
def write_name(out: NDArray[np.uint8], at: int, number: int) -> int:
    """Write the line ``@rNUMBER`` into ``out``, uint8[bytes], from ``at`` on; return where the bases begin."""
    out[at], out[at + 1] = ord("@"), ord("r")
    for digit in range(NAME_DIGITS):
        out[at + 1 + NAME_DIGITS - digit] = 48 + number % 10
        number //= 10
    at += NAME_DIGITS + 2
    out[at] = 10
    return at + 1


@subkernel
def write_plus(out: NDArray[np.uint8], at: int) -> int:
    """End the bases at ``at``; return where the qualities begin."""
    out[at], out[at + 1], out[at + 2] = 10, 43, 10
    return at + 3
