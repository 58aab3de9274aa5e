"""Bases as numbers."""

from __future__ import annotations

import numpy as np

from dvplug.sequence.arrays import UInt8s

BASES = "ACGT"
UNKNOWN_BASE = 4  # every letter but these four; the codes of bases lie below
SAME_BASE = 5  # "=" in a read: the reference's base (SAM, section 1.4.10); `reads` writes it out
_CODES = bytes(
    (BASES + "N").find(chr(byte).upper()) % 5 if byte < 128 else UNKNOWN_BASE for byte in range(256)
)
_CODES_OF_READS = _CODES[: ord("=")] + bytes([SAME_BASE]) + _CODES[ord("=") + 1 :]
_LETTERS = bytes(b"ACGTN"[code] for code in _CODES)  # of ASCII bases: upper-case, N for what is none
_LETTER_OF_CODE = b"ACGTN".ljust(256, b"N")


def encode_bases(bases: bytes) -> UInt8s:
    """Encode ASCII bases as uint8[l]: A 0, C 1, G 2, T 3 in either case, everything else 4."""
    return np.frombuffer(bytearray(bases.translate(_CODES)), np.uint8)


def encode_read_bases(bases: bytes) -> UInt8s:
    """Encode the SEQ of reads as `encode_bases` does, but "=" as `SAME_BASE`."""
    return np.frombuffer(bytearray(bases.translate(_CODES_OF_READS)), np.uint8)


def decode_bases(codes: UInt8s) -> str:
    """Decode uint8[l] base codes, `UNKNOWN_BASE` as N."""
    return codes.tobytes().translate(_LETTER_OF_CODE).decode("ascii")


def plain_bases(bases: bytes) -> str:
    """Decode ASCII bases as upper-case A, C, G, T, and N for everything else."""
    return bases.translate(_LETTERS).decode("ascii")
