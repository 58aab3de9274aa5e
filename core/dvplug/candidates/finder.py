"""Candidate sites: count the alleles that reads show, keep those above the thresholds, assign reads to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dvplug.candidates.changed_anchors import Allele, Seen, with_changed_anchors
from dvplug.candidates.exclusion import without_contradictions
from dvplug.candidates.indel_thresholds import indels_enough
from dvplug.candidates.long_indels import PooledIndel, is_spelling_of, pooled_indels, with_carriers
from dvplug.candidates.molecules import count_once, events_once
from dvplug.candidates.support import assign_reads
from dvplug.kernel import kernel, subkernel
from dvplug.line.against_reference import AgainstReference
from dvplug.line.candidate_batch import UNINFORMATIVE, CandidateBatch
from dvplug.line.contexts import FindContext
from dvplug.line.read_batch import ALONE, ReadArrays, ReadBatch
from dvplug.line.region import Region
from dvplug.sequence.alleles import after_shift, left_aligned, without_shared
from dvplug.sequence.arrays import Int8s, Int32s, Int64s, UInt8s, UInt32s
from dvplug.sequence.cigar import (
    DELETION,
    code_of,
    consumes_read,
    consumes_reference,
    has_aligned,
    is_aligned,
    is_gap,
    length_of,
    unpack,
)
from dvplug.sequence.codes import BASES, UNKNOWN_BASE, decode_bases
from dvplug.sequence.comparison import is_known_base, next_unlike
from dvplug.sequence.fnv import FNV_BASIS, FNV_PRIME, fnv_hash
from dvplug.sequence.gaps import touching_gaps
from dvplug.technology import CandidateThresholds

_ANCHOR, _CHANGE, _HASH, _BASE, _SHIFT, _REPLACED, _READ = range(7)  # columns of `AlleleCounts.events`


class AlleleCounts(NamedTuple):
    """What reads show over ``l`` bp of the reference."""

    mismatches: Int32s  # [l, 4]: reads with a base of sufficient quality that differs from the reference
    depth: Int32s  # [l]: reads with any base of sufficient quality, or with a deletion, there
    differ: Int32s  # [l], as of `AgainstReference`
    events: Int64s
    """[events, 7], one row per indel of a read: anchor (offset of the preceding base, after the shift to the left);
    length (positive inserted, negative deleted); FNV-1a hash of the inserted bases; their index in the reads' bases;
    how far it was shifted to the left; 0. Where bases are replaced by another number of bases: offset of the first of
    them; how many come; their hash; their index; 0; how many go. Last comes the read."""


class _Gaps(NamedTuple):
    """Gaps of a read that are one change; all are int64."""

    position: int  # offset in the reference where they begin
    deleted: int  # bp of the reference from there on
    base: int  # index in the reads' bases
    inserted: int  # bp from there on that come in their place


def find_in_context(context: FindContext) -> CandidateBatch:
    """Find the sites of a region (see `dvplug.hookspecs.Find`), as `find_candidates`."""
    return find_candidates(
        context.reads, context.reference, context.reference_start, context.region, context.thresholds
    )


def find_candidates(
    reads: ReadBatch,
    reference: UInt8s,
    reference_start: int,
    region: Region,
    thresholds: CandidateThresholds,
) -> CandidateBatch:
    """Find the sites of ``region`` where reads support an alt, and which read supports which allele.

    Parameters
    ----------
    reads
        All reads that overlap ``region`` and its margin.
    reference
        uint8[l], base codes from ``reference_start`` on; must cover the region, its margin and all reads' ends
        that should count (bases outside are ignored).
    """
    counted = _count_molecules(reads, reference, reference_start, thresholds.min_base_quality)
    window = slice(region.start - reference_start, region.end - reference_start)
    snps = _snps(counted, reference, window, thresholds)
    indels = _indels(counted, reads.seq, reference, window, thresholds)
    least = float(thresholds.min_count_indels), thresholds.min_fraction_indels
    pooled = pooled_indels(
        counted.events, counted.depth, reads, reference, reference_start, least, region.contig
    )
    if pooled:
        indels = [one for one in indels if not is_spelling_of(pooled, one.start, *one.allele)]
        indels += [
            Seen(one.start, len(one.carriers), Allele(one.ref_length, one.alt))
            for one in pooled
            if window.start <= one.start < window.stop
        ]
    seen = with_changed_anchors(snps, indels, reads, reference_start, counted.depth, thresholds)
    at: dict[int, list[Seen]] = {}
    for one in seen:
        at.setdefault(one.start + reference_start, []).append(one)
    alleles = {start: _best(here, thresholds.max_alts) for start, here in at.items()}
    return candidates_at(region.contig, alleles, reads, reference, reference_start, thresholds, pooled)


def _count_molecules(
    reads: ReadBatch, reference: UInt8s, reference_start: int, min_base_quality: int
) -> AlleleCounts:
    """Count alleles; what reads of a molecule show alike, once."""
    arrays = reads.arrays()
    counted = count_alleles(arrays, reference, reference_start, min_base_quality)
    depth = counted.depth.copy()
    reads.keep_against(AgainstReference(reference_start, min_base_quality, depth, counted.differ))
    if not (reads.molecule != ALONE).any():
        return counted
    count_once(
        counted.mismatches, counted.depth, arrays, reads.molecule, reference, reference_start,
        min_base_quality,
    )  # fmt: skip
    alike = counted.events[:, [_ANCHOR, _CHANGE, _HASH, _REPLACED]]
    return counted._replace(events=events_once(counted.events, alike, reads.molecule))


def _snps(
    counted: AlleleCounts, reference: UInt8s, window: slice, thresholds: CandidateThresholds
) -> list[Seen]:
    """Mismatching bases in the window above the thresholds."""
    found = find_mismatches(
        counted.mismatches[window], counted.depth[window], reference[window],
        float(thresholds.min_count_snps), float(thresholds.min_fraction_snps),
    )  # fmt: skip
    return [
        Seen(window.start + offset, reads, Allele(1, BASES[base])) for offset, base, reads in found.tolist()
    ]


@kernel(vectorised=True)
def find_mismatches(
    mismatches: Int32s, depth: Int32s, reference: UInt8s, least_count: float, least_fraction: float
) -> Int64s:
    """Find bases that so many reads show, and such a part of them: offset, base and reads, int64[found, 3], in order.

    Parameters
    ----------
    mismatches, depth, reference
        int32[l, 4], int32[l], as of `AlleleCounts`; uint8[l] base codes, of which unknown ones have no alts.
    """
    found, n = np.empty((0, 3), np.int64), 0
    for fill in range(2):  # after they were counted
        if fill:
            found = np.empty((n, 3), np.int64)
        n = 0
        for at in range(len(depth)):
            here = mismatches[at]
            if here[0] | here[1] | here[2] | here[3] == 0 or reference[at] >= UNKNOWN_BASE:
                continue
            least = max(least_count, np.ceil(least_fraction * depth[at] - 1e-9))
            for base in range(4):
                if here[base] >= least:
                    if fill:
                        found[n, 0], found[n, 1], found[n, 2] = at, base, here[base]
                    n += 1
    return found


def _indels(
    counted: AlleleCounts, seq: UInt8s, reference: UInt8s, window: slice, thresholds: CandidateThresholds
) -> list[Seen]:
    """Indels in the window, those alike taken together, above the thresholds; ``seq`` are the bases of the reads."""
    events = counted.events
    events = events[(events[:, _ANCHOR] >= window.start) & (events[:, _ANCHOR] < window.stop)]
    if not len(events):
        return []
    alike = [_ANCHOR, _REPLACED, _CHANGE, _HASH]
    events = events[np.lexsort(events[:, alike[::-1]].T)]
    differs = np.any(np.diff(events[:, alike], axis=0) != 0, axis=1)
    firsts = np.concatenate(([0], np.flatnonzero(differs) + 1))
    counts = np.diff(np.append(firsts, len(events)))
    one = events[firsts]
    change, depth = one[:, _CHANGE] - one[:, _REPLACED], counted.depth[one[:, _ANCHOR]]
    enough = indels_enough(one[:, _ANCHOR], change, counts, depth, thresholds)
    seen = []
    kept = zip(one[enough].tolist(), firsts[enough].tolist(), counts[enough].tolist(), strict=True)
    for event, first, count in kept:
        allele = _allele_of(event, seq, reference)
        replaced = reference[event[_ANCHOR] : event[_ANCHOR] + allele.ref_length]
        if replaced.max() < UNKNOWN_BASE and "N" not in allele.alt:
            # Each read once, though it may have two such gaps in a tract, which are both moved to its start.
            carriers = set() if event[_REPLACED] else set(events[first : first + count, _READ].tolist())
            seen.append(Seen(event[_ANCHOR], count, allele, carriers))
    return seen


def _allele_of(event: list[int], seq: UInt8s, reference: UInt8s) -> Allele:
    """The allele that a row of `AlleleCounts.events` stands for."""
    anchor, change, _, base, shift, replaced, _ = event
    if replaced:
        return Allele(replaced, decode_bases(seq[base : base + change]))
    before = decode_bases(reference[anchor : anchor + 1])
    if change < 0:
        return Allele(1 - change, before)
    return Allele(
        1, before + decode_bases(after_shift(reference, anchor, anchor + shift, seq[base : base + change]))
    )


def _best(seen: list[Seen], most: int) -> list[Allele]:
    """Best supported first; ties by the alleles themselves, so that order never depends on the reads' order."""
    return [one.allele for one in sorted(seen, key=lambda one: (-one.reads, one.allele))[:most]]


