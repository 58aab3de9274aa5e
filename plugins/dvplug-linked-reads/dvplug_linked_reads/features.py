"""How many molecules have an image's alts, and whether those are of one haplotype."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvplug.hookspecs import ImageReads, Scene
from dvplug_linked_reads.molecules import units_of
from dvplug_linked_reads.placement import DOUBTED

MOLECULE_FEATURES = (
    "alt_molecules",  # that have the image's alts, on a logarithmic scale
    "other_molecules",  # that have none of them
    "alt_molecule_share",
    "torn_molecule_share",  # of those with the alts, those that have another allele as well
    "near_alt_share",  # of the molecules of the haplotype with the more alts, those that have them
    "far_alt_share",  # of those of the other one
    "near_molecules",
    "far_molecules",
    "alt_unphased_share",  # of the molecules with the alts, those of neither haplotype
    "alt_doubted_share",  # of the reads with the alts, those that are of elsewhere, by mapping quality and barcode
    "other_doubted_share",
    "alt_unbarcoded_share",
    "other_unbarcoded_share",
)
_SCALE = float(np.log1p(100.0))


def molecule_features(scene: Scene) -> NDArray[np.float32]:
    """Measure each image, float32[n, len(MOLECULE_FEATURES)]."""
    told, images = scene.image_reads, len(scene.images.site)
    reads = scene.reads
    image, has, haplotype = _by_molecule(told, units_of(reads), reads.haplotype)
    of_alts, of_others = _count(image, has & 1 > 0, images), _count(image, has == 2, images)
    shares = [
        _share(of_alts, of_alts + of_others),
        _share(_count(image, has == 3, images), of_alts),
    ]
    sides = [_count(image, haplotype == side, images) for side in (1, 2)]
    alts = [_count(image, (haplotype == side) & (has & 1 > 0), images) for side in (1, 2)]
    near = _share(alts[0], sides[0]) >= _share(alts[1], sides[1])
    near &= ~((_share(alts[0], sides[0]) == _share(alts[1], sides[1])) & (sides[1] > sides[0]))
    by_side = [
        np.where(near, _share(alts[0], sides[0]), _share(alts[1], sides[1])),
        np.where(near, _share(alts[1], sides[1]), _share(alts[0], sides[0])),
        _scaled(np.where(near, sides[0], sides[1])),
        _scaled(np.where(near, sides[1], sides[0])),
    ]
    columns = [_scaled(of_alts), _scaled(of_others), *shares, *by_side]
    columns.append(_share(of_alts - alts[0] - alts[1], of_alts))
    doubted = (reads.mapping_quality <= DOUBTED)[told.read]
    unbarcoded = ~reads.tags["BX"].present[told.read]
    for which in (doubted, unbarcoded):
        for shown in (told.has, ~told.has):
            columns.append(
                _share(_count(told.image, which & shown, images), _count(told.image, shown, images))
            )
    return np.stack(columns, axis=1).astype(np.float32)


def _by_molecule(
    told: ImageReads, unit: NDArray[np.uint64], haplotype: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Gather the reads of each molecule of each image: its image, what it has (1 an alt, 2 another, 3 both), its
    haplotype; each [molecules]."""
    if not len(told.image):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8)
    own = unit[told.read]
    order = np.lexsort((own, told.image))
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (np.diff(told.image[order]) != 0) | (np.diff(own[order]) != 0)
    first = np.flatnonzero(begins)
    has = np.bitwise_or.reduceat(np.where(told.has, 1, 2)[order], first)
    return told.image[order][first], has, haplotype[told.read][order][first]


def _count(image: NDArray[np.int64], which: NDArray[np.bool_], images: int) -> NDArray[np.float64]:
    return np.bincount(image[which], minlength=images).astype(np.float64)


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), 0.0)


def _scaled(count: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log1p(count) / _SCALE
