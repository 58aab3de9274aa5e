"""Numbers that accompany each image: haplotype-aware counts and what the site itself is like.

All are scaled to about 0..1, so that a network can take them as they are. Means over no reads are 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.read_batch import REVERSE, ReadBatch
from dvplug.sequence.repeats import repeat_tracts

FEATURES = (
    "depth",  # reads that tell an allele, ln(1 + n) / ln(1 + 500)
    "alt_reads",  # reads for the image's alts, on the same scale
    "alt_fraction",  # of the reads that tell an allele
    "first_alt_fraction",  # the same for the first alt of the image alone
    "other_fraction",  # reads of other alts or of no listed allele
    "ref_fraction",
    "unknown_fraction",  # reads over the site that tell nothing, of all
    "alt_reverse_fraction",
    "ref_reverse_fraction",
    "alt_mapping_quality",  # mean, of 60
    "ref_mapping_quality",
    "alt_low_mapping_fraction",  # below 20
    "alt_base_quality",  # mean over the read's bases at the site, of 40
    "ref_base_quality",
    "alt_end_distance",  # mean distance of the site from the read's nearer end, of 75 bp
    "ref_end_distance",
    "alt_mismatches",  # mean differences from the reference per 100 bp of a read, of 5
    "ref_mismatches",
    "alt_clipped_fraction",  # reads with soft clips of 4 bp or more
    "ref_clipped_fraction",
    "alt_starts",  # distinct read starts per supporting read: few mean copies of one fragment
    "alt_fragments",  # distinct fragments per supporting read: mates that overlap count twice in the others
    "nearby_differences",  # positions close by where many reads differ from the reference, ln(1 + n) / ln(1 + 50)
    "is_snp",
    "is_insertion",
    "is_deletion",
    "indel_length",  # ln(1 + n) / ln(1 + 100)
    "homopolymer",  # longest run of one base within or beside the allele, of 20
    "tandem_repeat",  # longest tract of a 2-6 bp unit to the right of the anchor, of 60 bp
    "alts",  # alts of the site, of 4
    "is_pair",
)
COUNT_SCALE = float(np.log1p(500.0))
LENGTH_SCALE = float(np.log1p(100.0))
MOST_FRAGMENTS = 100  # of one site that are told apart
MOST_DIFFERENCES = 10.0  # of a read, per 100 bp
NEARBY = 500  # bp on either side of the site
# Reads of a copy that the reference lacks differ at 2-5 % of the positions, a person's own alleles at 0.1 %.
NEARBY_SCALE = float(np.log1p(50.0))
FEWEST_DIFFERENT, ONE_IN = 3, 5  # reads that make a position count as such: so many, and one in so many
_NEARBY = FEATURES.index("nearby_differences")
_FROM_SITE = FEATURES.index("is_snp")


def site_features(
    reads: ReadBatch,
    candidates: CandidateBatch,
    reference: npt.NDArray[np.uint8],
    reference_start: int,
    site: npt.NDArray[np.int32],
    alt_set: npt.NDArray[np.int8],
) -> npt.NDArray[np.float32]:
    """Features float32[n, len(FEATURES)] of ``n`` images given by their site and alts (see `ImageBatch`)."""
    features = np.zeros((len(site), len(FEATURES)), np.float32)
    differences, mismatches, depth = count_differences(
        reads.start, reads.seq, reads.base_offset, reads.cigar, reads.cigar_offset, reference, reference_start
    )
    rates = 100 * differences / np.maximum(reads.end - reads.start, 1)
    clips = read_clips(reads.cigar, reads.cigar_offset)
    fragments = read_fragments(reads.start, reads.end, reads.fragment_length)
    _read_features(
        features, site, alt_set, candidates.start, candidates.read_offset, candidates.read_index,
        candidates.read_allele, reads.start, reads.end, reads.flag, reads.mapping_quality, reads.qual,
        reads.base_offset, reads.cigar, reads.cigar_offset, rates, clips, fragments,
    )  # fmt: skip
    starts = candidates.start.astype(np.int64) - reference_start
    features[:, _NEARBY] = nearby_differences(mismatches, depth, starts)[site]
    _site_features(features, candidates, reference, reference_start, site, alt_set)
    return features


def _site_features(
    features: npt.NDArray[np.float32],
    candidates: CandidateBatch,
    reference: npt.NDArray[np.uint8],
    reference_start: int,
    site: npt.NDArray[np.int32],
    alt_set: npt.NDArray[np.int8],
) -> None:
    repeats = repeat_tracts(reference, candidates.start.astype(np.int64) - reference_start)
    for row, (i, (alt, second)) in enumerate(zip(site.tolist(), alt_set.tolist(), strict=True)):
        ref, alts = candidates.refs[i], candidates.alts[i]
        change = len(alts[alt]) - len(ref)
        features[row, _FROM_SITE:] = (
            change == 0,
            change > 0,
            change < 0,
            np.log1p(abs(change)) / LENGTH_SCALE,
            repeats[i, 0],
            repeats[i, 1],
            len(alts) / 4,
            second >= 0,
        )


@njit(cache=True)
def count_differences(
    start: Any,
    seq: Any,
    base_offset: Any,
    cigar: Any,
    cigar_offset: Any,
    reference: Any,
    reference_start: int,
) -> Any:
    """Count differences from the reference by read and by position; reference as in `find_candidates`.

    Returns
    -------
    differences
        int32[reads]: mismatching bases plus indels.
    mismatches, depth
        int32[len(reference)]: reads with another base there, and reads with any base there.
    """
    differences = np.zeros(len(start), np.int32)
    mismatches = np.zeros(len(reference), np.int32)
    steps = np.zeros(len(reference) + 1, np.int32)  # of the depth, from each position to the next
    for read in range(len(start)):
        position = np.int64(start[read]) - reference_start
        base = base_offset[read]
        for k in range(cigar_offset[read], cigar_offset[read + 1]):
            code, length = cigar[k] & 15, np.int64(cigar[k] >> 4)
            if code == 0 or code == 7 or code == 8:
                first, last = max(0, -position), min(length, len(reference) - position)
                if first < last:
                    steps[position + first] += 1
                    steps[position + last] -= 1
                for i in range(first, last):
                    if seq[base + i] != reference[position + i]:
                        differences[read] += 1
                        mismatches[position + i] += 1
                position += length
                base += length
            elif code == 1 or code == 4:
                differences[read] += code == 1
                base += length
            elif code == 2 or code == 3:
                differences[read] += code == 2
                position += length
    return differences, mismatches, np.cumsum(steps[:-1])


def nearby_differences(
    mismatches: npt.NDArray[np.int32], depth: npt.NDArray[np.integer], starts: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Positions within `NEARBY` bp of each start where reads differ, scaled, float64[s].

    Parameters
    ----------
    mismatches, depth
        As of `count_differences`.
    starts
        Offsets into them.
    """
    differs = (mismatches >= FEWEST_DIFFERENT) & (ONE_IN * mismatches >= depth)
    before = np.concatenate(([0], np.cumsum(differs)))
    first, last = np.maximum(starts - NEARBY, 0), np.minimum(starts + NEARBY + 1, len(depth))
    return np.log1p(before[last] - before[first]) / NEARBY_SCALE


