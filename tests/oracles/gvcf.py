"""The twin of `dvplug.records.reference_depths` and `reference_confidence`: one base, one position at a time."""

from __future__ import annotations

import math
from collections import Counter

from dvplug.records.reference_confidence import MAX_GQ
from helpers.read_batches import (
    Read,
    aligned_pairs,
    operations,
    walk,
)


def counted_slowly(reads: list[Read], reference: str, least: int) -> tuple[Counter[int], Counter[int]]:
    agree: Counter[int] = Counter()
    differ: Counter[int] = Counter()
    for read in reads:
        for position, index in aligned_pairs(read):
            if read.qualities[index] >= least and read.seq[index] in "ACGT":
                same = read.seq[index] == reference[position]
                (agree if same and not anchors(read, position) else differ)[position] += 1
        for op, position, _, length in walk(read):
            if op == "D":
                differ.update(range(position, position + length))
    return agree, differ


def anchors(read: Read, position: int) -> bool:
    """Whether an indel follows the base of a read at this position."""
    following = [op for _, op in operations(read.cigar)][1:]
    return any(
        op in "M=X" and start + length - 1 == position and next_op in "ID"
        for (op, start, _, length), next_op in zip(walk(read), following, strict=False)
    )


def slow_confidence(agree: int, differ: int, haploid: bool) -> tuple[int, list[int]]:
    e = 0.001
    likelihoods = [
        agree * math.log10(1 - e) + differ * math.log10(e),
        *([] if haploid else [-(agree + differ) * math.log10(2)]),
        agree * math.log10(e) + differ * math.log10(1 - e),
    ]
    best = max(likelihoods)
    pl = [round(min(990, 10 * (best - each))) for each in likelihoods]
    if likelihoods[0] < best:
        return 0, pl
    others = sum(10 ** (each - best) for each in likelihoods[1:])
    return min(MAX_GQ, int(-10 * math.log10(max(1e-9, others / (others + 1))))), pl
