"""Numbers that accompany each image: haplotype-aware counts and what the site itself is like.

All are scaled to about 0..1, so that a network can take them as they are. Means over no reads are 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dvplug.images.features.differences import NEARBY, NEARBY_SCALE, count_differences, nearby_differences
from dvplug.kernel import kernel, subkernel
from dvplug.line.candidate_batch import UNINFORMATIVE, ReadSupport
from dvplug.line.read_batch import REVERSE, ReadArrays
from dvplug.line.scene import ImageAlts, Scene
from dvplug.sequence.arrays import Float32s, Float64s, Int32s, Int64s, UInt32s
from dvplug.sequence.cigar import (
    DELETION,
    SOFT_CLIP,
    code_of,
    consumes_read,
    consumes_reference,
    is_aligned,
    length_of,
    unpack,
)
from dvplug.sequence.cursors import first_places, move_on
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
INDEL_SCALE = float(np.log1p(100.0))
MOST_FRAGMENTS = 100  # of one site that are told apart
MOST_DIFFERENCES, DIFFERENCES_SCALE = 10.0, 5  # of a read, per 100 bp
MOST_MAPPING_QUALITY, LOW_MAPPING_QUALITY, MOST_BASE_QUALITY = 60, 20, 40
MOST_END_DISTANCE, LEAST_CLIP = 75, 4  # bp
LEAST_STARTS = 0.01  # distinct starts per read that count as usual in deep amplicons
# Columns; of those that both alleles have, the alts' column, which the reference's follows.
_DEPTH, _ALT_READS, _ALT_FRACTION, _FIRST_ALT, _OTHER, _REF_FRACTION, _UNKNOWN = range(7)
_REVERSE_FRACTION = FEATURES.index("alt_reverse_fraction")
_MAPPING_QUALITY = FEATURES.index("alt_mapping_quality")
_LOW_MAPPING = FEATURES.index("alt_low_mapping_fraction")
_BASE_QUALITY = FEATURES.index("alt_base_quality")
_END_DISTANCE = FEATURES.index("alt_end_distance")
_MISMATCHES = FEATURES.index("alt_mismatches")
_CLIPPED = FEATURES.index("alt_clipped_fraction")
_STARTS, _FRAGMENTS = FEATURES.index("alt_starts"), FEATURES.index("alt_fragments")
_NEARBY = FEATURES.index("nearby_differences")
_FROM_SITE = FEATURES.index("is_snp")


class _Traits(NamedTuple):
    """What is counted once per read."""

    differences: Float64s  # [r]: from the reference, per 100 bp
    clip: Int32s  # [r]: soft-clipped bases
    fragment: Int64s  # [r]: a number that both mates share


class _Meanings(NamedTuple):
    """What qualities mean."""

    base: Float64s  # [256]: phred, `MOST_BASE_QUALITY` at most
    mapping: Float64s  # [256]: `MOST_MAPPING_QUALITY` at most


_REPORTED = _Meanings(
    np.minimum(np.arange(256.0), MOST_BASE_QUALITY), np.minimum(np.arange(256.0), MOST_MAPPING_QUALITY)
)


def site_features(scene: Scene) -> Float32s:
    """Features float32[n, len(FEATURES)] of each image, by what the reads say of themselves."""
    return _features(scene, _REPORTED)


def relative_site_features(scene: Scene) -> Float32s:
    """Features float32[n, len(FEATURES)] of each image, of what is usual in the run.

    Base qualities are how seldom bases of such qualities are wrong in it, mapping qualities are of its usual one (1
    where they are not known), distinct starts and fragments of its usual share of them, and nearby differences are
    compared with as many as it has on average.
    """
    run = scene.run
    base = np.minimum(run.empirical_qualities, MOST_BASE_QUALITY)
    features = _features(scene, _Meanings(base, MOST_MAPPING_QUALITY * run.mapping_shares))
    several = features[:, [_STARTS, _FRAGMENTS]] / max(run.distinct_starts, LEAST_STARTS)
    features[:, [_STARTS, _FRAGMENTS]] = np.minimum(several, 1)
    features[:, _NEARBY] -= np.log1p(run.differing_positions * (2 * NEARBY + 1) / 1000) / NEARBY_SCALE
    return features


def _features(scene: Scene, meanings: _Meanings) -> Float32s:
    reads, arrays, candidates = scene.reads, scene.reads.arrays(), scene.candidates
    features = np.zeros((len(scene.images.site), len(FEATURES)), np.float32)
    differences, mismatches, depth = count_differences(arrays, scene.reference, scene.reference_start)
    traits = _Traits(
        100 * differences / np.maximum(reads.end - reads.start, 1),
        read_clips(reads.cigar, reads.cigar_offset),
        read_fragments(arrays),
    )
    _read_features(features, scene.images, candidates.start, candidates.support(), arrays, traits, meanings)
    features[:, _NEARBY] = nearby_differences(mismatches, depth, scene.starts)[scene.images.site]
    _site_features(features, scene)
    return features


def _site_features(features: Float32s, scene: Scene) -> None:
    """Write the columns from `_FROM_SITE` on: what tells of the site alone."""
    site, alt_set = scene.images
    change = scene.alt_changes[:, 0]
    alts = np.fromiter(map(len, scene.candidates.alts), np.int64, len(scene.candidates))
    columns = (
        change == 0,
        change > 0,
        change < 0,
        np.log1p(np.abs(change)) / INDEL_SCALE,
        *repeat_tracts(scene.reference, scene.starts)[site].T,
        alts[site] / 4,
        alt_set[:, 1] >= 0,
    )
    for column, values in enumerate(columns, start=_FROM_SITE):
        features[:, column] = values


@kernel
def read_clips(cigar: UInt32s, offset: Int64s) -> Int32s:
    """Soft-clipped bases of each read, int32[r]; its CIGAR is ``cigar[offset[i] : offset[i + 1]]``."""
    clips = np.zeros(len(offset) - 1, np.int32)
    for read in range(len(clips)):
        for k in range(offset[read], offset[read + 1]):
            if code_of(cigar[k]) == SOFT_CLIP:
                clips[read] += length_of(cigar[k])
    return clips


@kernel
def read_fragments(reads: ReadArrays) -> Int64s:
    """A number per read that both mates of a fragment share, from where the fragment lies (int64[r])."""
    fragment = np.empty(len(reads.start), np.int64)
    for i in range(len(fragment)):
        length = np.int64(reads.fragment_length[i])
        first = np.int64(reads.start[i]) if length >= 0 else reads.end[i] + length
        # Reads without a mapped mate share nothing: their own order tells them apart.
        fragment[i] = -1 - i if length == 0 else first << 20 | min(abs(length), (1 << 20) - 1)
    return fragment


# Columns of the sums over reads: of the alts in row 0, of the reference in row 1.
_N, _REVERSE, _MAPPING_Q, _LOW_MAPPING_Q, _BASE_Q, _DISTANCE, _DIFFERENCES, _CLIPS = range(8)


class _Counts(NamedTuple):
    """Reads over a site by what they support, and how various those of the alts are."""

    first_alt: int
    other: int
    unknown: int
    starts: int  # distinct ones of the alts' reads
    fragments: int  # likewise, `MOST_FRAGMENTS` at most


@kernel
def _read_features(
    features: Float32s,
    images: ImageAlts,
    site_start: Int32s,
    over: ReadSupport,
    reads: ReadArrays,
    traits: _Traits,
    meanings: _Meanings,
) -> None:
    """Write the columns of float32[n, len(FEATURES)] that tell of the reads; they are 0.

    Parameters
    ----------
    site_start
        int32[s], 0-based position of each site.
    """
    cursors = first_places(reads.start, reads.cigar_offset)
    for image in range(len(images.site)):
        site, alt, second = images.site[image], images.alt_set[image, 0], images.alt_set[image, 1]
        at = np.int64(site_start[site])
        sums, seen = np.zeros((2, 8)), np.empty(MOST_FRAGMENTS, np.int64)
        first_alt, other, unknown, starts, last_start, fragments = 0, 0, 0, 0, -1, 0
        for k in range(over.offset[site], over.offset[site + 1]):
            read, allele = np.int64(over.read[k]), over.allele[k]
            if allele == 0:
                row = 1
            elif allele > 0 and (allele - 1 == alt or allele - 1 == second):
                row = 0
                first_alt += allele - 1 == alt
                starts += reads.start[read] != last_start
                last_start = reads.start[read]
                fragments = _add_distinct(seen, fragments, traits.fragment[read])
            else:
                unknown += allele == UNINFORMATIVE
                other += allele != UNINFORMATIVE
                continue
            # Not in a function of its own: to hand it all these arrays takes longer than the sums.
            sums[row, _N] += 1
            sums[row, _REVERSE] += (reads.flag[read] & REVERSE) != 0
            mapping = meanings.mapping[reads.mapping_quality[read]]
            sums[row, _MAPPING_Q] += mapping
            sums[row, _LOW_MAPPING_Q] += mapping < LOW_MAPPING_QUALITY
            last_k = reads.cigar_offset[read + 1]
            move_on(cursors, read, reads.cigar, last_k, at)
            base = base_at(cursors.position[read], reads.cigar[cursors.operation[read] : last_k], at)
            if base >= 0:
                base += reads.base_offset[read] + cursors.base[read]
                sums[row, _BASE_Q] += meanings.base[reads.qual[base]]
            distance = min(at - reads.start[read], reads.end[read] - 1 - at)
            sums[row, _DISTANCE] += min(MOST_END_DISTANCE, max(0, distance))
            sums[row, _DIFFERENCES] += min(MOST_DIFFERENCES, traits.differences[read])
            sums[row, _CLIPS] += traits.clip[read] >= LEAST_CLIP
        _put_fractions(features[image], sums, _Counts(first_alt, other, unknown, starts, fragments))
        _put_means(features[image], sums)


@subkernel
def _put_fractions(row: Float32s, sums: Float64s, counts: _Counts) -> None:
    """Write float32[f]: how many reads there are, and the shares of them that support what."""
    alts, refs = sums[0, _N], sums[1, _N]
    depth = alts + refs + counts.other
    row[_DEPTH] = np.log1p(depth) / COUNT_SCALE
    row[_ALT_READS] = np.log1p(alts) / COUNT_SCALE
    if depth > 0:
        row[_ALT_FRACTION] = alts / depth
        row[_FIRST_ALT] = counts.first_alt / depth
        row[_OTHER] = counts.other / depth
        row[_REF_FRACTION] = refs / depth
    if depth + counts.unknown > 0:
        row[_UNKNOWN] = counts.unknown / (depth + counts.unknown)
    if alts > 0:
        row[_LOW_MAPPING] = sums[0, _LOW_MAPPING_Q] / alts
        row[_STARTS] = counts.starts / alts
        row[_FRAGMENTS] = counts.fragments / min(alts, MOST_FRAGMENTS)


@subkernel
def _put_means(row: Float32s, sums: Float64s) -> None:
    """Write float32[f]: means over the reads of the alts, and over those of the reference."""
    for side in range(2):
        reads = max(sums[side, _N], 1.0)
        row[_REVERSE_FRACTION + side] = sums[side, _REVERSE] / reads
        row[_MAPPING_QUALITY + side] = sums[side, _MAPPING_Q] / reads / MOST_MAPPING_QUALITY
        row[_BASE_QUALITY + side] = sums[side, _BASE_Q] / reads / MOST_BASE_QUALITY
        row[_END_DISTANCE + side] = sums[side, _DISTANCE] / reads / MOST_END_DISTANCE
        row[_MISMATCHES + side] = sums[side, _DIFFERENCES] / reads / DIFFERENCES_SCALE
        row[_CLIPPED + side] = sums[side, _CLIPS] / reads


@subkernel
def _add_distinct(seen: Int64s, n: int, value: int) -> int:
    """Add a value to the first ``n`` of int64[m] unless it is there or there is no room; return the new ``n``."""
    for i in range(n):
        if seen[i] == value:
            return n
    if n < len(seen):
        seen[n] = value
        n += 1
    return n


@subkernel
def base_at(start: int, cigar: UInt32s, site: int) -> int:
    """Index of the base at a reference position, of the base before it where deleted, else -1.

    Parameters
    ----------
    start, cigar
        Where operations of a read begin, and they, uint32[o]; bases are numbered from there on.
    """
    position, base = start, 0
    for k in range(len(cigar)):
        code, length = unpack(cigar[k])
        if is_aligned(code):
            if position <= site < position + length:
                return base + site - position
            position += length
            base += length
        elif consumes_read(code):
            base += length
        elif consumes_reference(code):
            if position <= site < position + length:
                return base - 1 if code == DELETION else -1
            position += length
    return -1