@njit(cache=True)
def read_clips(cigar: Any, cigar_offset: Any) -> Any:
    """Soft-clipped bases per read, int32[reads]."""
    clips = np.zeros(len(cigar_offset) - 1, np.int32)
    for read in range(len(clips)):
        for k in range(cigar_offset[read], cigar_offset[read + 1]):
            if cigar[k] & 15 == 4:
                clips[read] += np.int32(cigar[k] >> 4)
    return clips


def read_fragments(
    start: npt.NDArray[np.int32], end: npt.NDArray[np.int32], fragment_length: npt.NDArray[np.int32]
) -> npt.NDArray[np.int64]:
    """A number per read that both mates of a fragment share, from where the fragment lies (int64[reads])."""
    length = np.abs(fragment_length.astype(np.int64))
    first = np.where(fragment_length < 0, end - length, start)
    # Reads without a mapped mate share nothing: their own order tells them apart.
    return np.where(length > 0, first << 20 | np.minimum(length, (1 << 20) - 1), -1 - np.arange(len(start)))


@njit(cache=True)
def _add_distinct(seen: Any, n: int, value: int) -> int:
    """Add a value to the first ``n`` of ``seen`` unless it is there or there is no room; return the new ``n``."""
    for i in range(n):
        if seen[i] == value:
            return n
    if n < len(seen):
        seen[n] = value
        n += 1
    return n


