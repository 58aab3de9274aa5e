"""Tags of BAM records, found by kernels (SAM specification, section 4.2.4)."""

from __future__ import annotations

import numpy as np

from dvplug.kernel import subkernel
from dvplug.sequence.arrays import UInt8s

TAG_HEAD = 3
"""Bytes of a tag's name and type."""
_TEXT, _HEXADECIMAL = b"ZH"
ARRAY_TYPE = ord("B")
ARRAY_HEAD = 5
"""Bytes of the type and the number of an array's values, before these."""
NO_TAG, UNREADABLE = -1, -2
# Bytes of a value by the letter of its type; 0 where that is not fixed.
_SIZES = np.zeros(256, np.int64)
for _letters, _size in ((b"AcC", 1), (b"sS", 2), (b"iIf", 4), (b"d", 8)):
    _SIZES[list(_letters)] = _size


@subkernel
def size_of_value(letter: int) -> int:
    """Bytes of a value of this type; 0 where that is not fixed."""
    return _SIZES[letter]


@subkernel
def uint32_at(data: UInt8s, at: int) -> int:
    """A little-endian uint32 at this byte of uint8[n], as int64; loaded at once, as no such index is below 0."""
    i = np.uint64(at)
    return (
        np.int64(data[i])
        | np.int64(data[i + np.uint64(1)]) << 8
        | np.int64(data[i + np.uint64(2)]) << 16
        | np.int64(data[i + np.uint64(3)]) << 24
    )


@subkernel
def is_text(letter: int) -> bool:
    """Whether values of this type end with a zero."""
    return (letter == _TEXT) | (letter == _HEXADECIMAL)


@subkernel
def array_count(data: UInt8s, value: int) -> int:
    """Number of values of an array whose type lies at this byte of uint8[n]."""
    return uint32_at(data, value + 1)


@subkernel
def find_tag(data: UInt8s, first: int, last: int, one: int, two: int) -> int:
    """Where a tag begins whose value lies whole before ``last``; `NO_TAG`, or `UNREADABLE` where tags cannot be read.

    Parameters
    ----------
    data
        uint8[n] of BAM.
    first, last
        Where the record's tags begin and end.
    one, two
        Its two letters. The first tag of that name counts; those behind it are not looked at.
    """
    at = first
    while at < last:
        if at + TAG_HEAD > last:
            return UNREADABLE
        value, letter = at + TAG_HEAD, data[at + 2]
        if is_text(letter):
            end = value
            while end < last and data[end] != 0:
                end += 1
            after = end + 1
        elif letter == ARRAY_TYPE:
            if value + ARRAY_HEAD > last or _SIZES[data[value]] == 0:
                return UNREADABLE
            after = value + ARRAY_HEAD + array_count(data, value) * _SIZES[data[value]]
        elif _SIZES[letter] == 0:
            return UNREADABLE
        else:
            after = value + _SIZES[letter]
        if after > last:
            return UNREADABLE
        if data[at] == one and data[at + 1] == two:
            return at
        at = after
    return NO_TAG
