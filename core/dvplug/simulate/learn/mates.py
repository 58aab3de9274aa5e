"""What both reads of a fragment have wrong alike: it was wrong before they were sequenced.

Amplification slips in repeats and misreads bases, and damaged bases are copied: reads that overlap then agree in an
error that is no allele. No truth is used; places that may be variants are left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.simulate.learn.observed_alleles import ALIGNED, blocks

SURE = 30
"""phred: from here on a wrong base is seldom the sequencer's."""
SLIPS_EXPECTED, WRONG_EXPECTED, EXPECTED_READS = 0.9, 0.7, 10
"""Shares of wrong reads whose mate is wrong alike, and as how many wrong reads they weigh: of amplified and of PCR-free
HiSeq libraries."""
FROM_END = 5
"""bp from the end of the overlap within which aligners place no indel."""


class Shared(NamedTuple):
    """Shares of errors that both reads of a fragment have, of those that one has where both are read."""

    slips: float
    wrong: float  # of bases of `SURE` quality


class _Read(NamedTuple):
    """One read of a pair, on the reference."""

    start: int
    end: int
    indels: frozenset[tuple[int, int, int]]  # operation, position, bp
    base: NDArray[np.int64]  # [end - start], index of the read's base, -1 where it is deleted
    wrong: NDArray[np.bool_]  # [bases], of sure quality
    sure: NDArray[np.bool_]  # [bases]


class MateErrors:
    """Counts over pairs whose reads overlap."""

    def __init__(self) -> None:
        self.slips, self.wrong = np.zeros(2, np.int64), np.zeros(2, np.int64)  # of one read, of both

    def add(
        self,
        pair: tuple[pysam.AlignedSegment, pysam.AlignedSegment],
        wrong: tuple[NDArray[np.bool_], NDArray[np.bool_]],
        region_start: int,
        masked: NDArray[np.bool_],
    ) -> None:
        """Count a pair.

        Parameters
        ----------
        wrong
            bool[bases] of either read, as it is aligned.
        region_start, masked
            bool[n] from that position on: perhaps variants.
        """
        one, other = (_read(read, of) for read, of in zip(pair, wrong, strict=True))
        start, end = max(one.start, other.start), min(one.end, other.end)
        if end - start <= 2 * FROM_END:
            return
        for indel in one.indels | other.indels:
            place = indel[1]
            if start + FROM_END <= place < end - FROM_END and not masked[place - region_start]:
                self.slips[int(indel in one.indels and indel in other.indels)] += 1
        a, b = (
            one.base[start - one.start : end - one.start],
            other.base[start - other.start : end - other.start],
        )
        a, b = a[(a >= 0) & (b >= 0)], b[(a >= 0) & (b >= 0)]
        sure = one.sure[a] & other.sure[b]
        times = one.wrong[a][sure].astype(int) + other.wrong[b][sure]
        self.wrong += [(times == 1).sum(), (times == 2).sum()]

    def shared(self) -> Shared:
        """Return the shares; what is expected where little was seen."""
        return Shared(_share(self.slips, SLIPS_EXPECTED), _share(self.wrong, WRONG_EXPECTED))


def _share(seen: NDArray[np.int64], expected: float) -> float:
    one, both = seen.tolist()
    return (2 * both + expected * EXPECTED_READS) / (one + 2 * both + EXPECTED_READS)


def _read(read: pysam.AlignedSegment, wrong: NDArray[np.bool_]) -> _Read:
    start, end = read.reference_start, read.reference_end
    base, indels = np.full(end - start, -1), set()
    for operation, at, ref, length in blocks(read):
        if operation in ALIGNED:
            base[ref - start : ref - start + length] = np.arange(at, at + length)
        elif operation in (pysam.CINS, pysam.CDEL):
            indels.add((operation, ref, length))
    sure = np.frombuffer(read.query_qualities, np.uint8) >= SURE
    return _Read(start, end, frozenset(indels), base, wrong & sure, sure)
