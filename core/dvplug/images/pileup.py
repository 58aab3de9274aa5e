"""Pileup images: which read base lies in which cell, drawn by one function per channel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from dvplug.images.features.site import site_features
from dvplug.line.candidate_batch import OTHER, CandidateBatch
from dvplug.line.image_batch import (
    DELETED,
    EMPTY,
    NO_ALT,
    REFERENCE,
    SUPPORTS_ALT,
    SUPPORTS_OTHER,
    SUPPORTS_REF,
    UNKNOWN_SUPPORT,
    Channel,
    ImageBatch,
    Pileup,
)
from dvplug.line.read_batch import ReadBatch
from dvplug.technology import ImageLayout


def encode_pileups(
    reads: ReadBatch,
    candidates: CandidateBatch,
    reference: npt.NDArray[np.uint8],
    reference_start: int,
    layout: ImageLayout,
    channels: Sequence[Channel],
) -> ImageBatch:
    """Draw the images of all candidates.

    Rows: the reference first, then reads by what they support (an alt of the image, another alt, the reference,
    unknown), by haplotype where that is a channel, and by position. Where reads outnumber rows, those of lowest hash
    are drawn, so that the same reads show in every image of a site.

    Parameters
    ----------
    reference
        uint8[l] base codes from ``reference_start`` on.
    channels
        One drawing function per name in ``layout.channels``; each fills a zeroed uint8[n, h, w].
    """
    site, alt_set = alt_sets([len(a) for a in candidates.alts])
    n, (h, w, c) = len(site), layout.shape
    windows = _reference_windows(reference, reference_start, candidates.start, w)
    pileup = Pileup(
        reads,
        np.full((n, h, w), EMPTY, np.int32),
        np.zeros((n, h, w), np.bool_),
        np.full((n, h), EMPTY, np.int32),
        np.zeros((n, h), np.uint8),
        windows[site],
    )
    by_haplotype = "haplotype" in layout.channels
    haplotype = reads.haplotype if by_haplotype else np.zeros(len(reads), np.uint8)
    _lay_out(
        pileup.cell, pileup.insertion, pileup.row_read, pileup.support, layout.reference_rows,
        site, alt_set, candidates.start, candidates.read_offset, candidates.read_index, candidates.read_allele,
        reads.name_hash, haplotype, reads.start, reads.base_offset, reads.cigar, reads.cigar_offset,
    )  # fmt: skip
    images = np.zeros((n, h, w, c), np.uint8)
    for k, draw in enumerate(channels):
        draw(pileup, images[..., k])
    features = site_features(reads, candidates, reference, reference_start, site, alt_set)
    return ImageBatch(images, features, site, alt_set)


def alt_sets(n_alts: Sequence[int]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    """For each site one set per alt, then one per pair of alts: (site int32[n], alts int8[n, 2])."""
    site, sets = [], []
    for i, count in enumerate(n_alts):
        of_site = [(a, NO_ALT) for a in range(count)] + list(combinations(range(count), 2))
        site.extend([i] * len(of_site))
        sets.extend(of_site)
    return np.array(site, np.int32), np.array(sets, np.int8).reshape(-1, 2)


def _reference_windows(
    reference: npt.NDArray[np.uint8], reference_start: int, starts: npt.NDArray[np.int32], width: int
) -> npt.NDArray[np.uint8]:
    """Base codes uint8[s, width] around each start, 4 where the reference ends."""
    columns = starts[:, None] - reference_start - width // 2 + np.arange(width)
    inside = (columns >= 0) & (columns < len(reference))
    return np.where(inside, reference[np.where(inside, columns, 0)], 4).astype(np.uint8)


@njit(cache=True)
def _lay_out(
    cell: Any, insertion: Any, row_read: Any, support: Any, reference_rows: int,
    site: Any, alt_set: Any, site_start: Any, read_offset: Any, read_index: Any, read_allele: Any,
    hashes: Any, haplotype: Any, read_start: Any, base_offset: Any, cigar: Any, cigar_offset: Any,
) -> None:  # fmt: skip
    n, height, width = cell.shape
    for image in range(n):
        row_read[image, :reference_rows] = REFERENCE
        support[image, :reference_rows] = SUPPORTS_REF
        cell[image, :reference_rows] = REFERENCE
        first, last = read_offset[site[image]], read_offset[site[image] + 1]
        drawn = _sample_rows(hashes[read_index[first:last]], height - reference_rows)
        drawn = drawn[np.argsort(haplotype[read_index[first + drawn]], kind="mergesort")]
        row = reference_rows
        for wanted in range(SUPPORTS_ALT, UNKNOWN_SUPPORT + 1):
            for k in first + drawn:
                read = read_index[k]
                if support_of(read_allele[k], alt_set[image, 0], alt_set[image, 1]) != wanted:
                    continue
                row_read[image, row] = read
                support[image, row] = wanted
                lay_read(
                    cell[image, row], insertion[image, row], site_start[site[image]] - width // 2,
                    np.int64(read_start[read]), base_offset[read],
                    cigar[cigar_offset[read] : cigar_offset[read + 1]],
                )  # fmt: skip
                row += 1


@njit(cache=True)
def _sample_rows(hashes: Any, rows: int) -> Any:
    """Which reads of a site are drawn, ascending: those of lowest hash, the first where hashes are equal."""
    if len(hashes) <= rows:
        return np.arange(len(hashes))
    return np.sort(np.argsort(hashes, kind="mergesort")[:rows])


@njit(cache=True)
def support_of(allele: int, alt: int, second_alt: int) -> int:
    """What a read of ``allele`` (0 reference, k alt k, OTHER, ...) supports in an image of these alts (0-based)."""
    if allele == 0:
        return SUPPORTS_REF
    if allele > 0:
        return SUPPORTS_ALT if allele - 1 == alt or allele - 1 == second_alt else SUPPORTS_OTHER
    return SUPPORTS_OTHER if allele == OTHER else UNKNOWN_SUPPORT


@njit(cache=True)
def lay_read(cells: Any, insertions: Any, window_start: int, start: int, base: int, cigar: Any) -> None:
    """Put a read's bases into its row: ``cells`` int32[w] (index of the base), ``insertions`` bool[w]."""
    width = len(cells)
    position = start - window_start
    for k in range(len(cigar)):
        code, length = cigar[k] & 15, np.int64(cigar[k] >> 4)
        if code == 0 or code == 7 or code == 8:
            for i in range(max(0, -position), min(length, width - position)):
                cells[position + i] = base + i
            position += length
            base += length
        elif code == 1 or code == 4:
            if code == 1 and 0 < position <= width:
                insertions[position - 1] = True
            base += length
        elif code == 2 or code == 3:
            if code == 2:
                for i in range(max(0, -position), min(length, width - position)):
                    cells[position + i] = DELETED
            position += length
        if position > width:  # an insertion after the last column still counts
            break
