"""Features of the lengths of repeats, read by read: how many reads lie how far from each allele's length.

Where a sequencer misreads a run of 15 bases, its reads scatter over five lengths or more and no allele has most of
them. Mean and spread of that cloud (`dvplug.images.features.length_summary`) do not tell one allele that scatters from
two that lie beside each other; its shape does, and better still the shapes of the two haplotypes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dvplug.images.features.length_changes import UNSPANNED, length_changes
from dvplug.kernel import kernel, subkernel
from dvplug.line.image_batch import NO_ALT
from dvplug.line.scene import Scene
from dvplug.sequence.arrays import Bools, Float32s, Float64s, Int32s, Int64s, UInt8s


def _around(name: str, reach: int) -> tuple[str, ...]:
    return tuple(f"{name}_{change}" for change in range(-reach, reach + 1))


REFERENCE_REACH, ALT_REACH, HAPLOTYPE_REACH = 3, 2, 1  # bp on either side of an allele's length
SHARE_FEATURES = (
    # of all reads that span the repeat, those that are so many bp longer than an allele
    *_around("share_reference", REFERENCE_REACH),
    *_around("share_alt", ALT_REACH),  # the image's first alt
    *_around("share_second_alt", ALT_REACH),  # its second; 0 without one
    # The same of one haplotype's reads. Near is the haplotype with more reads of the first alt's length among its own;
    # of equals that with more reads, then that of the first read.
    "near_fraction",  # its reads, of all that span the repeat
    *_around("near_reference", ALT_REACH),
    *_around("near_alt", HAPLOTYPE_REACH),
    *_around("near_second_alt", HAPLOTYPE_REACH),
    "far_fraction",
    *_around("far_reference", ALT_REACH),
    *_around("far_alt", HAPLOTYPE_REACH),
    *_around("far_second_alt", HAPLOTYPE_REACH),
)
# Where in a row the shares of each kind begin.
_ALT = SHARE_FEATURES.index(f"share_alt_{-ALT_REACH}")
_SECOND_ALT = SHARE_FEATURES.index(f"share_second_alt_{-ALT_REACH}")
_NEAR, _FAR = SHARE_FEATURES.index("near_fraction"), SHARE_FEATURES.index("far_fraction")
_SIDE_REFERENCE = SHARE_FEATURES.index(f"near_reference_{-ALT_REACH}") - _NEAR
_SIDE_ALT = SHARE_FEATURES.index(f"near_alt_{-HAPLOTYPE_REACH}") - _NEAR
_SIDE_SECOND_ALT = SHARE_FEATURES.index(f"near_second_alt_{-HAPLOTYPE_REACH}") - _NEAR


def share_features(scene: Scene) -> Float32s:
    """Features float32[n, len(SHARE_FEATURES)], 0..1, of each image.

    Sites without an indel among their alts, and haplotypes without reads, have zeros.
    """
    site, alt_set = scene.images
    out = np.zeros((len(site), len(SHARE_FEATURES)), np.float32)
    reads = _Lengths(scene.candidates.read_offset, length_changes(scene), scene.haplotypes)
    images = _Alleles(site, alt_set[:, 1] != NO_ALT, scene.alt_changes, scene.has_indel[site])
    _count_shares(out, images, reads)
    return out


class _Lengths(NamedTuple):
    """The lengths that reads show: site ``i`` has the entries from ``offset[i]`` up to ``offset[i + 1]``."""

    offset: Int64s  # [s + 1]
    change: Int32s  # [entries]: bp, or `UNSPANNED`
    haplotype: UInt8s  # [entries]: 0 unknown


class _Alleles(NamedTuple):
    """What each image stands for."""

    site: Int32s  # [n]
    is_pair: Bools  # [n]
    change: Int64s  # [n, 2]: bp by which the first and the second alt differ from REF
    counts: Bools  # [n]: whether there is an indel at the site


@kernel
def _count_shares(out: Float32s, images: _Alleles, reads: _Lengths) -> None:
    """Add the shares of each image to its row of float32[n, len(SHARE_FEATURES)], which is 0."""
    for image in range(len(images.site)):
        if not images.counts[image]:
            continue
        first, last = reads.offset[images.site[image]], reads.offset[images.site[image] + 1]
        spanning, near = _sides(reads, first, last, images.change[image, 0])
        total = spanning[0] + spanning[1] + spanning[2]
        row = out[image]
        for k in range(first, last):
            if reads.change[k] == UNSPANNED:
                continue
            change, is_pair = np.int64(reads.change[k]), images.is_pair[image]
            of_alt, of_second = change - images.change[image, 0], change - images.change[image, 1]
            _add_share(row, 0, change, REFERENCE_REACH, 1 / total)
            _add_share(row, _ALT, of_alt, ALT_REACH, 1 / total)
            if is_pair:
                _add_share(row, _SECOND_ALT, of_second, ALT_REACH, 1 / total)
            side = min(reads.haplotype[k], 2)
            if side == 0:
                continue
            column = _NEAR if side == near else _FAR
            row[column] += 1 / total
            _add_share(row, column + _SIDE_REFERENCE, change, ALT_REACH, 1 / spanning[side])
            _add_share(row, column + _SIDE_ALT, of_alt, HAPLOTYPE_REACH, 1 / spanning[side])
            if is_pair:
                _add_share(row, column + _SIDE_SECOND_ALT, of_second, HAPLOTYPE_REACH, 1 / spanning[side])


@subkernel
def _sides(reads: _Lengths, first: int, last: int, alt: int) -> tuple[Float64s, int]:
    """Reads that span the repeat by haplotype, float64[3], and the haplotype, 1 or 2, that is near the alt.

    Parameters
    ----------
    first, last
        The site's entries.
    alt
        bp by which the alt differs from REF.
    """
    spanning, at_alt, before = np.zeros(3), np.zeros(3), 0
    for k in range(first, last):
        if reads.change[k] != UNSPANNED:
            side = min(np.int64(reads.haplotype[k]), 2)
            spanning[side] += 1
            at_alt[side] += reads.change[k] == alt
            if before == 0:
                before = side
    # Shares are compared as products, so that a haplotype without reads has none at the alt's length.
    more = at_alt[2] * max(spanning[1], 1) - at_alt[1] * max(spanning[2], 1)
    if more == 0:
        more = spanning[2] - spanning[1]
    if more == 0:
        return spanning, max(before, 1)
    return spanning, 2 if more > 0 else 1


@subkernel
def _add_share(row: Float32s, column: int, change: int, reach: int, share: float) -> None:
    """Add one read's share to the column of its change, among those from ``column`` on for -reach..+reach."""
    if -reach <= change <= reach:
        row[column + reach + change] += share
