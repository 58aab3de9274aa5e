"""Long indels of long reads that are one allele, though reads spell them otherwise: their consensus.

A read errs in some hundred inserted bases, so that few reads show the same ones, and where a copy of what lies beside
comes or goes, each is aligned at another place. So reads whose indels lie near each other and are about as long are
taken together: the allele is what most of them have, base by base, over the stretch in which their indels lie.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dvplug.candidates.consensus import consensus_of, edits, one_insertion, typical
from dvplug.candidates.split_reads import SplitReads, split_reads
from dvplug.kernel import kernel
from dvplug.line.candidate_batch import OTHER, UNINFORMATIVE, ReadSupport
from dvplug.line.read_batch import ReadArrays, ReadBatch
from dvplug.sequence.alleles import moved_left
from dvplug.sequence.arrays import Bools, Int32s, Int64s, UInt8s
from dvplug.sequence.cigar import (
    CODE_MASK,
    HARD_CLIP,
    LENGTH_SHIFT,
    SOFT_CLIP,
    consumes_read,
    consumes_reference,
    is_aligned,
    unpack,
)
from dvplug.sequence.codes import UNKNOWN_BASE, decode_bases

LONG = 50
"""bp of an indel from which on reads are taken together."""
_SEED = 35
"""bp that a read must show of one: it may have lost some."""
_FLANK = 250
"""bp of the reference that a read must lie over on both sides of its indel: short reads tell no more than they show."""
_NEAR = 50
"""bp that two of them may lie apart beyond the length of the shorter one."""
_LENGTH_SHARE, _LENGTH_SPARE = 0.05, 10
"""Of indels of one allele, in order of length: bp that a next one may be longer."""
_MOST_EDITS = 0.3
"""Of the length of the indel: a read that differs by more bases from what they have in common has another."""
_MOST_EDITS_OF_TWO = 0.5
"""The same of two reads, which both err; nearly as much as those that have nothing in common."""
_SPREAD = 2500
"""bp of the longest stretch in which the indels of an allele may lie, beyond what they delete."""
_REFERENCE_SHARE = 0.3
"""Of the length of the indel: a read that is longer or shorter than the reference by less has none of it."""
_BESIDE = 15
"""bp that a read must lie over on both sides of the stretch to tell what it has there."""


_NONE = np.zeros(0, np.int64)


class PooledIndel(NamedTuple):
    """An allele that reads spell differently.

    Attributes
    ----------
    start
        Offset in the reference of the base before it, moved to the left.
    ref_length, alt
        How many bases of the reference it replaces, and by what: the base before it is the first.
    span
        Offsets of the first and the last base after which one of its reads has the indel, and what it deletes.
    carriers, unlike, others
        int64[n]: reads over the span that have it, that have another change of length, and that have nothing like it.
    again
        int64[n]: pieces of split reads behind an indel in the span: the piece before it has told already.
    """

    start: int
    ref_length: int
    alt: str
    span: tuple[int, int]
    carriers: Int64s
    unlike: Int64s
    others: Int64s
    again: Int64s = _NONE

    @property
    def change(self) -> int:
        """Bp by which it changes the length."""
        return len(self.alt) - self.ref_length


class _Events(NamedTuple):
    """What single reads show: int64[events] each."""

    anchor: Int64s  # offset of the preceding base, after the shift to the left
    end: Int64s  # offset of the last base that it lies before, or deletes, before that shift
    change: Int64s  # bp by which the read is longer
    read: Int64s

    def at(self, which: Bools | Int64s | slice) -> _Events:
        """Return some of them."""
        return _Events._make(column[which] for column in self)

    def and_split(self, split: SplitReads) -> _Events:
        """Return them with those at which reads are split."""
        if not len(split.read):
            return self
        anchor, end = np.minimum(split.left, split.right) - 1, np.maximum(split.left, split.right) - 1
        both = zip(self, (anchor, end, split.change, split.read), strict=True)
        return _Events._make(np.concatenate(columns) for columns in both)


def pooled_indels(
    events: Int64s,
    depth: Int32s,
    reads: ReadBatch,
    reference: UInt8s,
    reference_start: int,
    least: tuple[float, float],
    contig: str,
) -> list[PooledIndel]:
    """Return the long indels that enough reads have, in order of position.

    Parameters
    ----------
    events, depth
        int64[events, 7] and int32[l], as of `dvplug.candidates.finder.AlleleCounts`.
    reference, reference_start
        uint8[l] base codes, from that position on.
    least
        Reads that an allele needs, and the share of those over it.
    contig
        The reads'.
    """
    split = split_reads(reads, contig, reference_start, len(reference), _FLANK, _SEED)
    before, behind = (split.at(split.is_left == side) for side in (1, 0))
    seeds, reach = _seeds(events, reads, reference_start).and_split(before), np.zeros(0)
    found: list[PooledIndel] = []
    for sign in (-1, 1):
        for cluster in _clusters(seeds.at(seeds.change * sign > 0)):
            low, high = int(cluster.anchor.min()), int(cluster.end.max())
            needed = max(least[0], least[1] * depth[low] - 1e-9)
            most = _SPREAD + (int(-cluster.change.min()) if sign < 0 else 0)
            if len(np.unique(cluster.read)) < needed or high - low > most or high + 1 >= len(reference):
                continue
            if not len(reach):
                arrays, reach = reads.arrays(), np.maximum.accumulate(reads.end)
            first = int(np.searchsorted(reach, reference_start + high + 1, side="right"))
            last = int(np.searchsorted(reads.start, reference_start + low, side="right"))
            spans = _spans(arrays, first, last, reference_start + low, reference_start + high)
            joined = before.within(low, high)
            joined = joined.at(reads.start[joined.read] <= reference_start + low - _BESIDE)
            texts = _texts(reads.seq, spans, joined, reference, (low, high))
            again = behind.within(low, high).read
            for one in _alleles(texts, reference, (low, high), (sign, needed)):
                found.append(_with_split(one._replace(again=again), reads, reference_start))
    return sorted(found, key=lambda one: (one.start, one.ref_length, one.alt))


def _with_split(one: PooledIndel, reads: ReadBatch, reference_start: int) -> PooledIndel:
    """Add to the carriers of a deletion the alignments that end, clipped, where it begins.

    The rest of such a read lies behind it, as an alignment of its own, which is not counted again.
    """
    if one.change > 0:
        return one
    near = np.flatnonzero(np.abs(reads.end - (reference_start + one.start + 1)) <= _BESIDE)
    last = reads.cigar[reads.cigar_offset[near + 1] - 1]
    code, length = last & CODE_MASK, last >> LENGTH_SHIFT
    split = near[((code == SOFT_CLIP) | (code == HARD_CLIP)) & (length >= _SEED)]
    return one._replace(carriers=np.union1d(one.carriers, split))


def _seeds(events: Int64s, reads: ReadBatch, reference_start: int) -> _Events:
    """Those that are long, and far enough from the ends of their reads."""
    events = events[(np.abs(events[:, 1]) >= _SEED) | (events[:, 5] >= _SEED)]
    anchor, change, _, _, shift, replaced, read = events.T
    anchor = anchor - (replaced > 0)
    end = anchor + shift + np.maximum(replaced, np.maximum(-change, 0))
    first, last = (ends[read].astype(np.int64) - reference_start for ends in (reads.start, reads.end))
    fit = (np.abs(change - replaced) >= _SEED) & (first <= anchor - _FLANK) & (end + _FLANK < last)
    return _Events(anchor, end, change - replaced, read).at(fit)


def _clusters(seeds: _Events) -> Iterator[_Events]:
    """Yield those that lie near each other."""
    order = np.lexsort((seeds.read, seeds.change, seeds.anchor))
    if not len(order):
        return
    seeds = seeds.at(order)
    size = np.abs(seeds.change)
    cuts = np.flatnonzero(np.diff(seeds.anchor) > np.minimum(size[1:], size[:-1]) + _NEAR) + 1
    for first, last in zip([0, *cuts.tolist()], [*cuts.tolist(), len(order)], strict=True):
        yield seeds.at(slice(first, last))


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


class _Texts(NamedTuple):
    """What reads have in a stretch of the reference."""

    read: Int64s  # [n]
    bases: list[UInt8s]  # n


def _texts(seq: UInt8s, spans: _Spans, split: SplitReads, reference: UInt8s, span: tuple[int, int]) -> _Texts:
    """Gather the bases of the reads over a stretch, and of those that are split in it."""
    whole = [seq[first:last] for first, last in zip(spans.begin.tolist(), spans.end.tolist(), strict=True)]
    joined = [split.text(i, seq, reference, *span) for i in range(len(split.read))]
    return _Texts(np.concatenate((spans.read, split.read)), whole + joined)


def _alleles(
    texts: _Texts, reference: UInt8s, span: tuple[int, int], wanted: tuple[int, float]
) -> Iterator[PooledIndel]:
    """Yield the long indels of the reads over a stretch; ``wanted`` are the sign of the change, and how many reads."""
    low, high = span
    sign, needed = wanted
    read = texts.read
    change = sign * (np.array([len(one) for one in texts.bases], np.int64) - (high - low))
    order = np.lexsort((read, change))
    order = order[change[order] >= _SEED]
    sizes = change[order]
    cuts = np.flatnonzero(np.diff(sizes) > _LENGTH_SPARE + _LENGTH_SHARE * sizes[1:]) + 1
    for group in np.split(order, cuts):
        left = group
        while len(left) >= needed:
            size = int(change[left[len(left) // 2]])
            own = [texts.bases[i] for i in left.tolist()]
            like = _alike(own, size)
            text = consensus_of(_chosen(own, like))
            allele = _allele(text, reference, span, sign) if like.sum() >= needed else None
            if allele is not None and abs(len(allele[2]) - allele[1]) >= LONG:
                carriers, none = read[left[like]], read[change < _REFERENCE_SHARE * size]
                unlike = np.setdiff1d(read, np.concatenate((carriers, none)))
                yield PooledIndel(*allele, span, np.sort(carriers), unlike, none)
            left = left[~like]


def _alike(texts: Sequence[UInt8s], size: int) -> Bools:
    """Which texts, of reads with an indel of so many bp, have the allele of the typical one: bool[texts].

    Where not all are like it, they are compared with what those have in common that may be: it errs less.
    """
    apart = _edits(texts, typical(texts))
    like = apart <= _MOST_EDITS * size
    if like.all():
        return like
    roughly = apart <= _MOST_EDITS_OF_TWO * size
    like = _edits(texts, consensus_of(_chosen(texts, roughly))) <= _MOST_EDITS * size
    return like if like.any() else roughly


def _edits(texts: Sequence[UInt8s], text: UInt8s) -> Int64s:
    """By how many bases each differs from one: int64[texts]."""
    return np.array([0 if np.array_equal(one, text) else edits(one, text) for one in texts], np.int64)


def _chosen(texts: Sequence[UInt8s], which: Bools) -> list[UInt8s]:
    return [one for one, is_chosen in zip(texts, which.tolist(), strict=True) if is_chosen]


def _allele(text: UInt8s, reference: UInt8s, span: tuple[int, int], sign: int) -> tuple[int, int, str] | None:
    """Start, length of REF and alt of the one indel by which ``text``, uint8[n], differs from the reference there.

    None where it is no such: two indels beside each other may be aligned so that reads show neither.
    """
    low, high = span
    inside = reference[low + 1 : high + 1]
    if sign > 0:
        place, first, last, beside = one_insertion(text, inside)
        bases = text[first:last]
    else:
        place, first, last, beside = one_insertion(inside, text)
        place, bases = first, inside[first:last]
    if not len(bases) or (bases >= UNKNOWN_BASE).any() or reference[low + place] >= UNKNOWN_BASE:
        return None
    if beside > _MOST_EDITS * len(bases):
        return None
    start, bases = moved_left(reference, low + place, bases, inserted=sign > 0)
    before = decode_bases(reference[start : start + 1])
    if sign > 0:
        return start, 1, before + decode_bases(bases)
    return start, 1 + len(bases), before


def is_spelling_of(pooled: Sequence[PooledIndel], start: int, ref_length: int, alt: str) -> bool:
    """Whether an allele that some reads show, from offset ``start`` on, is one of the indels, spelled otherwise."""
    change = len(alt) - ref_length
    return any(
        abs(change) >= _SEED
        and min(one.start, one.span[0]) - LONG <= start <= one.span[1] + LONG
        and abs(change - one.change) <= _LENGTH_SPARE + _REFERENCE_SHARE * abs(one.change)
        for one in pooled
    )


def with_carriers(
    support: ReadSupport, sites: Sequence[int], pooled: Mapping[tuple[int, int], PooledIndel], alts: int
) -> tuple[ReadSupport, Bools]:
    """Return the support where carriers of these indels have them, and reads without them have not.

    A read that has none keeps what else it has at the site; else it has the reference. Reads that end in the stretch,
    as clipped ones do, keep what they have.

    Parameters
    ----------
    sites
        All sites are so many: their starts.
    pooled
        By site and number of the allele there.
    alts
        The most that a site has.

    Returns
    -------
    ReadSupport, bool[sites, alts]
        And which alts are such.
    """
    alleles, is_pooled = support.allele.copy(), np.zeros((len(sites), alts), np.bool_)
    for (site, allele), one in pooled.items():
        rows = slice(support.offset[site], support.offset[site + 1])
        read, found = support.read[rows], alleles[rows]
        has, none = np.isin(read, one.carriers), np.isin(read, one.others)
        found[np.isin(read, one.unlike) & (found == allele)] = OTHER
        found[none & ((found < 0) | (found == allele))] = 0
        found[has] = allele
        found[np.isin(read, one.again)] = UNINFORMATIVE
        is_pooled[site, allele - 1] = True
    return support._replace(allele=alleles), is_pooled