@njit(cache=True)
def _read_features(
    features: Any, site: Any, alt_set: Any, site_start: Any, read_offset: Any, read_index: Any, read_allele: Any,
    start: Any, end: Any, flag: Any, mapping_quality: Any, qual: Any, base_offset: Any, cigar: Any,
    cigar_offset: Any, rates: Any, clips: Any, fragments: Any,
) -> None:  # fmt: skip
    for image in range(len(site)):
        at = np.int64(site_start[site[image]])
        alt, second = alt_set[image, 0], alt_set[image, 1]
        # Sums over reads of the alts (row 0) and of the reference (row 1): reads, reverse, mapping quality,
        # low mapping quality, base quality, end distance, differences per 100 bp, clipped.
        sums = np.zeros((2, 8))
        first_alt, other, unknown, starts, last_start = 0, 0, 0, 0, -1
        seen = np.empty(MOST_FRAGMENTS, np.int64)
        n_seen = 0
        for k in range(read_offset[site[image]], read_offset[site[image] + 1]):
            read, allele = read_index[k], read_allele[k]
            if allele == 0:
                row = 1
            elif allele > 0 and (allele - 1 == alt or allele - 1 == second):
                row = 0
                first_alt += allele - 1 == alt
                starts += start[read] != last_start
                last_start = start[read]
                n_seen = _add_distinct(seen, n_seen, fragments[read])
            else:
                if allele == -2:
                    unknown += 1
                else:
                    other += 1
                continue
            sums[row, 0] += 1
            sums[row, 1] += (flag[read] & REVERSE) != 0
            sums[row, 2] += min(mapping_quality[read], 60)
            sums[row, 3] += mapping_quality[read] < 20
            base = base_at(np.int64(start[read]), cigar[cigar_offset[read] : cigar_offset[read + 1]], at)
            if base >= 0:
                sums[row, 4] += min(qual[base_offset[read] + base], 40)
            sums[row, 5] += min(75, max(0, min(at - start[read], end[read] - 1 - at)))
            sums[row, 6] += min(MOST_DIFFERENCES, rates[read])
            sums[row, 7] += clips[read] >= 4
        alts, refs = sums[0, 0], sums[1, 0]
        depth = alts + refs + other
        features[image, 0] = np.log1p(depth) / COUNT_SCALE
        features[image, 1] = np.log1p(alts) / COUNT_SCALE
        if depth > 0:
            features[image, 2] = alts / depth
            features[image, 3] = first_alt / depth
            features[image, 4] = other / depth
            features[image, 5] = refs / depth
        if depth + unknown > 0:
            features[image, 6] = unknown / (depth + unknown)
        if alts > 0:
            features[image, 11] = sums[0, 3] / alts
            features[image, 20] = starts / alts
            features[image, 21] = n_seen / min(alts, MOST_FRAGMENTS)
        for row in range(2):
            reads = max(sums[row, 0], 1.0)
            features[image, 7 + row] = sums[row, 1] / reads
            features[image, 9 + row] = sums[row, 2] / reads / 60
            features[image, 12 + row] = sums[row, 4] / reads / 40
            features[image, 14 + row] = sums[row, 5] / reads / 75
            features[image, 16 + row] = sums[row, 6] / reads / 5
            features[image, 18 + row] = sums[row, 7] / reads


@njit(cache=True)
def base_at(start: int, cigar: Any, site: int) -> int:
    """Index in the read of the base at a reference position, of the base before it where deleted, else -1."""
    position, base = start, 0
    for k in range(len(cigar)):
        code, length = cigar[k] & 15, np.int64(cigar[k] >> 4)
        if code == 0 or code == 7 or code == 8:
            if position <= site < position + length:
                return base + site - position
            position += length
            base += length
        elif code == 1 or code == 4:
            base += length
        elif code == 2 or code == 3:
            if position <= site < position + length:
                return base - 1 if code == 2 else -1
            position += length
    return -1
