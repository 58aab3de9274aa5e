"""Bases of reads beside the reference's: of eight at a time it is asked whether any is worth a look.

Few are: of short reads most bases are the reference's, and of good quality.
"""

from __future__ import annotations

import numpy as np

from dvplug.kernel import subkernel
from dvplug.sequence.arrays import UInt8s
from dvplug.sequence.codes import UNKNOWN_BASE

_EACH = 0x0101010101010101  # of eight bytes
_TOP = 0x80


@subkernel
def next_difference(seq: UInt8s, reference: UInt8s, shift: int, at: int, last: int) -> int:
    """First index from ``at`` on where a base differs from the reference; ``last`` where none before that does.

    No slices are taken, which would be counted: that takes longer than to look at a read.

    Parameters
    ----------
    seq, reference
        uint8[n] and uint8[l], base codes.
    shift
        The base at ``i`` lies on ``reference[i + shift]``.
    """
    whole = min(last, len(seq) - 7, len(reference) - shift - 7)  # what lies behind ``last`` is looked at, too
    while at < whole:
        differ = eight_bytes(seq, at) ^ eight_bytes(reference, at + shift)
        if differ != 0:
            return min(at + _zero_bytes(differ), last)
        at += 8
    while at < last and seq[np.uint64(at)] == reference[np.uint64(at + shift)]:
        at += 1
    return min(at, last)


@subkernel
def count_mismatches(seq: UInt8s, reference: UInt8s, shift: int, at: int, last: int, enough: int) -> int:
    """How many bases from ``at`` up to ``last`` differ from the reference; no more are looked at after ``enough`` do.

    Parameters
    ----------
    seq, reference, shift
        As of `next_difference`.
    """
    count, whole = 0, min(last, len(reference) - shift) - 7
    while at < whole and count < enough:
        differ = eight_bytes(seq, at) ^ eight_bytes(reference, at + shift)
        differ |= differ >> np.uint64(1) | differ >> np.uint64(2)  # of codes of three bits
        count += np.int64((differ & np.uint64(_EACH)) * np.uint64(_EACH) >> np.uint64(56))
        at += 8
    while at < last and count < enough:
        count += seq[np.uint64(at)] != reference[np.uint64(at + shift)]
        at += 1
    return count


@subkernel
def next_unlike(
    seq: UInt8s, qual: UInt8s, reference: UInt8s, least: int, shift: int, at: int, last: int
) -> int:
    """First index from ``at`` on where a base differs, or is not `is_known_base`; ``last`` where none before that does.

    Parameters
    ----------
    seq, reference, shift
        As of `next_difference`.
    qual
        uint8[n], phred.
    least
        phred that is sufficient, 0 to 128.
    """
    unknown, top = np.uint64(UNKNOWN_BASE * _EACH), np.uint64(_TOP * _EACH)
    lowest = np.uint64(least) * np.uint64(_EACH)
    whole = min(last, len(seq) - 7, len(reference) - shift - 7)
    while at < whole:
        bases, qualities = eight_bytes(seq, at), eight_bytes(qual, at)
        poor = ~(((qualities | top) - lowest) | qualities) & top  # byte by byte, as nothing is borrowed
        unlike = (bases ^ eight_bytes(reference, at + shift)) | (bases & unknown) | poor
        if unlike != 0:
            return min(at + _zero_bytes(unlike), last)
        at += 8
    while (
        at < last
        and seq[np.uint64(at)] == reference[np.uint64(at + shift)]
        and is_known_base(seq[np.uint64(at)], qual[np.uint64(at)], least)
    ):
        at += 1
    return min(at, last)


@subkernel
def alike_from(seq: UInt8s, qual: UInt8s, least: int, at: int, other: int, most: int) -> int:
    """How many of two reads' bases agree and are `is_known_base`, both, from ``at`` and ``other`` on; at most ``most``.

    Parameters
    ----------
    seq, qual
        uint8[n], base codes and phred of all reads.
    least
        phred that is sufficient, 0 to 128.
    """
    unknown, top = np.uint64(UNKNOWN_BASE * _EACH), np.uint64(_TOP * _EACH)
    lowest = np.uint64(least) * np.uint64(_EACH)
    done, whole = 0, min(most, len(seq) - 7 - max(at, other))
    while done < whole:
        bases = eight_bytes(seq, at + done)
        one, two = eight_bytes(qual, at + done), eight_bytes(qual, other + done)
        known = (((one | top) - lowest) | one) & (((two | top) - lowest) | two)
        unlike = (bases ^ eight_bytes(seq, other + done)) | (bases & unknown) | (~known & top)
        if unlike != 0:
            return min(done + _zero_bytes(unlike), most)
        done += 8
    while (
        done < most
        and seq[np.uint64(at + done)] == seq[np.uint64(other + done)]
        and is_known_base(seq[np.uint64(at + done)], qual[np.uint64(at + done)], least)
        and qual[np.uint64(other + done)] >= least
    ):
        done += 1
    return min(done, most)


@subkernel
def _zero_bytes(value: int) -> int:
    """How many of its lowest bytes are 0, of a uint64 that is not 0 itself."""
    below = (value & (~value + np.uint64(1))) - np.uint64(1)  # all bits below the lowest that is set
    return np.int64((below >> np.uint64(7) & np.uint64(_EACH)) * np.uint64(_EACH) >> np.uint64(56))


@subkernel
def is_known_base(base: int, quality: int, least: int) -> bool:
    """Whether a base code is one of A, C, G and T and its quality sufficient."""
    return (base < UNKNOWN_BASE) & (quality >= least)


@subkernel
def eight_bytes(data: UInt8s, at: int) -> int:
    """The bytes of uint8[n] from ``at`` on as one number, uint64; the compiler loads them at once."""
    i = np.uint64(at)
    return (
        np.uint64(data[i])
        | np.uint64(data[i + np.uint64(1)]) << np.uint64(8)
        | np.uint64(data[i + np.uint64(2)]) << np.uint64(16)
        | np.uint64(data[i + np.uint64(3)]) << np.uint64(24)
        | np.uint64(data[i + np.uint64(4)]) << np.uint64(32)
        | np.uint64(data[i + np.uint64(5)]) << np.uint64(40)
        | np.uint64(data[i + np.uint64(6)]) << np.uint64(48)
        | np.uint64(data[i + np.uint64(7)]) << np.uint64(56)
    )
