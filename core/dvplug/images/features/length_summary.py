"""Features of how much longer or shorter than the reference the reads are at the site.

For sequencers that misread the lengths of repeats. There no allele has most of the reads, and it is the mean over all
reads that tells a locus where they scatter around the reference from one where they scatter around another allele.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.read_batch import ReadBatch
from dvplug.sequence.repeats import repeat_windows

LENGTH_FEATURES = (
    "alt_length_change",  # of the image's first alt, bp, of 10
    "second_alt_length_change",  # of its second, else 0
    "length_change",  # mean over the reads that span the repeat, on the same scale
    "length_change_median",
    "length_change_sd",
    "length_change_haplotype_1",  # mean over the reads of one haplotype; 0 without any
    "length_change_haplotype_2",
    "phased_fraction",  # of the reads that span the repeat
)
LENGTH_SCALE, MOST_CHANGE = 10.0, 2.0
UNSPANNED = np.iinfo(np.int32).min  # the change of a read that does not


def length_features(
    change: npt.NDArray[np.int32],
    reads: ReadBatch,
    candidates: CandidateBatch,
    site: npt.NDArray[np.int32],
    alt_set: npt.NDArray[np.int8],
) -> npt.NDArray[np.float32]:
    """Features float32[n, len(LENGTH_FEATURES)] of ``n`` images given by their site and alts (see `ImageBatch`).

    Sites without an indel among their alts have zeros.

    Parameters
    ----------
    change
        Of each read of each site, as `spanning_changes` gives them.
    """
    of_site = summaries(change, reads.haplotype[candidates.read_index], candidates.read_offset)
    own = alt_changes(candidates, site, alt_set)
    found = np.hstack([_scaled(own), of_site[site]])
    found[~has_indel(candidates)[site]] = 0
    return found.astype(np.float32)


def has_indel(candidates: CandidateBatch) -> npt.NDArray[np.bool_]:
    """Whether any alt of each site has another length than its REF, bool[s]."""
    return np.array(
        [
            any(len(alt) != len(ref) for alt in alts)
            for ref, alts in zip(candidates.refs, candidates.alts, strict=True)
        ],
        np.bool_,
    )


def alt_changes(
    candidates: CandidateBatch, site: npt.NDArray[np.int32], alt_set: npt.NDArray[np.int8]
) -> npt.NDArray[np.int64]:
    """Length less that of REF of the first and second alt of ``n`` images, bp, int64[n, 2]; 0 for no second alt."""
    changes = [
        [len(alt) - len(ref) for alt in alts]
        for ref, alts in zip(candidates.refs, candidates.alts, strict=True)
    ]
    own = [
        (changes[s][a], changes[s][b] if b >= 0 else 0)
        for s, (a, b) in zip(site.tolist(), alt_set.tolist(), strict=True)
    ]
    return np.array(own, np.int64).reshape(-1, 2)


def spanning_changes(
    reads: ReadBatch, candidates: CandidateBatch, reference: npt.NDArray[np.uint8], reference_start: int
) -> npt.NDArray[np.int32]:
    """Length change, bp, of each read of each site, in the order of ``candidates.read_index``; else `UNSPANNED`."""
    starts = candidates.start.astype(np.int64)
    ends = starts + np.array([len(ref) for ref in candidates.refs], np.int64)
    low, high = repeat_windows(reference, starts - reference_start, ends - reference_start)
    low, high = low + reference_start, high + reference_start
    longest = int((high - low).max(initial=0))
    order = np.argsort(candidates.read_index, kind="stable")
    sites = np.repeat(np.arange(len(starts)), np.diff(candidates.read_offset))
    return read_length_changes(
        candidates.read_index[order], sites[order], order, low, high, longest,
        reads.start, reads.end, reads.cigar, reads.cigar_offset,
    )  # fmt: skip


def _scaled(change: npt.NDArray[np.integer]) -> npt.NDArray[np.floating]:
    return np.clip(change / LENGTH_SCALE, -MOST_CHANGE, MOST_CHANGE)


@njit(cache=True)
def summaries(change: Any, haplotype: Any, offset: Any) -> Any:
    """Mean, median, SD, mean in either haplotype, fraction phased, of the spanning reads of each site, float32[s, 6].

    Parameters
    ----------
    change, haplotype
        Of each read of each site; site ``i`` has those from ``offset[i]`` up to ``offset[i + 1]``.
    """
    out = np.zeros((len(offset) - 1, 6), np.float32)
    for i in range(len(out)):
        scaled = np.empty(offset[i + 1] - offset[i], np.float64)
        sums, reads, n = np.zeros(3), np.zeros(3), 0
        for k in range(offset[i], offset[i + 1]):
            if change[k] == UNSPANNED:
                continue
            scaled[n] = min(max(change[k] / LENGTH_SCALE, -MOST_CHANGE), MOST_CHANGE)
            side = min(haplotype[k], 2)
            sums[side] += scaled[n]
            reads[side] += 1
            n += 1
        if n == 0:
            continue
        out[i, 0] = sums.sum() / n
        out[i, 1] = np.median(scaled[:n])
        out[i, 2] = scaled[:n].std()
        for side in (1, 2):
            if reads[side] > 0:
                out[i, 2 + side] = sums[side] / reads[side]
        out[i, 5] = 1 - reads[0] / n
    return out


@njit(cache=True)
def read_length_changes(
    read_index: Any, sites: Any, entries: Any, low: Any, high: Any, longest: int, read_start: Any, read_end: Any,
    cigar: Any, cigar_offset: Any,
) -> Any:  # fmt: skip
    """Inserted less deleted bp of each read in the window of each of its sites, int32[entries]; else `UNSPANNED`.

    Parameters
    ----------
    read_index, sites, entries
        Sorted by read and site: which read, which site, and where the answer goes.
    low, high
        Windows of the sites, by position; ``low`` ascends.
    longest
        bp of the longest window.
    """
    change = np.full(len(entries), UNSPANNED, np.int32)
    first = 0
    while first < len(read_index):
        read = read_index[first]
        last = first
        while last < len(read_index) and read_index[last] == read:
            site = sites[last]
            if read_start[read] <= low[site] and read_end[read] >= high[site]:
                change[entries[last]] = 0
            last += 1
        position, begin = np.int64(read_start[read]), first
        for k in range(cigar_offset[read], cigar_offset[read + 1]):
            code, length = cigar[k] & 15, np.int64(cigar[k] >> 4)
            if code == 1 or code == 2:
                for e in range(begin, last):
                    site = sites[e]
                    if low[site] > position:
                        break
                    if position < high[site] and change[entries[e]] != UNSPANNED:
                        change[entries[e]] += length if code == 1 else -length
            if code == 0 or code == 2 or code == 3 or code == 7 or code == 8:
                position += length
            while begin < last and low[sites[begin]] + longest <= position:
                begin += 1
            if begin == last:
                break
        first = last
    return change
