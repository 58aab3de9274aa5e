"""Insertions of long reads that are one allele, though every read spells it otherwise: their consensus.

A read of some hundred bp errs in them, so that few reads show the same bases, and where a copy of what lies beside is
inserted, each is aligned at another place. So reads whose insertions lie near each other and are about as long are
taken together: the allele is what most of them have, base by base, over the stretch in which their insertions lie.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from dvplug.candidates.consensus import consensus_of, edits, one_insertion
from dvplug.kernel import kernel
from dvplug.line.candidate_batch import OTHER, ReadSupport
from dvplug.line.read_batch import ReadArrays, ReadBatch
from dvplug.sequence.alleles import moved_left
from dvplug.sequence.arrays import Bools, Int32s, Int64s, UInt8s
from dvplug.sequence.cigar import consumes_read, consumes_reference, is_aligned, unpack
from dvplug.sequence.codes import UNKNOWN_BASE, decode_bases

LONG = 50
"""bp of an insertion from which on reads are taken together."""
_SEED = 35
"""bp that a read must show of one: it may have lost some."""
_FLANK = 250
"""bp of the reference that a read must lie over on both sides of its insertion: short reads tell no more than they
show."""
_NEAR = 50
"""bp, or half of the shorter insertion if that is more, that two of them may lie apart."""
_LENGTH_SHARE, _LENGTH_SPARE = 0.05, 10
"""Of insertions of one allele, in order of length: bp that a next one may be longer."""
_MOST_EDITS = 0.3
"""Of the length of the insertion: a read that differs by more bases from the consensus has another."""
_SPREAD = 2000
"""bp of the longest stretch in which the insertions of an allele may lie."""
_REFERENCE_SHARE = 0.3
"""Of the length of the insertion: a read that is longer than the reference by less has none of it."""
_BESIDE = 15
"""bp that a read must lie over on both sides of the stretch to tell that it has none."""


class PooledInsertion(NamedTuple):
    """An allele that reads spell differently.

    Attributes
    ----------
    start
        Offset in the reference of the base before it, moved to the left.
    alt
        That base and what is inserted.
    span
        Offsets of the first and the last base after which one of its reads has the insertion.
    carriers, others
        int64[n]: reads that have it, and reads over the span that have none.
    """

    start: int
    alt: str
    span: tuple[int, int]
    carriers: Int64s
    others: Int64s


class InsertionEvents(NamedTuple):
    """What single reads show: int64[events] each."""

    anchor: Int64s  # offset of the preceding base, after the shift to the left
    shift: Int64s  # bp of that shift
    change: Int64s  # bp by which the read is longer
    read: Int64s


def pooled_insertions(
    events: InsertionEvents, depth: Int32s, reads: ReadBatch, reference: UInt8s, reference_start: int,
    least: tuple[float, float],
) -> list[PooledInsertion]:  # fmt: skip
    """Return the long insertions that enough reads have, in order of position.

    Parameters
    ----------
    depth
        int32[l], reads over the reference.
    reference, reference_start
        uint8[l] base codes, from that position on.
    least
        Reads that an allele needs, and the share of those over it.
    """
    first, last = events.anchor, events.anchor + events.shift
    start = reads.start[events.read].astype(np.int64) - reference_start
    end = reads.end[events.read].astype(np.int64) - reference_start
    fit = (events.change >= _SEED) & (start <= first - _FLANK) & (last + _FLANK < end)
    if not fit.any():
        return []
    seeds = InsertionEvents(*(column[fit] for column in events))
    order = np.lexsort((seeds.read, seeds.change, seeds.anchor))
    seeds = InsertionEvents(*(column[order] for column in seeds))
    reach = np.maximum.accumulate(reads.end)
    arrays, found = reads.arrays(), []
    for one in _clusters(seeds):
        low, high = int(one.anchor.min()), int((one.anchor + one.shift).max())
        needed = max(least[0], least[1] * depth[low] - 1e-9)
        if len(np.unique(one.read)) < needed or high - low > _SPREAD or high + 1 >= len(reference):
            continue
        over = (
            int(np.searchsorted(reach, reference_start + high + 1, side="right")),
            int(np.searchsorted(reads.start, reference_start + low, side="right")),
        )
        spans = _spans(arrays, over[0], over[1], reference_start + low, reference_start + high)
        found += _alleles(arrays.seq, spans, reference, (low, high), needed)
    return sorted(found, key=lambda one: (one.start, one.alt))


def _clusters(seeds: InsertionEvents) -> Iterator[InsertionEvents]:
    """Yield those that lie near each other, which come in order of their anchors."""
    apart = np.diff(seeds.anchor)
    near = np.maximum(np.minimum(seeds.change[1:], seeds.change[:-1]) // 2, _NEAR)
    cuts = np.flatnonzero(apart > near) + 1
    for first, last in zip([0, *cuts.tolist()], [*cuts.tolist(), len(seeds.anchor)], strict=True):
        yield InsertionEvents(*(column[first:last] for column in seeds))


class _Spans(NamedTuple):
    """Reads over a stretch of the reference, and which of their bases lie in it: int64[n] each."""

    read: Int64s
    begin: Int64s  # index in the bases of all reads
    end: Int64s


@kernel
def _spans(reads: ReadArrays, first: int, last: int, low: int, high: int) -> _Spans:
    """Of the reads from ``first`` up to ``last``: their bases after the one at ``low``, up to that after ``high``."""
    found = np.empty((3, max(last - first, 0)), np.int64)
    n = 0
    for i in range(first, last):
        if reads.start[i] > low - _BESIDE or reads.end[i] <= high + _BESIDE:
            continue
        position, base, begin, end = np.int64(reads.start[i]), reads.base_offset[i], -1, -1
        for k in range(reads.cigar_offset[i], reads.cigar_offset[i + 1]):
            code, length = unpack(reads.cigar[k])
            if consumes_reference(code):
                if begin < 0 and position + length > low:
                    begin = base + low + 1 - position if is_aligned(code) else base
                if is_aligned(code) and position + length > high + 1:
                    end = base + max(high + 1 - position, 0)
                    break
                position += length
            if consumes_read(code):
                base += length
        if 0 <= begin <= end:
            found[0, n], found[1, n], found[2, n] = i, begin, end
            n += 1
    return _Spans(found[0, :n].copy(), found[1, :n].copy(), found[2, :n].copy())


def _alleles(
    seq: UInt8s, spans: _Spans, reference: UInt8s, span: tuple[int, int], needed: float
) -> Iterator[PooledInsertion]:
    """Yield the long insertions of the reads over a stretch."""
    low, high = span
    longer = spans.end - spans.begin - (high - low)
    order = np.lexsort((spans.read, longer))
    order = order[longer[order] >= _SEED]
    sizes = longer[order]
    cuts = np.flatnonzero(np.diff(sizes) > _LENGTH_SPARE + _LENGTH_SHARE * sizes[1:]) + 1
    for group in np.split(order, cuts):
        while len(group) >= needed:
            size = int(longer[group[len(group) // 2]])
            texts = [seq[spans.begin[i] : spans.end[i]] for i in group.tolist()]
            text = consensus_of(texts)
            has = np.array([edits(one, text) <= _MOST_EDITS * size for one in texts], np.bool_)
            if has.sum() < needed:
                break
            one = _insertion(text, reference, span)
            if one is not None and len(one[1]) > LONG:
                none = spans.read[longer < _REFERENCE_SHARE * size]
                yield PooledInsertion(*one, span, np.sort(spans.read[group[has]]), none)
            group = group[~has]


def _insertion(text: UInt8s, reference: UInt8s, span: tuple[int, int]) -> tuple[int, str] | None:
    """Start and alt of the insertion by which ``text``, uint8[n], differs from the reference in the stretch."""
    low, high = span
    place, first, last = one_insertion(text, reference[low + 1 : high + 1])
    bases = text[first:last]
    if not len(bases) or (bases >= UNKNOWN_BASE).any() or reference[low + place] >= UNKNOWN_BASE:
        return None
    start, bases = moved_left(reference, low + place, bases, inserted=True)
    return start, decode_bases(reference[start : start + 1]) + decode_bases(bases)


def is_spelling_of(pooled: Sequence[PooledInsertion], start: int, ref_length: int, alt: str) -> bool:
    """Whether an allele that some reads show, from offset ``start`` on, is one of the insertions, spelled otherwise."""
    change = len(alt) - ref_length
    return any(
        one.span[0] <= start + ref_length <= one.span[1] + 2 + LONG
        and start >= min(one.start, one.span[0]) - LONG
        and abs(change - len(one.alt) + 1) <= _LENGTH_SPARE + _REFERENCE_SHARE * len(one.alt)
        and change >= _SEED
        for one in pooled
    )


def with_carriers(support: ReadSupport, site: int, allele: int, pooled: PooledInsertion) -> ReadSupport:
    """Return the support where at a site the carriers have this allele, and reads without it not.

    A read that has none of it keeps what else it has at the site; else it has the reference.
    """
    rows = slice(support.offset[site], support.offset[site + 1])
    read, found = support.read[rows], support.allele[rows].copy()
    has: Bools = np.isin(read, pooled.carriers)
    none: Bools = np.isin(read, pooled.others)
    found[~has & ~none & (found == allele)] = OTHER
    found[none & ((found < 0) | (found == allele))] = 0
    found[has] = allele
    alleles = support.allele.copy()
    alleles[rows] = found
    return support._replace(allele=alleles)
