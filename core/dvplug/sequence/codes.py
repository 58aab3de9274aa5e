"""Bases as numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BASES = "ACGT"
OTHER = 4
_CODES = bytes((BASES + "N").find(chr(byte).upper()) % 5 if byte < 128 else OTHER for byte in range(256))
_LETTERS = bytes(b"ACGTN"[code] for code in _CODES)


def encode_bases(bases: bytes) -> npt.NDArray[np.uint8]:
    """Encode ASCII bases as uint8[l]: A 0, C 1, G 2, T 3 in either case, everything else 4."""
    return np.frombuffer(bytearray(bases.translate(_CODES)), np.uint8)
