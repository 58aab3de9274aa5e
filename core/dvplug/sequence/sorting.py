"""Sorting and searching for kernels: NumPy's in a kernel take seconds to compile, and these are as fast or faster."""

from __future__ import annotations

import numpy as np

from dvplug.kernel import subkernel
from dvplug.sequence.arrays import UInt64s

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
def drop_repeats(ordered: UInt64s) -> UInt64s:
    """Keep each of uint64[n], ascending, once; they are moved to the front, and that part is returned."""
    n = 0
    for key in ordered:
        if n == 0 or key != ordered[n - 1]:
            ordered[n] = key
            n += 1
    return ordered[:n]


@subkernel
def place_of(ordered: UInt64s, key: int) -> int:
    """Index of a key in uint64[n], ascending, where it is."""
    low, high = 0, len(ordered)
    while low + 1 < high:
        middle = (low + high) // 2
        if ordered[middle] <= key:
            low = middle
        else:
            high = middle
    return low
