"""Features of how much longer or shorter than the reference the reads are at the site.

For sequencers that misread the lengths of repeats. There no allele has most of the reads, and it is the mean over all
reads that tells a locus where they scatter around the reference from one where they scatter around another allele.
"""

from __future__ import annotations

import numpy as np

from dvplug.images.features.length_changes import UNSPANNED, length_changes
from dvplug.kernel import kernel, subkernel
from dvplug.line.scene import Scene
from dvplug.sequence.arrays import Float32s, Float64s, Int32s, Int64s, UInt8s
from dvplug.sequence.sorting import radix_sort

LENGTH_FEATURES = (
    "alt_length_change",  # of the image's first alt, bp, of 10
    "second_alt_length_change",  # of its second, else 0
    "length_change",  # mean over the reads that span the repeat, on the same scale
    "length_change_median",
    "length_change_sd",
    # Mean over the reads of one haplotype; 0 without any. Near is the one whose mean is nearer to the first alt's.
    "length_change_near",
    "length_change_far",
    "phased_fraction",  # of the reads that span the repeat
)
CHANGE_SCALE, MOST_CHANGE = 10.0, 2.0  # bp; of what is scaled
_OF_READS = LENGTH_FEATURES.index("length_change")  # as are all that follow
_NEAR = LENGTH_FEATURES.index("length_change_near")
_LOWEST = 1 << 31  # added to a change in bp, so that it is not negative


def length_features(scene: Scene) -> Float32s:
    """Features float32[n, len(LENGTH_FEATURES)] of each image; sites without an indel among their alts have zeros."""
    site, alts = scene.images.site, _scaled(scene.alt_changes)
    of_images = summaries(length_changes(scene), scene.haplotypes, scene.candidates.read_offset)[site]
    found = np.empty((len(site), len(LENGTH_FEATURES)), np.float32)
    found[:, :_OF_READS], found[:, _OF_READS:] = alts, of_images
    sides = of_images[:, _NEAR - _OF_READS : _NEAR - _OF_READS + 2].astype(np.float64)
    found[:, _NEAR : _NEAR + 2] = _nearer_first(sides, alts[:, :1])
    found[~scene.has_indel[site]] = 0
    return found


def _nearer_first(means: Float64s, alt: Float64s) -> Float64s:
    """Order numbers, float64[n, 2], by their distance from the alt's, float64[n, 1]; of equals the greater first."""
    distance = np.abs(means - alt).round(6)  # equal ones may differ in the last bits
    turned = (distance[:, 1] < distance[:, 0]) | (
        (distance[:, 1] == distance[:, 0]) & (means[:, 1] > means[:, 0])
    )
    return np.where(turned[:, None], means[:, ::-1], means)


def _scaled(change: Int64s) -> Float64s:
    """Changes in bp as the network sees them."""
    return np.clip(change / CHANGE_SCALE, -MOST_CHANGE, MOST_CHANGE)


@subkernel
def _in_scale(change: int) -> float:
    return min(max(change / CHANGE_SCALE, -MOST_CHANGE), MOST_CHANGE)


@kernel(vectorised=True)
def summaries(change: Int32s, haplotype: UInt8s, offset: Int64s) -> Float32s:
    """Mean, median, SD, mean in either haplotype, fraction phased, of the spanning reads of each site, float32[s, 6].

    Parameters
    ----------
    change, haplotype
        int32[entries] in bp or `UNSPANNED`, and uint8[entries], 0 unknown.
    offset
        int64[s + 1]: site ``i`` has the entries from ``offset[i]`` up to ``offset[i + 1]``.
    """
    out = np.zeros((len(offset) - 1, 6), np.float32)
    for i in range(len(out)):
        shown = np.empty(offset[i + 1] - offset[i], np.uint64)
        sums, reads, n, total = np.zeros(3), np.zeros(3), 0, 0.0
        for k in range(offset[i], offset[i + 1]):
            if change[k] == UNSPANNED:
                continue
            scaled, side = _in_scale(np.int64(change[k])), min(haplotype[k], 2)
            shown[n] = np.int64(change[k]) + _LOWEST
            sums[side] += scaled
            total += scaled
            reads[side] += 1
            n += 1
        if n == 0:
            continue
        out[i, 0] = total / n
        squares = 0.0
        for k in range(offset[i], offset[i + 1]):
            if change[k] != UNSPANNED:
                apart = _in_scale(np.int64(change[k])) - total / n
                squares += apart * apart
        out[i, 2] = (squares / n) ** 0.5
        ordered = radix_sort(shown[:n], 32)
        lower, upper = np.int64(ordered[(n - 1) // 2]) - _LOWEST, np.int64(ordered[n // 2]) - _LOWEST
        out[i, 1] = (_in_scale(lower) + _in_scale(upper)) / 2
        for side in (1, 2):
            if reads[side] > 0:
                out[i, 2 + side] = sums[side] / reads[side]
        out[i, 5] = 1 - reads[0] / n
    return out