def candidates_at(
    contig: str,
    alleles: Mapping[int, Sequence[Allele]],
    reads: ReadBatch,
    reference: UInt8s,
    reference_start: int,
    thresholds: CandidateThresholds,
    pooled: Sequence[PooledIndel] = (),
) -> CandidateBatch:
    """Make the sites of these alleles, by their 0-based starts, and assign the reads to them.

    Of alleles that are ``pooled`` it is known which reads have them.
    """
    starts, refs, alts = sorted(alleles), [], []
    letters = decode_bases(reference)
    for start in starts:
        first = start - reference_start
        ref = letters[first : first + max(allele.ref_length for allele in alleles[start])]
        refs.append(ref)
        alts.append(tuple(allele.alt + ref[allele.ref_length :] for allele in alleles[start]))
    site_starts = np.array(starts, np.int32)
    least = thresholds.min_base_quality
    support = assign_reads(reads, reference, reference_start, site_starts, refs, alts, min_base_quality=least)
    support = without_contradictions(support, reads, reference, reference_start, site_starts, refs, alts)
    most = max(map(len, alts), default=0)
    known = {
        (starts.index(at), 1 + alleles[at].index(allele)): one
        for one in pooled
        if (allele := Allele(one.ref_length, one.alt)) in alleles.get(at := one.start + reference_start, ())
    }
    is_pooled = None
    if known:
        support, is_pooled = with_carriers(support, starts, known, most)
    depth, allele_depths = _count_support(support.offset, support.allele, 1 + most)
    return CandidateBatch(contig, site_starts, refs, alts, *support, depth, allele_depths, is_pooled)


