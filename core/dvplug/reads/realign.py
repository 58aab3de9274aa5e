"""Local realignment: reads around clustered indels and clips, laid along haplotypes assembled from them.

An aligner sees one read at a time, and may write one long insertion in a repeat as many small indels, in each read
others, or clip it away. Where reads disagree so, the haplotypes of the window are assembled (`dvplug.reads.assembly`),
aligned with the reference, and each read takes the place on a haplotype where it fits better than where it lay.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.line.read_batch import OneRead, ReadArrays, ReadBatch, gathered, one_read
from dvplug.reads.assembly import Assembled, Stretches, assemble
from dvplug.sequence.alleles import left_aligned
from dvplug.sequence.arrays import Int32s, Int64s, UInt8s, UInt32s
from dvplug.sequence.cigar import (
    DELETION,
    INSERTION,
    LENGTH_SHIFT,
    MATCH,
    SOFT_CLIP,
    code_of,
    consumes_read,
    consumes_reference,
    is_gap,
    reference_spans,
    unpack,
)
from dvplug.sequence.pairwise import (
    LOWEST,
    align_globally,
    alignment_score,
    place_on_reference,
    ungapped_score,
)
from dvplug.sequence.repeats import repeat_end
from dvplug.sequence.sorting import first_from
from dvplug.technology import Assembly

MIN_READS = 2  # that show an indel or a clip at one place
MIN_FRACTION = 0.06  # of the depth there
MIN_CLIPPED = 0.12  # of the depth: reads clipped at a place that is alone
MIN_CLIP = 5  # bp; shorter clips are mostly of read ends
MAX_GAP = 60  # bp between places of one window
MAX_SPAN = 300  # bp from the first to the last place of a window: longer ones are left as they are
PAD = 70  # bp of reference on either side of a window, room for unique k-mers
REALIGN_MARGIN = (
    1000  # bp beyond its reads that a region must know, to see whole every window that can change them
)
SLACK = 50  # bp by which a read's bases may lie beside where its alignment puts them
SHIFTS = 8  # bp to either side of where a read lay that are tried on a haplotype
MOST_CLIPPED = 1000  # bp before a window from which on reads may reach it by their clips alone
MIN_DEPTH = 4  # reads of a window, less cannot be assembled
_USUAL = Assembly()


def realign_reads(
    reads: ReadBatch,
    reference: UInt8s,
    reference_start: int,
    assembly: Assembly = _USUAL,
    *,
    in_place: bool = False,
) -> ReadBatch:
    """Return the reads with new starts and CIGARs where realignment serves; in order of start again.

    Parameters
    ----------
    reference
        uint8[l] base codes from ``reference_start`` on; what lies outside is left alone.
    assembly
        As the technology says.
    in_place
        Whether bases and qualities may change places in the arrays where they lie: ``reads`` are lost then, and that
        others do not hold these arrays, whoever says so knows.
    """
    if not len(reads):
        return reads
    windows = find_windows(reads, reference, reference_start)
    if not len(windows):
        return reads
    rules = AssemblyRules(assembly.min_base_quality, assembly.shortest_k)
    moved = realign_windows(reads.arrays(), windows, reference, reference_start, rules)
    return _apply(reads, moved, in_place)


def find_windows(reads: ReadBatch, reference: UInt8s, reference_start: int) -> Int64s:
    """Where reads show indels or clips at two places, or are clipped at one: int64[windows, 2], first and end."""
    indels, clips, depth = count_breaks(reads.arrays(), reference, reference_start)
    least = np.maximum(MIN_READS, MIN_FRACTION * depth)
    active = np.flatnonzero(indels + clips >= least)
    if not len(active):
        return np.zeros((0, 2), np.int64)
    firsts = np.concatenate(([0], np.flatnonzero(np.diff(active) > MAX_GAP) + 1))
    lasts = np.append(firsts[1:], len(active)) - 1
    first, last = active[firsts], active[lasts]
    # One indel that all reads place alike needs no other place.
    torn = (lasts > firsts) | (clips[first] >= np.maximum(MIN_READS, MIN_CLIPPED * depth[first]))
    chosen = (last - first <= MAX_SPAN) & torn
    return np.stack([first[chosen], last[chosen] + 1], axis=1) + reference_start


@kernel(vectorised=True)
def count_breaks(reads: ReadArrays, reference: UInt8s, reference_start: int) -> tuple[Int32s, Int32s, Int32s]:
    """Count reads by where they show a left-aligned indel, by where they are clipped, and reads over each position.

    Parameters
    ----------
    reference
        uint8[l] base codes from ``reference_start`` on.

    Returns
    -------
    indels, clips, depth
        int32[l], over the reference given.
    """
    n = len(reference)
    indels, clips = np.zeros(n, np.int32), np.zeros(n, np.int32)
    steps = np.zeros(n + 1, np.int32)
    for read in range(len(reads.start)):
        position = np.int64(reads.start[read]) - reference_start
        steps[min(max(position, 0), n)] += 1
        steps[min(max(np.int64(reads.end[read]) - reference_start, 0), n)] -= 1
        first, last = reads.cigar_offset[read], reads.cigar_offset[read + 1]
        if last - first == 1:
            continue
        base = reads.base_offset[read]
        for k in range(first, last):
            code, length = unpack(reads.cigar[k])
            if is_gap(code):
                inserted = code == INSERTION
                if position > 0 and position + length < n:
                    indels[left_aligned(reference, position - 1, reads.seq, base, length, inserted)] += 1
                if inserted:
                    base += length
                else:
                    position += length
            elif code == SOFT_CLIP:
                if length >= MIN_CLIP and 0 <= position < n:
                    clips[position] += 1
                base += length
            else:
                if consumes_read(code):
                    base += length
                if consumes_reference(code):
                    position += length
    for i in range(1, n):
        steps[i] += steps[i - 1]
    return indels, clips, steps[:n]


class AssemblyRules(NamedTuple):
    """`Assembly`, as kernels take it."""

    min_base_quality: int
    shortest_k: int


class Moved(NamedTuple):
    """Reads with their new alignments."""

    read: Int64s  # [moved]: index
    start: Int64s  # [moved]
    cigar: UInt32s  # [operations], flat
    cigar_offset: Int64s  # [moved + 1] into ``cigar``


def _apply(reads: ReadBatch, moved: Moved, in_place: bool) -> ReadBatch:
    """Put the new alignments in."""
    if not len(moved.read):
        return reads
    # The new CIGARs lie behind the old ones; each read takes its own of all these.
    rows = np.arange(len(reads))
    rows[moved.read] = len(reads) + np.arange(len(moved.read))
    all_offset = np.concatenate((reads.cigar_offset, reads.cigar_offset[-1] + moved.cigar_offset[1:]))
    cigar_offset, (cigar,) = gathered(all_offset, rows, np.concatenate((reads.cigar, moved.cigar)))
    start, end = reads.start.copy(), reads.end.copy()
    start[moved.read] = moved.start
    end[moved.read] = moved.start + reference_spans(moved.cigar, moved.cigar_offset)
    changed = replace(reads, start=start, end=end, cigar=cigar, cigar_offset=cigar_offset)
    if (np.diff(start) >= 0).all():
        return changed
    order = np.argsort(start, kind="stable")
    return changed.reordered(order) if in_place else changed.take(order)


@kernel(vectorised=True)
def realign_windows(
    reads: ReadArrays, windows: Int64s, reference: UInt8s, reference_start: int, rules: AssemblyRules
) -> Moved:
    """Assemble each window, and lay anew what overlaps it and was not laid anew before.

    Parameters
    ----------
    windows
        int64[windows, 2], from where to where, as `find_windows` gives them.
    reference
        uint8[l] base codes from ``reference_start`` on.
    """
    done = np.zeros(len(reads.start), np.bool_)
    moved = Moved(
        np.empty(64, np.int64), np.empty(64, np.int64), np.empty(1024, np.uint32), np.zeros(65, np.int64)
    )
    n = 0
    for w in range(len(windows)):
        low, high = windows[w, 0], windows[w, 1]
        end = repeat_end(reference, high - reference_start, 1) + reference_start
        if low - PAD >= reference_start and end + PAD <= reference_start + len(reference):
            window = reference[low - PAD - reference_start : end + PAD - reference_start]
            near = _near(reads, low - PAD - SLACK, end + PAD + SLACK)
            assembled = _assembled(reads, near, window, low - PAD, (reference, reference_start), rules)
            if len(assembled.offset) > 1:
                along = _with_flanks(reads, near, assembled, window, reference, low - PAD - reference_start)
                for read in near:
                    first, last = _bases_within(reads, read, low, high)
                    if last > first and not done[read]:
                        found, start, cigar = fit_read(
                            one_read(reads, read), reference, reference_start, along
                        )
                        if found:
                            done[read] = True
                            moved = _with_one_more(moved, n, read, start, cigar)
                            n += 1
    return Moved(
        moved.read[:n], moved.start[:n], moved.cigar[: moved.cigar_offset[n]], moved.cigar_offset[: n + 1]
    )


@subkernel
def _with_one_more(moved: Moved, n: int, read: int, start: int, cigar: UInt32s) -> Moved:
    """Put in the ``n``-th; the arrays are exchanged for larger ones where they are full."""
    used = moved.cigar_offset[n]
    if n == len(moved.read) or used + len(cigar) > len(moved.cigar):
        larger = Moved(
            np.empty(2 * n + 2, np.int64), np.empty(2 * n + 2, np.int64),
            np.empty(2 * (used + len(cigar)), np.uint32), np.zeros(2 * n + 3, np.int64),
        )  # fmt: skip
        for i in range(n):
            larger.read[i], larger.start[i] = moved.read[i], moved.start[i]
            larger.cigar_offset[i + 1] = moved.cigar_offset[i + 1]
        for i in range(used):
            larger.cigar[i] = moved.cigar[i]
        moved = larger
    moved.read[n], moved.start[n], moved.cigar_offset[n + 1] = read, start, used + len(cigar)
    for i in range(len(cigar)):
        moved.cigar[used + i] = cigar[i]
    return moved


@subkernel
def _near(reads: ReadArrays, low: int, high: int) -> Int64s:
    """Indexes of the reads that may have bases in [low, high): a clipped one may reach it by its clip alone."""
    n_reads = len(reads.start)
    first = first_from(reads.start, low + SLACK - MOST_CLIPPED, 0, n_reads)
    last = first_from(reads.start, high, first, n_reads)
    near, n = np.empty(last - first, np.int64), 0
    for read in range(first, last):
        if reads.end[read] > low:
            near[n] = read
            n += 1
    return near[:n]


@subkernel
def _bases_within(reads: ReadArrays, read: int, low: int, high: int) -> tuple[int, int]:
    """Bases of a read that lie in [low, high) if it had no gaps: indexes [first, last) into the flat bases."""
    offset, size = reads.base_offset[read], reads.base_offset[read + 1] - reads.base_offset[read]
    origin = _origin(reads, read)
    return offset + min(max(low - origin, 0), size), offset + min(max(high - origin, 0), size)


@subkernel
def _origin(reads: ReadArrays, read: int) -> int:
    """Where base 0 of a read lies if it is not clipped."""
    code, length = unpack(reads.cigar[reads.cigar_offset[read]])
    return np.int64(reads.start[read]) - (length if code == SOFT_CLIP else 0)


@subkernel
def _assembled(
    reads: ReadArrays,
    near: Int64s,
    window: UInt8s,
    low: int,
    around: tuple[UInt8s, int],
    rules: AssemblyRules,
) -> Assembled:
    """Haplotypes of the window from ``low`` on; none where too few reads have bases there, or `SLACK` beside it.

    ``around`` is the reference, uint8[l], and the position of its first base.
    """
    first, last, place = np.empty((3, len(near)), np.int64)
    begin, end = low - SLACK, low + len(window) + SLACK
    here, known = 0, max(begin, around[1])  # where the reference that is given begins
    for i in range(len(near)):
        read = near[i]
        first[i], last[i] = _bases_within(reads, read, begin, end)
        place[i] = _origin(reads, read) + first[i] - reads.base_offset[read] - known
        here += last[i] > first[i]
    if here < MIN_DEPTH:
        return Assembled(np.zeros(0, np.uint8), np.zeros(1, np.int64))
    along = around[0][known - around[1] : end - around[1]]
    stretches = Stretches(
        reads.seq, reads.qual, first, last, place, along, low - known, rules.min_base_quality
    )
    return assemble(window, stretches, rules.shortest_k)


@subkernel
def _with_flanks(
    reads: ReadArrays, near: Int64s, assembled: Assembled, window: UInt8s, reference: UInt8s, at: int
) -> Haplotypes:
    """The window, at index ``at`` of the reference, and its haplotypes, widened so that every read finds room."""
    longest = 0
    for read in near:
        longest = max(longest, reads.base_offset[read + 1] - reads.base_offset[read])
    left = min(at, longest + SLACK)
    right = min(len(reference) - at - len(window), longest + SLACK)
    n = len(assembled.offset)  # with the reference
    bases = np.empty(len(assembled.bases) + len(window) + n * (left + right), np.uint8)
    offset, cigar_offset = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    cigar = np.empty(n * (3 + len(window)) + len(assembled.bases), np.uint32)
    for i in range(n):
        haplotype = window
        if i > 0:
            haplotype = assembled.bases[assembled.offset[i - 1] : assembled.offset[i]]
        end = offset[i]
        for part in (reference[at - left : at], haplotype, reference[at + len(window) :][:right]):
            for k in range(len(part)):
                bases[end + k] = part[k]
            end += len(part)
        offset[i + 1] = end
        end = cigar_offset[i]
        cigar[end] = left << LENGTH_SHIFT | MATCH
        for operation in align_globally(haplotype, window):
            end += 1
            cigar[end] = operation
        cigar[end + 1] = right << LENGTH_SHIFT | MATCH
        cigar_offset[i + 1] = end + 2
    return Haplotypes(at - left, bases, offset, cigar[: cigar_offset[n]], cigar_offset)


class Haplotypes(NamedTuple):
    """Haplotypes of a window with its flanks, and their alignments with the reference; the first is the reference."""

    begin: int  # index of their first base in the reference that is given
    bases: UInt8s  # [bases]: base codes, flat
    offset: Int64s  # [haplotypes + 1] into ``bases``
    cigar: UInt32s  # [operations]: M, I and D, flat
    cigar_offset: Int64s  # [haplotypes + 1] into ``cigar``


@subkernel
def fit_read(
    read: OneRead, reference: UInt8s, reference_start: int, haplotypes: Haplotypes
) -> tuple[bool, int, UInt32s]:
    """Lay a read without gaps along every haplotype; tell whether one scores better than its own alignment.

    Returns
    -------
    found, start, cigar
        Whether, and the new alignment: uint32[operations].
    """
    own = alignment_score(read.start, read.cigar, read.seq, reference, reference_start)
    if own < len(read.seq) and own > LOWEST:
        fit = _best_fit(read, own, reference_start, haplotypes)
        # Clipped anew on the reference is no better alignment; a gap less is.
        if fit.score > own and (fit.haplotype > 0 or _has_gap(read.cigar)):
            first, last = haplotypes.cigar_offset[fit.haplotype], haplotypes.cigar_offset[fit.haplotype + 1]
            start, cigar = place_on_reference(
                haplotypes.cigar[first:last], reference_start + haplotypes.begin, fit.at, fit.first, fit.last,
                len(read.seq),
            )  # fmt: skip
            return start >= 0, start, cigar
    return False, 0, read.cigar[:0]


@subkernel
def _has_gap(cigar: UInt32s) -> bool:
    """Whether uint32[operations] insert or delete bases."""
    k = 0
    while k < len(cigar) and not is_gap(code_of(cigar[k])):
        k += 1
    return k < len(cigar)


class ReadFit(NamedTuple):
    """Where a read lies on a haplotype without gaps; all are int64."""

    score: int
    haplotype: int  # -1 for none
    at: int  # where base 0 of the read lies on the haplotype
    first: int  # the bases used, up to ``last``
    last: int


@subkernel
def _best_fit(read: OneRead, own: int, reference_start: int, haplotypes: Haplotypes) -> ReadFit:
    """Best fit of the read on any haplotype with a score above ``own``."""
    # Where base 0 would lie by the first aligned base; bp inserted.
    origin, net = read.start - reference_start - haplotypes.begin, 0
    for k in range(len(read.cigar)):
        code, length = unpack(read.cigar[k])
        if code == SOFT_CLIP and k == 0:
            origin -= length
        elif code == INSERTION:
            net += length
        elif code == DELETION:
            net -= length
    best, offset = ReadFit(_likely_score(read, own, origin, net, haplotypes), -1, 0, 0, 0), haplotypes.offset
    for haplotype in range(len(offset) - 1):
        longer = offset[haplotype + 1] - offset[haplotype] - (offset[1] - offset[0])
        other = origin - net + longer  # where base 0 would lie by the last aligned base
        low, high = min(origin, other) - SHIFTS, max(origin, other) + SHIFTS
        bases = haplotypes.bases[offset[haplotype] : offset[haplotype + 1]]
        for at in range(max(low, -len(read.seq) // 2), high + 1):
            score, first, last = ungapped_score(read.seq, bases, at, best.score)
            if score > best.score:
                best = ReadFit(score, haplotype, at, first, last)
    return best


@subkernel
def _likely_score(read: OneRead, own: int, origin: int, net: int, haplotypes: Haplotypes) -> int:
    """A score, ``own`` or more, that the best fit exceeds if any exceeds ``own``: of where reads fit most often.

    With it what fits less need not be looked at to its end.
    """
    most, offset = own, haplotypes.offset
    for haplotype in range(len(offset) - 1):
        bases = haplotypes.bases[offset[haplotype] : offset[haplotype + 1]]
        longer = len(bases) - (offset[1] - offset[0])
        for at in (origin, origin - net + longer):
            if at >= -len(read.seq) // 2:
                most = max(most, ungapped_score(read.seq, bases, at, most)[0])
    return max(own, most - 1)
