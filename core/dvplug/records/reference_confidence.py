"""Blocks of bases with like confidence that the sample is reference there.

The confidence is DeepVariant's: with an error rate e per base, n_ref reads that agree with the reference and n_alt
that do not are (1 - e)^n_ref e^n_alt likely under 0/0, 2^-(n_ref + n_alt) under 0/1 and e^n_ref (1 - e)^n_alt under
1/1, and the three are equally probable beforehand.
"""

from __future__ import annotations

import math

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.line.reference_blocks import ReferenceBlocks
from dvplug.records.reference_depths import ReferenceDepths
from dvplug.records.vcf import MAX_PL
from dvplug.sequence.arrays import Bools, Int32s, Int64s

MAX_GQ, GQ_BIN = 40, 10
"""A block holds bases whose GQ lies in one bin of 10, the last being 40: one wrong base among 30 then ends no block.
DeepVariant's bins of 5 up to 50 give 1.6 times as many lines, which say little more."""
SINGLES = 100
"""Bases at the start of a region that come one by one: a deletion of the region before may cover some of them."""
NO_COVERAGE = -1  # bin of the bases that no read tells of
_NONE_OPEN = -1  # bounds between which no base lies
_MOST_AGREE, _MOST_DIFFER = 256, 8  # the confidences of fewer reads are kept, as most bases share them
_PL_BITS = 10  # MAX_PL is below 2^10
_PL_MASK, _GQ_SHIFT = (1 << _PL_BITS) - 1, 3 * _PL_BITS


def reference_blocks(
    depths: ReferenceDepths, taken: Bools, haploid: Bools, error_rate: float
) -> ReferenceBlocks:
    """Return the blocks of a region.

    Parameters
    ----------
    taken, haploid
        bool[b], over bases of the region: those that lie in no block, and those where heterozygotes are impossible.
    error_rate
        Chance that a read's base is wrong.
    """
    blocks = _blocks(depths.agree, depths.differ, taken, haploid, error_rate)
    start = depths.region.start
    return blocks._replace(
        start=blocks.start + np.int32(start),
        end=blocks.end + np.int32(start),
        base=depths.reference[blocks.start],
    )


@subkernel
def bin_of(gq: int, min_dp: int) -> int:
    """What the bases of a block share: the bin of GQ, `NO_COVERAGE` where no read tells of them."""
    return gq // GQ_BIN if min_dp > 0 else NO_COVERAGE


@kernel
def _blocks(
    agree: Int32s, differ: Int32s, taken: Bools, haploid: Bools, error_rate: float
) -> ReferenceBlocks:
    """Blocks by offset in the region, their `base` left at 0; all arrays are over the bases of the region."""
    size = len(agree)
    start, end, least_dp = np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, np.int32)
    least, of_haploids = np.empty(size, np.int64), np.empty(size, np.bool_)
    known = np.full((_MOST_AGREE, _MOST_DIFFER), np.int64(-1))  # of diploids
    n = -1  # the block that is open, or was last
    low, high = _NONE_OPEN, _NONE_OPEN  # of the sureness of its bases
    covered, of_haploid, open_dp, open_least = False, False, np.int64(0), np.int64(0)
    for at in range(size):
        if taken[at]:
            low = high = _NONE_OPEN
            continue
        depth = np.int64(agree[at]) + differ[at]
        sureness = _sureness(known, agree[at], differ[at], haploid[at], error_rate)
        if (low <= sureness < high) and (depth > 0) == covered and haploid[at] == of_haploid and at > SINGLES:
            open_dp, open_least = min(open_dp, depth), min(open_least, sureness)
        else:
            n += 1
            low, high = _bounds(sureness)
            covered, of_haploid, open_dp, open_least = depth > 0, haploid[at], depth, sureness
            start[n], of_haploids[n] = at, of_haploid
        end[n], least_dp[n], least[n] = at + 1, open_dp, open_least
    n += 1
    gq, pl = np.empty(n, np.int32), np.empty((n, 3), np.int32)
    for block in range(n):
        gq[block] = least[block] >> _GQ_SHIFT
        for genotype in range(3):
            pl[block, genotype] = (least[block] >> (_PL_BITS * (2 - genotype))) & _PL_MASK
    return ReferenceBlocks(
        start[:n].copy(), end[:n].copy(), np.zeros(n, np.uint8), of_haploids[:n].copy(), least_dp[:n].copy(), gq, pl
    )  # fmt: skip


@subkernel
def _bounds(sureness: int) -> tuple[int, int]:
    """From which on, and below which, `_sureness` is of the same bin of GQ."""
    low = (sureness >> _GQ_SHIFT) // GQ_BIN * GQ_BIN
    return low << _GQ_SHIFT, (low + GQ_BIN) << _GQ_SHIFT


@subkernel
def _sureness(known: Int64s, agree: int, differ: int, haploid: bool, error_rate: float) -> int:
    """GQ and then the three PL in one number, so that of two the lesser is the less sure.

    Parameters
    ----------
    known
        int64[_MOST_AGREE, _MOST_DIFFER]: those of diploids that were worked out, else -1.
    """
    kept = (agree < _MOST_AGREE) & (differ < _MOST_DIFFER) & (not haploid)
    if kept and known[agree, differ] >= 0:
        return int(known[agree, differ])
    gq, pl = reference_confidence(agree, differ, haploid, error_rate)
    sureness = (((gq << _PL_BITS | pl[0]) << _PL_BITS | pl[1]) << _PL_BITS) | pl[2]
    if kept:
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