def _count_support(offset: Int64s, allele: Int8s, alleles: int) -> tuple[Int32s, Int32s]:
    """Count reads that tell an allele, int32[sites], and those of each allele, int32[sites, alleles]."""
    sites = len(offset) - 1
    site = np.repeat(np.arange(sites), np.diff(offset))
    known = allele >= 0
    flat = np.bincount(site[known] * alleles + allele[known], minlength=sites * alleles)
    informative = np.bincount(site[allele != UNINFORMATIVE], minlength=sites)
    return informative.astype(np.int32), flat.reshape(sites, alleles).astype(np.int32)


@kernel(vectorised=True)
def count_alleles(
    reads: ReadArrays, reference: UInt8s, reference_start: int, min_base_quality: int
) -> AlleleCounts:
    """Count mismatching bases and list left-aligned indels.

    An indel counts between aligned bases; an insertion if its bases have the quality on average, a deletion if the
    base before it has. Insertions and deletions with no aligned base between them, once each is shifted to the left,
    are one change.

    Parameters
    ----------
    reference
        uint8[l] base codes from ``reference_start`` on.
    min_base_quality
        phred that is sufficient.
    """
    n = 0
    counted = AlleleCounts(
        np.zeros((len(reference), 4), np.int32),
        np.zeros(len(reference) + 1, np.int32),  # at first, by how much the depth changes there
        np.zeros(len(reference), np.int32),
        np.empty((_count_gaps(reads.cigar), 7), np.int64),
    )
    for read in range(len(reads.start)):
        position, base = np.int64(reads.start[read]) - reference_start, reads.base_offset[read]
        aligned, last_k = False, reads.cigar_offset[read + 1]
        told = np.int64(0)  # the operations before it
        for k in range(reads.cigar_offset[read], last_k):
            code, length = unpack(reads.cigar[k])
            first, last = max(0, position), min(position + length, len(reference))
            if is_aligned(code):
                aligned = True
                _count_bases(counted, reads, base - position, first, last, reference, min_base_quality)
            elif is_gap(code):
                _count_gap(counted, reads, (read, k), base, position, reference, min_base_quality)
                if aligned and k >= told:
                    run = touching_gaps(reads.cigar, k, last_k, reference, position, reads.seq, base)
                    told = run.after
                    if has_aligned(reads.cigar, told, last_k):
                        gaps = _Gaps(position, run.deleted, base, run.inserted)
                        added = _add_gaps(counted, n, reads, gaps, reference, min_base_quality)
                        if added > 0:
                            counted.events[n, _READ] = read
                        n += added
            if consumes_read(code):
                base += length
            if consumes_reference(code):
                position += length
    depth = counted.depth[: len(reference)]
    for at in range(1, len(depth)):
        depth[at] += depth[at - 1]
    return AlleleCounts(counted.mismatches, depth, counted.differ, counted.events[:n])


