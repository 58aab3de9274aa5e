"""Sorting and searching for kernels: NumPy's in a kernel take seconds to compile, and these are as fast or faster."""

from __future__ import annotations

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.sequence.arrays import Int32s, Int64s, UInt64s

_DIGIT = 8  # bits
_VALUES = 1 << _DIGIT
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio, odd


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


@kernel(vectorised=True)
def grouped(keys: Int64s, none: int) -> Int64s:
    """Indexes of int64[n], but those of the key ``none``: a key's together, in order of their first ones."""
    by_key = _by_key(keys, none)
    place = np.full(len(keys), -1, np.int32)  # in ``by_key``, of the first ones
    for at in range(len(by_key)):
        if at == 0 or keys[by_key[at]] != keys[by_key[at - 1]]:
            place[by_key[at]] = at
    order, n = np.empty(len(by_key), np.int64), 0
    for i in range(len(keys)):
        at = np.int64(place[i])
        while 0 <= at < len(by_key) and keys[by_key[at]] == keys[i]:
            order[n] = by_key[at]
            n, at = n + 1, at + 1
    return order


@subkernel
def _by_key(keys: Int64s, none: int) -> Int32s:
    """As `grouped`, in order of nothing: keys are put into buckets by a hash, and sorted there.

    The hash is multiplicative (Knuth, The Art of Computer Programming, 6.4).
    """
    bits = 4
    while 1 << bits < len(keys):
        bits += 1
    shift = np.uint64(64 - bits)
    ends = np.zeros((1 << bits) + 1, np.int32)  # of each bucket; at first how many are in the one before
    for key in keys:
        if key != none:
            ends[np.int64(np.uint64(key) * _GOLDEN >> shift) + 1] += 1
    for bucket in range(1 << bits):
        ends[bucket + 1] += ends[bucket]
    begins, by_key = ends.copy(), np.empty(ends[-1], np.int32)
    for i in range(len(keys)):
        if keys[i] != none:
            bucket = np.int64(np.uint64(keys[i]) * _GOLDEN >> shift)
            at = ends[bucket]
            while at > begins[bucket] and keys[by_key[at - 1]] > keys[i]:
                by_key[at] = by_key[at - 1]
                at -= 1
            by_key[at] = i
            ends[bucket] += 1
    return by_key


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
