"""Blocks of bases with like confidence that the sample is reference there.

The confidence is DeepVariant's: with an error rate e per base, n_ref reads that agree with the reference and n_alt
that do not are (1 - e)^n_ref e^n_alt likely under 0/0, 2^-(n_ref + n_alt) under 0/1 and e^n_ref (1 - e)^n_alt under
1/1, and the three are equally probable beforehand.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.line.reference_blocks import ReferenceBlocks
from dvplug.records.reference_depths import DepthArrays, ReferenceDepths
from dvplug.records.vcf import MAX_PL
from dvplug.sequence.arrays import Bools, Int32s, Int64s
from dvplug.sequence.codes import UNKNOWN_BASE

MAX_GQ, GQ_BIN = 40, 10
"""A block holds bases whose GQ lies in one bin of 10, the last being 40: one wrong base among 30 then ends no block.
DeepVariant's bins of 5 up to 50 give 1.6 times as many lines, which say little more."""
SINGLES = 100
"""Bases at the start of a region that come one by one: a deletion of the region before may cover some of them."""
NO_COVERAGE = -1  # bin of the bases that no read tells of
_MOST_AGREE, _MOST_DIFFER = 256, 8  # the confidences of fewer reads are kept, as most bases share them
_PL_BITS, _GQ_BITS = 10, 6  # MAX_PL is below 2^10, MAX_GQ below 2^6
_PL_MASK, _GQ_MASK = (1 << _PL_BITS) - 1, (1 << _GQ_BITS) - 1
_GQ_SHIFT = 3 * _PL_BITS
_HAPLOID_SHIFT = _GQ_SHIFT + _GQ_BITS + 1


class _Taken(NamedTuple):
    """Where records lie, by their start: int32[r] both, offsets in the region."""

    start: Int32s
    end: Int32s


def reference_blocks(
    depths: ReferenceDepths, start: Int32s, end: Int32s, haploid: Bools | None, error_rate: float
) -> ReferenceBlocks:
    """Return the blocks of a region, which lie where the reference is known and no record does.

    Parameters
    ----------
    start, end
        int32[r]: where records begin and end, by their start.
    haploid
        bool[b], over bases of the region: where heterozygotes are impossible; None where that is nowhere.
    error_rate
        Chance that a read's base is wrong.
    """
    first = depths.region.start
    anywhere = np.zeros(0, np.bool_) if haploid is None else haploid
    taken = _Taken(start - np.int32(first), end - np.int32(first))
    return _blocks(depths.arrays(), first, taken, anywhere, _known(error_rate), error_rate)


@lru_cache(maxsize=1)
def _known(error_rate: float) -> Int64s:
    """The confidences of diploids by reads that agree and that differ, -1 where they were not worked out yet."""
    return np.full((_MOST_AGREE, _MOST_DIFFER), np.int64(-1))


@subkernel
def bin_of(gq: int, min_dp: int) -> int:
    """What the bases of a block share: the bin of GQ, `NO_COVERAGE` where no read tells of them."""
    return gq // GQ_BIN if min_dp > 0 else NO_COVERAGE


