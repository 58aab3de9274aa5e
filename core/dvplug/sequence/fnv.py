"""Constants of FNV-1a, a hash of bytes by Fowler, Noll and Vo, for 64 bits."""

from __future__ import annotations

import numpy as np

from dvplug.kernel import subkernel
from dvplug.sequence.arrays import UInt8s

FNV_BASIS, FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
"""What a hash begins with, and what it is multiplied by once each byte is in."""


@subkernel
def fnv_hash(seq: UInt8s, base: int, length: int) -> int:
    """FNV-1a hash of ``seq[base : base + length]``, uint8[bases], as a positive int64."""
    key = FNV_BASIS
    for i in range(length):
        key = (key ^ np.uint64(seq[base + i])) * FNV_PRIME
    return np.int64(key >> np.uint64(1))
