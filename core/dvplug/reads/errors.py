"""How reads err where the sample is plainly as the reference: what qualities mean, and lengths of repeats misread.

As in base quality recalibration (GATK's BaseRecalibrator), what differs from the reference is an error; but sites that
may vary are not looked up in a list of known ones: those are masked where more reads differ than errors explain. The
limit is loose enough not to cut off errors, and variants are so rare that the few that stay below it do not count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.line.read_batch import ReadArrays, ReadBatch
from dvplug.line.run_profile import MOST_CHANGE, MOST_QUALITY, MOST_UNITS, NO_QUALITY, TRACTS
from dvplug.sequence.arrays import Bools, Int32s, Int64s, UInt8s
from dvplug.sequence.cigar import INSERTION, consumes_read, consumes_reference, is_aligned, is_gap, unpack
from dvplug.sequence.codes import UNKNOWN_BASE
from dvplug.sequence.repeats import SPANNED_FLANK
from dvplug.sequence.sorting import first_from
from dvplug.sequence.tracts import UNKNOWN_KIND, ReferenceTracts, reference_tracts

FEWEST_READS = 8
"""Over a place that tells anything. Of heterozygous SNPs 4 % have one read of 8 or none that differs."""
_BESIDE = 5  # bp on either side of a place that may vary, where aligners misplace bases
_LONG_BP = 8
"""Tracts from this length on are misread so often that a third of the reads may agree on another length."""
_CHANGES = 2 * MOST_CHANGE + 1


class _Place(NamedTuple):
    """Where errors are counted."""

    codes: UInt8s  # [l] of the reference
    start: int  # 0-based position of the first
    first: int  # offset of the first base that counts
    last: int  # one past the last


class _Found(NamedTuple):
    """What the kernel counts: over the bases of the reference, over tracts, and over qualities."""

    depth: Int32s  # [l + 1]: reads with a base there
    differs: Int32s  # [l]: of those with another
    gaps: Int32s  # [l]: reads with a deleted base, or an insertion before it
    others: Int32s  # [2, l]: insertions and deletions that change no tract, by their first base
    spanning: Int32s  # [tracts + 1]: reads that show their length
    changes: Int32s  # [tracts, 7]: of those, by change in units; 0 for no change
    plain: Bools  # [l]: plainly as the reference
    bases: Int64s  # [256, 2]: at those, by quality: all, and that differ
    apart: Int64s  # [2]: the same of reads that were set apart


class WindowErrors(NamedTuple):
    """What a window of the genome shows of errors."""

    depth: Int64s  # [bp]: reads with a base at each position, those set apart left out
    differs: Int64s  # [bp]: of those with another base than the reference
    known: Bools  # [bp]: whether the reference is known
    bases: Int64s  # [256, 2]: at plain places, by quality: all, and that differ
    apart: Int64s  # [2]: the same of the reads that were set apart
    indels: Int64s  # [3]: aligned bases at plain places, insertions and deletions there that change no tract
    lengths: Int64s  # [4, 21, 7]: changes of tracts, as of `RunProfile.length_counts`
    tracts: Int64s  # [n, 9]: of long ones kind, units, and reads by change of length


def window_errors(
    reads: ReadBatch, apart: Bools, reference: UInt8s, reference_start: int, window: tuple[int, int]
) -> WindowErrors:
    """Count the errors of the reads in a window.

    Parameters
    ----------
    reads
        All that reach into it, without `SAME_BASE`; qualities of 255 say that there are none.
    apart
        bool[reads]: whose alignments are doubtful. They neither tell what is plain nor count among the others.
    reference, reference_start
        uint8[l] base codes around the window, so wide that no tract of it is cut, and the position of the first.
    window
        First position, and one past the last.
    """
    first, last = window[0] - reference_start, window[1] - reference_start
    first, last = max(0, first), min(last, len(reference))
    tracts, bp = reference_tracts(reference), len(reference)
    by_base = [np.zeros(bp, np.int32) for _ in range(2)]
    found = _Found(
        np.zeros(bp + 1, np.int32),
        by_base[0],
        by_base[1],
        np.zeros((2, bp), np.int32),
        np.zeros(len(tracts.low) + 1, np.int32),
        np.zeros((len(tracts.low), _CHANGES), np.int32),
        np.zeros(bp, np.bool_),
        np.zeros((256, 2), np.int64),
        np.zeros(2, np.int64),
    )
    _count(reads.arrays(), apart, _Place(reference, reference_start, first, last), tracts, found)
    inside = slice(first, last)
    plain = found.plain[inside]
    lengths, long_tracts = _lengths(tracts, found, first, last)
    aligned, inserted, deleted = (
        int(counted[inside][plain].sum()) for counted in (found.depth[:-1], *found.others)
    )
    return WindowErrors(
        found.depth[inside].astype(np.int64),
        found.differs[inside].astype(np.int64),
        reference[inside] < UNKNOWN_BASE,
        found.bases,
        found.apart,
        np.array([aligned, inserted, deleted]),
        lengths,
        long_tracts,
    )


def _lengths(tracts: ReferenceTracts, found: _Found, first: int, last: int) -> tuple[Int64s, Int64s]:
    """Changes of the tracts that begin in the window and plainly are as the reference; and the long ones by themselves.

    The commonest length is the reference's, and few reads agree on another: a heterozygote would have half of them.
    """
    changes = found.changes.astype(np.int64)
    spanning = found.spanning[:-1].astype(np.int64)
    changes[:, MOST_CHANGE] = spanning - changes.sum(axis=1)
    others = changes.copy()
    others[:, MOST_CHANGE] = 0
    second, long = others.max(axis=1), tracts.high - tracts.low >= _LONG_BP
    plain = (second <= np.where(long, spanning // 3, (spanning - 4) // 4)) & (spanning >= FEWEST_READS)
    plain &= (changes[:, MOST_CHANGE] > second) & (tracts.low >= first) & (tracts.low < last)
    plain &= tracts.kind != UNKNOWN_KIND
    units = np.minimum(tracts.units, MOST_UNITS)
    counts = np.zeros((len(TRACTS), MOST_UNITS + 1, _CHANGES), np.int64)
    np.add.at(counts, (tracts.kind[plain], units[plain]), changes[plain])
    told = plain & long
    return counts, np.column_stack((tracts.kind[told], units[told], changes[told]))


@kernel
def _count(reads: ReadArrays, apart: Bools, place: _Place, tracts: ReferenceTracts, found: _Found) -> None:
    """Fill ``found``; ``apart`` is bool[reads]."""
    for read in range(len(reads.start)):
        if not apart[read]:
            _pile_up(reads, read, place, tracts, found)
    depth = 0
    for i in range(len(found.depth)):
        depth += found.depth[i]
        found.depth[i] = depth
    spanning = 0
    for t in range(len(found.spanning)):
        spanning += found.spanning[t]
        found.spanning[t] = spanning
    _mark_plain(place, found)
    for read in range(len(reads.start)):
        _count_bases(reads, read, apart[read], place, found)


@subkernel
def _pile_up(reads: ReadArrays, read: int, place: _Place, tracts: ReferenceTracts, found: _Found) -> None:
    """Add a read to what is counted by place and by tract."""
    start, end = np.int64(reads.start[read]) - place.start, np.int64(reads.end[read]) - place.start
    _add_spanned(start, end, tracts, found)
    position, base, bp = start, reads.base_offset[read], len(place.codes)
    tract, change = -1, 0
    for k in range(reads.cigar_offset[read], reads.cigar_offset[read + 1]):
        code, length = unpack(reads.cigar[k])
        if is_aligned(code):
            first, last = max(0, -position), min(length, bp - position)
            if first < last:
                found.depth[position + first] += 1
                found.depth[position + last] -= 1
            for i in range(first, last):
                seen = reads.seq[base + i]
                if seen != place.codes[position + i] and seen < UNKNOWN_BASE:
                    found.differs[position + i] += 1
        elif is_gap(code) and position > 0 and position + length < bp:
            inserted = code == INSERTION
            size = length if inserted else -length
            at, units = _changed_tract(reads.seq, base, size, position, place.codes, tracts)
            for i in range(1 if inserted else length):
                found.gaps[position + i] += 1
            if at < 0:
                found.others[1 - inserted, position] += 1
            if at >= 0 and at != tract:
                _add_change(tract, change, start, end, tracts, found)
                tract, change = at, 0
            change += units
        if consumes_read(code):
            base += length
        if consumes_reference(code):
            position += length
    _add_change(tract, change, start, end, tracts, found)


@subkernel
def _add_spanned(start: int, end: int, tracts: ReferenceTracts, found: _Found) -> None:
    """Count a read, from offset ``start`` to ``end``, for each tract that it spans; steps, to be summed up."""
    begin, stop = 0, tracts.runs
    for _ in range(2):  # homopolymers, then repeats: in each part first and last bases ascend
        first = first_from(tracts.low, start + SPANNED_FLANK, begin, stop)
        last = first_from(tracts.high, end - SPANNED_FLANK + 1, begin, stop)
        if first < last:
            found.spanning[first] += 1
            found.spanning[last] -= 1
        begin, stop = stop, len(tracts.low)


@subkernel
def _add_change(
    tract: int, change: int, start: int, end: int, tracts: ReferenceTracts, found: _Found
) -> None:
    """Count a read that shows a tract longer or shorter, if it spans it; ``tract`` is -1 for none."""
    if tract < 0 or change == 0:
        return
    if start + SPANNED_FLANK <= tracts.low[tract] and tracts.high[tract] <= end - SPANNED_FLANK:
        found.changes[tract, max(-MOST_CHANGE, min(change, MOST_CHANGE)) + MOST_CHANGE] += 1


@subkernel
def _changed_tract(
    seq: UInt8s, first: int, change: int, at: int, codes: UInt8s, tracts: ReferenceTracts
) -> tuple[int, int]:
    """The tract that an indel at offset ``at`` makes longer or shorter, and by how many units; -1 and 0 for none.

    A change above 0 is that of an insertion of as many bases of ``seq`` from ``first`` on. They must go on as the tract
    does; a deletion must lie in it.
    """
    found, units, sides = -1, 0, 1 + (change > 0)
    for k in range(2 * sides):  # the homopolymer from here on and the one before, then repeats
        tract = np.int64(tracts.at[k // sides, at - k % sides])
        if found >= 0 or tract < 0 or change % tracts.period[tract] != 0:
            continue
        low, period = tracts.low[tract], tracts.period[tract]
        fits = at - change <= tracts.high[tract]
        for i in range(change):
            fits &= seq[first + i] == codes[low + (at - low + i) % period]
        if fits:
            found, units = tract, change // period
    return found, units


@subkernel
def _mark_plain(place: _Place, found: _Found) -> None:
    """Mark what is plainly as the reference, in the window: reads enough, and few of them differ, there and beside."""
    clear = 0  # from here on nothing may vary
    for i in range(max(0, place.first - _BESIDE), min(len(place.codes), place.last + _BESIDE)):
        depth, other = found.depth[i], found.differs[i] + found.gaps[i]
        if other > max(1, (depth - 4) // 4):
            clear = i + _BESIDE + 1
            for k in range(max(0, i - _BESIDE), i):
                found.plain[k] = False
        elif i >= clear and place.first <= i < place.last:
            found.plain[i] = depth >= FEWEST_READS and place.codes[i] < UNKNOWN_BASE


@subkernel
def _count_bases(reads: ReadArrays, read: int, apart: bool, place: _Place, found: _Found) -> None:
    """Count the bases of a read at plain places by quality."""
    position, base = np.int64(reads.start[read]) - place.start, reads.base_offset[read]
    for k in range(reads.cigar_offset[read], reads.cigar_offset[read + 1]):
        code, length = unpack(reads.cigar[k])
        if is_aligned(code):
            for i in range(max(0, place.first - position), min(length, place.last - position)):
                seen, quality = reads.seq[base + i], reads.qual[base + i]
                if not found.plain[position + i] or seen >= UNKNOWN_BASE:
                    continue
                differs = 1 if seen != place.codes[position + i] else 0
                if apart:
                    found.apart[0] += 1
                    found.apart[1] += differs
                else:
                    if MOST_QUALITY < quality < NO_QUALITY:
                        quality = np.uint8(MOST_QUALITY)
                    found.bases[quality, 0] += 1
                    found.bases[quality, 1] += differs
        if consumes_read(code):
            base += length
        if consumes_reference(code):
            position += length
