"""Candidate sites: count the alleles that reads show, keep those above the thresholds, assign reads to them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from dvplug.candidates.support import assign_reads
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.read_batch import ReadBatch
from dvplug.line.region import Region
from dvplug.sequence.alleles import left_aligned
from dvplug.technology import CandidateThresholds

BASES = "ACGTN"
HASH_SEED, HASH_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a, 64 bit


class _Site(NamedTuple):
    """One position with all its alts; an alt is (REF length it replaces, bases)."""

    start: int
    alleles: list[tuple[int, int, str]]  # (count, REF length, alt bases)


def find_candidates(
    reads: ReadBatch,
    reference: npt.NDArray[np.uint8],
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
    counts, depth, events = count_alleles(
        reads.start, reads.seq, reads.qual, reads.base_offset, reads.cigar, reads.cigar_offset,
        reference, reference_start, thresholds.min_base_quality,
    )  # fmt: skip
    begin, end = region.start - reference_start, region.end - reference_start
    alleles: dict[int, list[tuple[int, int, str]]] = {}
    _add_snps(alleles, counts, depth, reference, begin, end, thresholds)
    _add_indels(alleles, events, reads.seq, depth, reference, begin, end, thresholds)
    sites = [_Site(start, alleles[start]) for start in sorted(alleles)]
    return _batch(sites, reads, reference, reference_start, region, thresholds)


def _add_snps(
    alleles: dict[int, list[tuple[int, int, str]]],
    counts: npt.NDArray[np.int32],
    depth: npt.NDArray[np.int32],
    reference: npt.NDArray[np.uint8],
    begin: int,
    end: int,
    thresholds: CandidateThresholds,
) -> None:
    part = counts[begin:end]
    enough = (
        part
        >= np.maximum(
            thresholds.min_count_snps, np.ceil(thresholds.min_fraction_snps * depth[begin:end] - 1e-9)
        ).astype(np.int32)[:, None]
    )
    enough &= (reference[begin:end] < 4)[:, None]
    for offset, base in np.argwhere(enough).tolist():
        alleles.setdefault(begin + offset, []).append((int(part[offset, base]), 1, BASES[base]))


def _add_indels(
    alleles: dict[int, list[tuple[int, int, str]]],
    events: npt.NDArray[np.int64],
    seq: npt.NDArray[np.uint8],
    depth: npt.NDArray[np.int32],
    reference: npt.NDArray[np.uint8],
    begin: int,
    end: int,
    thresholds: CandidateThresholds,
) -> None:
    """Group the indel events (see `count_alleles`) and keep the groups above the thresholds."""
    events = events[(events[:, 0] >= begin) & (events[:, 0] < end)]
    if not len(events):
        return
    events = events[np.lexsort((events[:, 2], events[:, 1], events[:, 0]))]
    change = np.any(np.diff(events[:, :3], axis=0) != 0, axis=1)
    firsts = np.concatenate(([0], np.flatnonzero(change) + 1))
    sizes = np.diff(np.append(firsts, len(events)))
    anchors = events[firsts, 0]
    least = np.maximum(thresholds.min_count_indels, thresholds.min_fraction_indels * depth[anchors] - 1e-9)
    for first, count in zip(firsts[sizes >= least].tolist(), sizes[sizes >= least].tolist(), strict=True):
        anchor, length, _, seq_offset, shift = (int(v) for v in events[first])
        if length < 0:
            ref_length, alt = 1 - length, _decode(reference[anchor : anchor + 1])
        else:
            ref_length, alt = 1, _inserted(reference, anchor, seq, seq_offset, length, shift)
        if reference[anchor : anchor + ref_length].max() < 4 and "N" not in alt:
            alleles.setdefault(anchor, []).append((count, ref_length, alt))


def _inserted(
    reference: npt.NDArray[np.uint8],
    anchor: int,
    seq: npt.NDArray[np.uint8],
    seq_offset: int,
    length: int,
    shift: int,
) -> str:
    """Anchor base and inserted bases after a shift to the left by ``shift`` bases."""
    rolled = np.concatenate(
        (reference[anchor + 1 : anchor + 1 + shift], seq[seq_offset : seq_offset + length])
    )
    return _decode(np.concatenate((reference[anchor : anchor + 1], rolled[:length])))


def _decode(codes: npt.NDArray[np.uint8]) -> str:
    return "".join(BASES[c] for c in codes)


def _batch(
    sites: list[_Site],
    reads: ReadBatch,
    reference: npt.NDArray[np.uint8],
    reference_start: int,
    region: Region,
    thresholds: CandidateThresholds,
) -> CandidateBatch:
    refs, alts = [], []
    for start, alleles in sites:
        # Best supported first; ties by the alleles themselves, so that order never depends on the reads' order.
        best = sorted(alleles, key=lambda a: (-a[0], a[1], a[2]))[: thresholds.max_alts]
        ref_length = max(length for _, length, _ in best)
        ref = _decode(reference[start : start + ref_length])
        refs.append(ref)
        alts.append(tuple(alt + ref[length:] for _, length, alt in best))
    starts = np.array([site.start + reference_start for site in sites], np.int32)
    return candidates_at(region.contig, starts, refs, alts, reads, reference, reference_start, thresholds)


def candidates_at(
    contig: str,
    starts: npt.NDArray[np.int32],
    refs: list[str],
    alts: list[tuple[str, ...]],
    reads: ReadBatch,
    reference: npt.NDArray[np.uint8],
    reference_start: int,
    thresholds: CandidateThresholds,
) -> CandidateBatch:
    """Assign the reads to the alleles of these sites, which are sorted by start."""
    offset, index, allele = assign_reads(
        reads, reference, reference_start, starts, refs, alts, min_base_quality=thresholds.min_base_quality
    )
    depth, allele_depths = _count_support(offset, allele, len(starts), 1 + max(map(len, alts), default=0))
    return CandidateBatch(contig, starts, refs, alts, offset, index, allele, depth, allele_depths)


def _count_support(
    offset: npt.NDArray[np.int64], allele: npt.NDArray[np.int8], sites: int, alleles: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    site = np.repeat(np.arange(sites), np.diff(offset))
    known = allele >= 0
    flat = np.bincount(site[known] * alleles + allele[known], minlength=sites * alleles)
    informative = np.bincount(site[allele >= -1], minlength=sites)  # OTHER counts, UNINFORMATIVE does not
    return informative.astype(np.int32), flat.reshape(sites, alleles).astype(np.int32)


@njit(cache=True)
def count_alleles(
    start: Any, seq: Any, qual: Any, base_offset: Any, cigar: Any, cigar_offset: Any,
    reference: Any, reference_start: int, min_base_quality: int,
) -> Any:  # fmt: skip
    """Count mismatching bases and list left-aligned indels.

    Parameters
    ----------
    start, seq, qual, base_offset, cigar, cigar_offset
        As in `ReadBatch`.
    reference
        uint8[l] base codes from ``reference_start`` on.

    Returns
    -------
    counts
        int32[l, 4]: reads with a base of sufficient quality that differs from the reference.
    depth
        int32[l]: reads with any base of sufficient quality, or with a deletion, there.
    events
        int64[e, 5]: anchor (offset of the preceding base, after the shift to the left), length (positive inserted,
        negative deleted), FNV-1a hash of the inserted bases, offset of the inserted bases in ``seq``, and how far
        it was shifted to the left.
    """
    length_of_reference = len(reference)
    counts = np.zeros((length_of_reference, 4), np.int32)
    depth = np.zeros(length_of_reference, np.int32)
    events = np.empty((1024, 5), np.int64)
    n_events = 0
    for read in range(len(start)):
        position = np.int64(start[read]) - reference_start
        base = base_offset[read]
        aligned = False
        first, last = cigar_offset[read], cigar_offset[read + 1]
        for k in range(first, last):
            code, length = cigar[k] & 15, np.int64(cigar[k] >> 4)
            if code == 0 or code == 7 or code == 8:
                aligned = True
                begin, end = max(0, -position), min(length, length_of_reference - position)
                for i in range(begin, end):
                    b = seq[base + i]
                    if b < 4 and qual[base + i] >= min_base_quality:
                        depth[position + i] += 1
                        if b != reference[position + i]:
                            counts[position + i, b] += 1
                position += length
                base += length
            elif code == 1 or code == 2:
                anchor = position - 1
                usable = aligned and _has_match(cigar, k + 1, last) and anchor >= 0
                if code == 1:
                    if usable and anchor + 1 < length_of_reference:
                        total = 0
                        for i in range(length):
                            total += qual[base + i]
                        if total >= min_base_quality * length:
                            if n_events == len(events):
                                events = _grown(events)
                            _insertion_event(events[n_events], reference, anchor, seq, base, length)
                            n_events += 1
                    base += length
                else:
                    for i in range(max(0, -position), min(length, length_of_reference - position)):
                        depth[position + i] += 1
                    if (
                        usable
                        and position + length < length_of_reference
                        and qual[base - 1] >= min_base_quality
                    ):
                        if n_events == len(events):
                            events = _grown(events)
                        _deletion_event(events[n_events], reference, anchor, length)
                        n_events += 1
                    position += length
            elif code == 3:
                position += length
            elif code == 4:
                base += length
    return counts, depth, events[:n_events]


@njit(cache=True)
def _has_match(cigar: Any, first: int, last: int) -> bool:
    for k in range(first, last):
        code = cigar[k] & 15
        if code == 0 or code == 7 or code == 8:
            return True
    return False


@njit(cache=True)
def _grown(events: Any) -> Any:
    larger = np.empty((2 * len(events), events.shape[1]), events.dtype)
    larger[: len(events)] = events
    return larger


@njit(cache=True)
def _deletion_event(event: Any, reference: Any, anchor: int, length: int) -> None:
    first = left_aligned(reference, anchor, reference, 0, length, False)
    event[0], event[1], event[2], event[3], event[4] = first, -length, 0, 0, anchor - first


@njit(cache=True)
def _insertion_event(event: Any, reference: Any, anchor: int, seq: Any, base: int, length: int) -> None:
    first = left_aligned(reference, anchor, seq, base, length, True)
    shift = anchor - first
    key = HASH_SEED
    for i in range(length):
        code = reference[first + 1 + i] if i < shift else seq[base + i - shift]
        key = (key ^ np.uint64(code)) * HASH_PRIME
    event[0], event[1], event[2], event[3], event[4] = (
        first,
        length,
        np.int64(key >> np.uint64(1)),
        base,
        shift,
    )
