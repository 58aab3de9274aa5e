"""Gaps of a read that touch once they are shifted to the left: one change, not several."""

from __future__ import annotations

from typing import NamedTuple

from dvplug.kernel import subkernel
from dvplug.sequence.alleles import left_aligned, without_shared
from dvplug.sequence.arrays import UInt8s, UInt32s
from dvplug.sequence.cigar import code_of, gap_run, has_aligned, is_aligned, length_of


class Gaps(NamedTuple):
    """Gaps of a read that are one change, with the aligned bases between them; all are int64."""

    after: int  # operation after the last of them
    deleted: int  # bp of the reference, from where the first begins
    inserted: int  # bp of the read in their place


@subkernel
def touching_gaps(
    cigar: UInt32s, first: int, last: int, reference: UInt8s, at: int, seq: UInt8s, base: int
) -> Gaps:
    """Take the gaps from operation ``first`` on together with those that touch them once all are shifted to the left.

    In 5I1M4D the deletion may be shifted over the one base between, if that is the reference's. By itself it would then
    be an allele of the insertion's site, and no genotype holds two alleles on one copy.

    Parameters
    ----------
    cigar
        uint32[o]; the read ends before operation ``last``. ``first`` is not its first one.
    reference, at
        uint8[l] base codes, and the offset in them of the first gap.
    seq, base
        uint8[bases], and the index in them of the first gap.
    """
    gaps = Gaps(*gap_run(cigar, first, last))
    while at > 0 and has_aligned(cigar, first - 1, first):
        between, following = 0, gaps.after
        while following < last and is_aligned(code_of(cigar[following])):
            between += length_of(cigar[following])
            following += 1
        after, deleted, inserted = gap_run(cigar, following, last)
        if after == following or not has_aligned(cigar, after, min(after + 1, last)):
            break
        end = at + gaps.deleted  # of the first ones, unless they can be shifted
        position, beside = end + between, base + gaps.inserted + between
        if position + deleted >= len(reference):
            break
        touched = _first(reference, position, deleted, seq, beside, inserted)
        if touched >= end or touched > _last(reference, at, gaps.deleted, seq, base, gaps.inserted):
            break
        if not _same(seq[beside - between : beside], reference[end:position]):
            break
        gaps = Gaps(after, gaps.deleted + between + deleted, gaps.inserted + between + inserted)
    return gaps


@subkernel
def _same(bases: UInt8s, others: UInt8s) -> bool:
    """Whether two stretches, uint8[n] each, are alike."""
    same = True
    for i in range(len(bases)):
        same &= bases[i] == others[i]
    return same


@subkernel
def _first(reference: UInt8s, at: int, deleted: int, seq: UInt8s, base: int, inserted: int) -> int:
    """Offset of the base before a change, as far to the left as it goes; see `without_shared` for the parameters."""
    at, deleted, base, inserted = without_shared(reference, at, deleted, seq, base, inserted)
    if (deleted == 0) == (inserted == 0):
        return at - 1
    return left_aligned(reference, at - 1, seq, base, max(deleted, inserted), inserted > 0)


@subkernel
def _last(reference: UInt8s, at: int, deleted: int, seq: UInt8s, base: int, inserted: int) -> int:
    """Offset of the last base that a change takes away, or lies behind, as far to the left as it goes."""
    _, left, _, _ = without_shared(reference, at, deleted, seq, base, inserted)
    return _first(reference, at, deleted, seq, base, inserted) + left