@subkernel
def _count_gap(
    counted: AlleleCounts, reads: ReadArrays, gap: tuple[int, int], base: int, position: int, reference: UInt8s,
    min_base_quality: int,
) -> None:  # fmt: skip
    """Count the bases that a gap, a read and its operation, deletes, and the base before it; `depth` is of steps."""
    (read, k), at = gap, position - 1
    length = length_of(reads.cigar[k]) if code_of(reads.cigar[k]) == DELETION else 0
    for deleted in range(max(0, position), min(position + length, len(reference))):
        counted.depth[deleted] += 1
        counted.depth[deleted + 1] -= 1
        counted.differ[deleted] += 1
    if k > reads.cigar_offset[read] and is_aligned(code_of(reads.cigar[k - 1])) and 0 <= at < len(reference):
        known = is_known_base(reads.seq[base - 1], reads.qual[base - 1], min_base_quality)
        counted.differ[at] += known and reads.seq[base - 1] == reference[at]


@subkernel
def _add_gaps(
    counted: AlleleCounts, n: int, reads: ReadArrays, gaps: _Gaps, reference: UInt8s, min_base_quality: int
) -> int:
    """Count the gaps as one change, event ``n``, or as mismatches; return how many events were added.

    ``reference`` uint8[l] are base codes.
    """
    position, deleted, base, inserted = gaps
    if (
        position <= 0
        or position + deleted >= len(reference)
        or not _is_credible(reads.qual, base, inserted, inserted > 0, min_base_quality)
    ):
        return 0
    position, deleted, base, inserted = without_shared(
        reference, position, deleted, reads.seq, base, inserted
    )
    if deleted == inserted:
        for i in range(deleted):
            code = reads.seq[base + i]
            if (
                code < UNKNOWN_BASE
                and code != reference[position + i]
                and reads.qual[base + i] >= min_base_quality
            ):
                counted.mismatches[position + i, code] += 1
        return 0
    event = counted.events[n]
    if deleted > 0 and inserted > 0:
        event[_ANCHOR], event[_CHANGE], event[_HASH] = position, inserted, fnv_hash(reads.seq, base, inserted)
        event[_BASE], event[_SHIFT], event[_REPLACED] = base, 0, deleted
    else:
        _fill_event(event, reference, position - 1, reads.seq, base, max(deleted, inserted), inserted > 0)
    return 1


@subkernel
def _count_gaps(cigar: UInt32s) -> int:
    """Insertions and deletions among uint32[operations]."""
    n = 0
    for k in range(len(cigar)):
        n += is_gap(code_of(cigar[k]))
    return n


@subkernel
def _count_bases(
    counted: AlleleCounts,
    reads: ReadArrays,
    shift: int,
    first: int,
    last: int,
    reference: UInt8s,
    min_base_quality: int,
) -> None:
    """Count bases over the reference from ``first`` up to ``last``; their indexes in the reads are ``shift`` more.

    Here the depth of ``counted`` is by how much it changes from each position to the next.
    """
    if last <= first:
        return
    steps, end = counted.depth, last + shift
    steps[first] += 1
    steps[last] -= 1
    i = next_unlike(reads.seq, reads.qual, reference, min_base_quality, -shift, first + shift, end)
    while i < end:
        if is_known_base(reads.seq[i], reads.qual[i], min_base_quality):
            counted.mismatches[i - shift, reads.seq[i]] += 1
            counted.differ[i - shift] += 1
        else:
            steps[i - shift] -= 1
            steps[i - shift + 1] += 1
        i = next_unlike(reads.seq, reads.qual, reference, min_base_quality, -shift, i + 1, end)


@subkernel
def _is_credible(qual: UInt8s, base: int, length: int, inserted: bool, min_base_quality: int) -> bool:
    """Whether the qualities, uint8[bases], of the inserted bases, or of the one before a deletion, suffice."""
    if not inserted:
        return qual[base - 1] >= min_base_quality
    total = 0
    for i in range(length):
        total += qual[base + i]
    return total >= min_base_quality * length


@subkernel
def _fill_event(
    event: Int64s, reference: UInt8s, anchor: int, seq: UInt8s, base: int, length: int, inserted: bool
) -> None:
    """Fill a row of `AlleleCounts.events`; the indel's place and bases as in `left_aligned`."""
    first = left_aligned(reference, anchor, seq, base, length, inserted)
    event[_ANCHOR], event[_CHANGE], event[_HASH], event[_BASE] = first, -length, 0, 0
    event[_SHIFT], event[_REPLACED] = anchor - first, 0
    if inserted:
        key = FNV_BASIS
        for i in range(length):
            code = reference[first + 1 + i] if i < anchor - first else seq[base + i - (anchor - first)]
            key = (key ^ np.uint64(code)) * FNV_PRIME
        event[_CHANGE], event[_HASH], event[_BASE] = length, np.int64(key >> np.uint64(1)), base