@kernel
def _blocks(
    depths: DepthArrays, first: int, taken: _Taken, haploid: Bools, known: Int64s, error_rate: float
) -> ReferenceBlocks:
    """Blocks of a region that begins at ``first``; ``haploid`` is empty where no base is, ``known`` is of `_known`."""
    size, reference = len(depths.reference), depths.reference
    start, end, base = np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, np.uint8)
    least_dp, least = np.empty(size, np.int32), np.empty(size, np.int64)
    n, at = 0, 0
    record, until = 0, 0  # where the records that began end
    while at < size:
        while record < len(taken.start) and taken.start[record] <= at:
            until = max(until, np.int64(taken.end[record]))
            record += 1
        if at < until or reference[at] == UNKNOWN_BASE:
            at = max(at + 1, until)
            continue
        start[n], base[n] = first + at, reference[at]
        stop = min(np.int64(taken.start[record]), size) if record < len(taken.start) else size
        open_dp = depths.agree[np.uint64(at)] + depths.differ[np.uint64(at)]
        open_least = _known_sureness(depths, at, haploid, known)
        if open_least < 0:
            open_least = _sureness(depths, at, haploid, known, error_rate)
        low, high = _bounds(open_least)
        at += 1
        while SINGLES < at < stop and reference[np.uint64(at)] != UNKNOWN_BASE:
            sureness = _known_sureness(depths, at, haploid, known)
            if not (low <= sureness < high):
                if sureness >= 0:
                    break
                sureness = _sureness(depths, at, haploid, known, error_rate)
                if not (low <= sureness < high):
                    break
            open_dp = min(open_dp, depths.agree[np.uint64(at)] + depths.differ[np.uint64(at)])
            open_least = min(open_least, sureness)
            at += 1
        end[n], least_dp[n], least[n] = first + at, open_dp, open_least
        n += 1
    of_haploids, gq, pl = np.empty(n, np.bool_), np.empty(n, np.uint8), np.empty((n, 3), np.int16)
    for block in range(n):
        of_haploids[block] = least[block] >> _HAPLOID_SHIFT & 1
        gq[block] = least[block] >> _GQ_SHIFT & _GQ_MASK
        for genotype in range(3):
            pl[block, genotype] = (least[block] >> (_PL_BITS * (2 - genotype))) & _PL_MASK
    return ReferenceBlocks(
        start[:n].copy(), end[:n].copy(), base[:n].copy(), of_haploids, least_dp[:n].copy(), gq, pl
    )


@subkernel
def _bounds(sureness: int) -> tuple[int, int]:
    """From which on, and below which, `_sureness` is of bases that may be in one block."""
    gq = sureness >> _GQ_SHIFT & _GQ_MASK
    low = (sureness >> _GQ_SHIFT) - gq % GQ_BIN
    return low << _GQ_SHIFT, (low + GQ_BIN) << _GQ_SHIFT


@subkernel
def _known_sureness(depths: DepthArrays, at: int, haploid: Bools, known: Int64s) -> int:
    """The `_sureness` of a base if it was worked out, else -1."""
    agree, differ = depths.agree[np.uint64(at)], depths.differ[np.uint64(at)]
    if agree >= _MOST_AGREE or differ >= _MOST_DIFFER or (len(haploid) > 0 and haploid[np.uint64(at)]):
        return np.int64(-1)
    return known[np.uint64(agree), np.uint64(differ)]


@subkernel
def _sureness(depths: DepthArrays, at: int, haploid: Bools, known: Int64s, error_rate: float) -> int:
    """The confidence of a base in one number, so that of two in a block the lesser is the less sure.

    From its highest bit on: whether the base is haploid, whether a read tells of it, GQ and the three PL.
    """
    agree, differ = np.int64(depths.agree[at]), np.int64(depths.differ[at])
    is_haploid = len(haploid) > 0 and haploid[at]
    gq, pl = reference_confidence(agree, differ, is_haploid, error_rate)
    sureness = np.int64(is_haploid) << 1 | np.int64(agree + differ > 0)
    sureness = sureness << _GQ_BITS | gq
    for genotype in range(3):
        sureness = sureness << _PL_BITS | pl[genotype]
    if agree < _MOST_AGREE and differ < _MOST_DIFFER and not is_haploid:
        known[agree, differ] = sureness
    return sureness


@subkernel
def reference_confidence(
    agree: int, differ: int, haploid: bool, error_rate: float
) -> tuple[int, tuple[int, int, int]]:
    """GQ of the reference genotype, 0 where another is likelier, and phred likelihoods of 0/0, 0/1 and 1/1."""
    right, wrong = math.log10(1 - error_rate), math.log10(error_rate)
    hom_ref = agree * right + differ * wrong
    het = -1e9 if haploid else -(agree + differ) * math.log10(2.0)
    hom_alt = agree * wrong + differ * right
    best = max(hom_ref, het, hom_alt)
    other = 10 ** (het - best) + 10 ** (hom_alt - best)
    total = other + 10 ** (hom_ref - best)
    pl = (
        round(min(MAX_PL, 10 * (best - hom_ref))),
        round(min(MAX_PL, 10 * (best - het))),
        round(min(MAX_PL, 10 * (best - hom_alt))),
    )
    if best > hom_ref:
        return 0, pl
    return int(min(MAX_GQ, -10 * math.log10(max(other / total, 1e-9)))), pl
