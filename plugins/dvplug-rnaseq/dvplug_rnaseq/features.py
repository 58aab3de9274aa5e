"""What junctions say of an allele, and whether it looks as if RNA had been edited: A read as G on the strand."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from dvplug.hookspecs import ImageReads, Scene
from dvplug.line.read_batch import ReadArrays
from dvplug_rnaseq import REACH
from dvplug_rnaseq.junctions import FORWARD, REVERSE, Junctions, junctions_of, strands_of

TRANSCRIPT_FEATURES = (
    "junction_distance",  # of the nearest junction, on a logarithmic scale; 1 where none is within `REACH`
    "skipped_share",  # reads that skip the site, of those and the ones over it
    "alt_own_junction_share",  # of the reads with the alts, those that splice within `NEAR` bp of the site
    "other_own_junction_share",
    "alt_spliced_share",
    "other_spliced_share",
    "edit_on_strand",  # a SNP from A to G where the forward strand is transcribed, from T to C where the reverse is
    "edit_on_either",  # from A to G or from T to C, where the strand is not known
    "strand_known",
    "alt_same_changes",  # mean number of further such changes within `WINDOW` bp in the reads with the alts
    "alt_other_changes",  # of other mismatches
    "other_same_changes",
    "other_other_changes",
)
NEAR, WINDOW = 8, 150
_FAR = float(np.log1p(REACH))
_FEW = 4.0  # changes that count as many
_SKIP, _SOFT_CLIP, _INSERTION, _DELETION = 3, 4, 1, 2


def transcript_features(scene: Scene) -> NDArray[np.float32]:
    """Measure each image, float32[n, len(TRANSCRIPT_FEATURES)]."""
    site, images = scene.images.site, len(scene.images.site)
    position = scene.candidates.start.astype(np.int64)[site]
    junctions = junctions_of(scene.reads)
    nearest, strand = _nearest(junctions, scene, position)
    skipping = _skipping(junctions, position)
    changes = _changes(scene)
    told = scene.image_reads
    own, spliced, same, other = _read_counts(
        scene.reads.arrays(),
        scene.reference,
        scene.reference_start,
        told.read,
        position[told.image],
        changes[told.image],
    )
    depth = scene.candidates.depth[site].astype(np.float64)
    columns = [
        np.log1p(np.minimum(nearest, REACH)) / _FAR,
        skipping / np.maximum(skipping + depth, 1),
    ]
    for values in (own <= NEAR, spliced):
        columns += [_mean(told, values, which, images) for which in (told.has, ~told.has)]
    up, down = (_is(changes, *pair) for pair in ((0, 2), (3, 1)))
    columns += [
        np.where(strand == FORWARD, up, np.where(strand == REVERSE, down, False)),
        (up | down) & (strand == 0),
        strand != 0,
    ]
    for which in (told.has, ~told.has):
        for values in (same, other):
            columns.append(np.minimum(_mean(told, values, which, images) / _FEW, 2.0))
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


def _nearest(
    junctions: Junctions, scene: Scene, position: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """bp from each site to the nearest edge of an intron, `REACH` at the most, and the strand that is transcribed."""
    strands = strands_of(junctions, scene.reference, scene.reference_start)
    edges = np.concatenate((junctions.start, junctions.end - 1))
    order = np.argsort(edges, kind="stable")
    edges, of = edges[order], np.concatenate((strands, strands))[order]
    # Votes of all edges within reach: sums of what lies before.
    sums = np.concatenate(([0], np.cumsum(of * np.concatenate((junctions.reads, junctions.reads))[order])))
    low, high = np.searchsorted(edges, position - REACH), np.searchsorted(edges, position + REACH)
    strand = np.sign(sums[high] - sums[low])
    around = np.concatenate(([-(2**40)], edges, [2**40]))
    at = np.searchsorted(around, position)
    distance = np.minimum(around[at] - position, position - around[at - 1])
    return np.minimum(distance, REACH), strand.astype(np.int64)


def _skipping(junctions: Junctions, position: NDArray[np.int64]) -> NDArray[np.float64]:
    """Reads that skip each site."""
    by_end = np.argsort(junctions.end, kind="stable")
    begun = np.concatenate(([0], np.cumsum(junctions.reads)))
    ended = np.concatenate(([0], np.cumsum(junctions.reads[by_end])))
    before = np.searchsorted(junctions.start, position, side="right")
    over = np.searchsorted(junctions.end[by_end], position, side="right")
    return (begun[before] - ended[over]).astype(np.float64)


def _changes(scene: Scene) -> NDArray[np.int64]:
    """From which base to which an image's first alt changes the site, int64[n, 2]; -1 where it is no SNP."""
    out = np.full((len(scene.images.site), 2), -1, np.int64)
    for image, (site, alt) in enumerate(
        zip(scene.images.site.tolist(), scene.images.alt_set[:, 0].tolist(), strict=True)
    ):
        ref, shown = scene.candidates.refs[site], scene.candidates.alts[site][alt]
        if len(ref) == len(shown) == 1:
            out[image] = "ACGT".find(ref), "ACGT".find(shown)
    return out


def _is(changes: NDArray[np.int64], ref: int, alt: int) -> NDArray[np.bool_]:
    return (changes[:, 0] == ref) & (changes[:, 1] == alt)


def _mean(
    told: ImageReads, values: NDArray[np.generic], which: NDArray[np.bool_], images: int
) -> NDArray[np.float64]:
    count = np.bincount(told.image[which], minlength=images)
    total = np.bincount(told.image[which], values[which].astype(np.float64), minlength=images)
    return total / np.maximum(count, 1)


@numba.njit(cache=True)
def _read_counts(
    reads: ReadArrays,
    reference: NDArray[np.uint8],
    reference_start: int,
    entry_read: NDArray[np.int64],
    site: NDArray[np.int64],
    change: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Of each entry's read: bp from the site to its nearest own junction, whether it has one, and how many mismatches
    within `WINDOW` bp of the site, which is left out, are as that of the site (``change``, from which base to which,
    int64[entries, 2]), and are others; all [entries]."""
    n = len(entry_read)
    own, spliced = np.full(n, 1 << 30, np.int64), np.zeros(n, np.bool_)
    same, other = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for i in range(n):
        read, at = entry_read[i], site[i]
        position, base = np.int64(reads.start[read]), reads.base_offset[read]
        for k in range(reads.cigar_offset[read], reads.cigar_offset[read + 1]):
            code, length = reads.cigar[k] & 15, np.int64(reads.cigar[k] >> 4)
            if code == _SKIP:
                spliced[i] = True
                own[i] = min(own[i], abs(position - at), abs(position + length - 1 - at))
                position += length
            elif code == _DELETION:
                position += length
            elif code in (_INSERTION, _SOFT_CLIP):
                base += length
            elif code in (0, 7, 8):
                low, high = max(position, at - WINDOW), min(position + length, at + WINDOW + 1)
                for p in range(low, high):
                    inside = 0 <= p - reference_start < len(reference)
                    if p != at and inside:
                        true, shown = reference[p - reference_start], reads.seq[base + p - position]
                        if true < 4 and shown < 4 and true != shown:
                            if true == change[i, 0] and shown == change[i, 1]:
                                same[i] += 1
                            else:
                                other[i] += 1
                position += length
                base += length
    return own, spliced, same, other
