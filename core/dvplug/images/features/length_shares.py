"""The pileup encoder with the lengths of repeats, read by read: how many reads lie how far from each allele's length.

Where a sequencer misreads a run of 15 bases, its reads scatter over five lengths or more and no allele has most of
them. Mean and spread of that cloud (`dvplug.images.features.length_summary`) do not tell one allele that scatters from
two that lie beside each other; its shape does, and better still the shapes of the two haplotypes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from dvplug.images import pileup
from dvplug.images.features import length_summary
from dvplug.images.features import site as site_features
from dvplug.images.features.length_summary import UNSPANNED
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.image_batch import NO_ALT, Channel, ImageBatch
from dvplug.line.read_batch import ReadBatch
from dvplug.technology import ImageLayout


def _around(name: str, reach: int) -> tuple[str, ...]:
    return tuple(f"{name}_{change}" for change in range(-reach, reach + 1))


REFERENCE_REACH, ALT_REACH, HAPLOTYPE_REACH = 3, 2, 1  # bp on either side of an allele's length
SHARE_FEATURES = (
    # of all reads that span the repeat, those that are so many bp longer than an allele
    *_around("share_reference", REFERENCE_REACH),
    *_around("share_alt", ALT_REACH),  # the image's first alt
    *_around("share_second_alt", ALT_REACH),  # its second; 0 without one
    # The same of one haplotype's reads. Near is the haplotype with more reads of the first alt's length.
    "near_fraction",  # its reads, of all that span the repeat
    *_around("near_reference", ALT_REACH),
    *_around("near_alt", HAPLOTYPE_REACH),
    *_around("near_second_alt", HAPLOTYPE_REACH),
    "far_fraction",
    *_around("far_reference", ALT_REACH),
    *_around("far_alt", HAPLOTYPE_REACH),
    *_around("far_second_alt", HAPLOTYPE_REACH),
)
FEATURES = (*site_features.FEATURES, *length_summary.LENGTH_FEATURES, *SHARE_FEATURES)
# Where in a row the shares of each kind begin.
_ALT = SHARE_FEATURES.index(f"share_alt_{-ALT_REACH}")
_SECOND_ALT = SHARE_FEATURES.index(f"share_second_alt_{-ALT_REACH}")
_NEAR, _FAR = SHARE_FEATURES.index("near_fraction"), SHARE_FEATURES.index("far_fraction")
_SIDE_REFERENCE = SHARE_FEATURES.index(f"near_reference_{-ALT_REACH}") - _NEAR
_SIDE_ALT = SHARE_FEATURES.index(f"near_alt_{-HAPLOTYPE_REACH}") - _NEAR
_SIDE_SECOND_ALT = SHARE_FEATURES.index(f"near_second_alt_{-HAPLOTYPE_REACH}") - _NEAR


def encode_pileups(
    reads: ReadBatch,
    candidates: CandidateBatch,
    reference: npt.NDArray[np.uint8],
    reference_start: int,
    layout: ImageLayout,
    channels: Sequence[Channel],
) -> ImageBatch:
    """Draw the images of `pileup.encode_pileups`, and add `length_summary.LENGTH_FEATURES` and `SHARE_FEATURES`."""
    drawn = pileup.encode_pileups(reads, candidates, reference, reference_start, layout, channels)
    change = length_summary.spanning_changes(reads, candidates, reference, reference_start)
    more = length_summary.length_features(change, reads, candidates, drawn.site, drawn.alt_set)
    shares = share_features(change, reads, candidates, drawn.site, drawn.alt_set)
    return replace(drawn, features=np.hstack([drawn.features, more, shares]))


def share_features(
    change: npt.NDArray[np.int32],
    reads: ReadBatch,
    candidates: CandidateBatch,
    site: npt.NDArray[np.int32],
    alt_set: npt.NDArray[np.int8],
) -> npt.NDArray[np.float32]:
    """Features float32[n, len(SHARE_FEATURES)], 0..1, of ``n`` images given by their site and alts (see `ImageBatch`).

    Sites without an indel among their alts, and haplotypes without reads, have zeros.

    Parameters
    ----------
    change
        Of each read of each site, as `dvplug.images.features.length_summary.spanning_changes` gives them.
    """
    out = np.zeros((len(site), len(SHARE_FEATURES)), np.float32)
    _count_shares(
        out, change, reads.haplotype[candidates.read_index], candidates.read_offset,
        site, alt_set[:, 1] != NO_ALT, length_summary.alt_changes(candidates, site, alt_set),
        length_summary.has_indel(candidates),
    )  # fmt: skip
    return out


@njit(cache=True)
def _count_shares(
    out: Any, change: Any, haplotype: Any, offset: Any, site: Any, is_pair: Any, own: Any, has_indel: Any
) -> None:
    for image in range(len(site)):
        of = site[image]
        if not has_indel[of]:
            continue
        first, last = offset[of], offset[of + 1]
        spanning, at_alt = np.zeros(3), np.zeros(3)
        for k in range(first, last):
            if change[k] != UNSPANNED:
                side = min(haplotype[k], 2)
                spanning[side] += 1
                at_alt[side] += change[k] == own[image, 0]
        total = spanning.sum()
        if total == 0:
            continue
        # Shares are compared as products, so that a haplotype without reads has none at the alt's length.
        near = 2 if at_alt[2] * max(spanning[1], 1) > at_alt[1] * max(spanning[2], 1) else 1
        row = out[image]
        for k in range(first, last):
            if change[k] == UNSPANNED:
                continue
            of_alt, of_second = change[k] - own[image, 0], change[k] - own[image, 1]
            _add(row, 0, change[k], REFERENCE_REACH, 1 / total)
            _add(row, _ALT, of_alt, ALT_REACH, 1 / total)
            if is_pair[image]:
                _add(row, _SECOND_ALT, of_second, ALT_REACH, 1 / total)
            side = min(haplotype[k], 2)
            if side == 0:
                continue
            column = _NEAR if side == near else _FAR
            row[column] += 1 / total
            _add(row, column + _SIDE_REFERENCE, change[k], ALT_REACH, 1 / spanning[side])
            _add(row, column + _SIDE_ALT, of_alt, HAPLOTYPE_REACH, 1 / spanning[side])
            if is_pair[image]:
                _add(row, column + _SIDE_SECOND_ALT, of_second, HAPLOTYPE_REACH, 1 / spanning[side])


@njit(cache=True)
def _add(row: Any, column: int, change: int, reach: int, share: float) -> None:
    """Add one read's share to the column of its change, among those from ``column`` on for -reach..+reach."""
    if -reach <= change <= reach:
        row[column + reach + change] += share
