"""Constants of FNV-1a, a hash of bytes by Fowler, Noll and Vo, for 64 bits."""

from __future__ import annotations

import numpy as np

FNV_BASIS, FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
"""What a hash begins with, and what it is multiplied by once each byte is in."""
