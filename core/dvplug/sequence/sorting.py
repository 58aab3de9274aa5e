"""Sorting and searching for kernels: NumPy's in a kernel take seconds to compile, and these are as fast or faster."""

from __future__ import annotations

import numpy as np

from dvplug.kernel import subkernel
from dvplug.sequence.arrays import Int32s, Int64s, UInt64s

_DIGIT = 8  # bits
_VALUES = 1 << _DIGIT


@subkernel
def radix_sort(keys: UInt64s, bits: int) -> UInt64s:
    """Sort uint64[n] in ascending order by their lowest ``bits``, byte by byte; the array given is lost."""
    other = np.empty(len(keys), np.uint64)
    for shift in range(0, bits, _DIGIT):
        first = np.zeros(_VALUES + 1, np.int64)
        for key in keys:
            first[((key >> np.uint64(shift)) & np.uint64(_VALUES - 1)) + np.uint64(1)] += 1
        most = 0
        for value in range(1, _VALUES + 1):
            most = max(most, first[value])
            first[value] += first[value - 1]
        if most == len(keys):  # all share this byte
            continue
        for key in keys:
            value = (key >> np.uint64(shift)) & np.uint64(_VALUES - 1)
            other[first[value]] = key
            first[value] += 1
        keys, other = other, keys
    return keys


@subkernel
def first_from(ascending: Int32s | Int64s, least: int, begin: int, stop: int) -> int:
    """Index of the first of ``ascending[begin:stop]`` that is not less; ``stop`` if there is none."""
    while begin < stop:
        middle = (begin + stop) // 2
        if ascending[middle] < least:
            begin = middle + 1
        else:
            stop = middle
    return begin
