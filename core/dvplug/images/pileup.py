"""Pileup images: which read base lies in which cell, drawn by one function per channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.line.candidate_batch import OTHER, UNINFORMATIVE, ReadSupport
from dvplug.line.contexts import ChannelFunction
from dvplug.line.image_batch import (
    DELETED,
    EMPTY,
    FAR,
    NEAR,
    NO_SIDE,
    REFERENCE,
    SUPPORTS_ALT,
    SUPPORTS_OTHER,
    SUPPORTS_REF,
    UNKNOWN_SUPPORT,
    Pileup,
)
from dvplug.line.read_batch import ReadArrays
from dvplug.line.scene import ImageAlts, Scene
from dvplug.sequence.arrays import Bools, Int32s, UInt8s, UInt16s, UInt32s, UInt64s
from dvplug.sequence.cigar import DELETION, INSERTION, consumes_read, consumes_reference, is_aligned, unpack
from dvplug.sequence.codes import UNKNOWN_BASE
from dvplug.sequence.cursors import first_places, move_on
from dvplug.sequence.sorting import radix_sort
from dvplug.technology import ImageLayout

_INDEX_BITS = 32  # of a key to sort reads by: which of the site's reads it is
_RANK_BITS = 16
NO_RANKS = np.zeros(0, np.uint16)
_INDEX = (1 << _INDEX_BITS) - 1


def draw_pileups(
    scene: Scene, layout: ImageLayout, channels: Sequence[ChannelFunction], ranks: UInt16s | None = None
) -> UInt8s:
    """Draw the images of all candidates, uint8[n, h, w, c].

    Rows: the reference first, then reads by what they support (an alt of the image, another alt, the reference,
    unknown), by haplotype where reads have one (near, then far), and by position. Where reads outnumber rows, those of
    lowest hash are drawn, so that the same reads show in every image of a site.

    Parameters
    ----------
    channels
        One drawing function per name in ``layout.channels``.
    ranks
        uint16[entries] of each read of each site: goes before the position.
    """
    pileup = lay_out(scene, layout, ranks)
    images = np.zeros((len(scene.images.site), *layout.shape), np.uint8)
    for k, draw in enumerate(channels if len(images) else ()):
        draw(pileup, images[..., k])
    return images


def lay_out(scene: Scene, layout: ImageLayout, ranks: UInt16s | None = None) -> Pileup:
    """Put the reads of each image into its rows and columns; arguments as of `draw_pileups`."""
    reads, candidates = scene.reads, scene.candidates
    n, (h, w, _) = len(scene.images.site), layout.shape
    canvas = _Canvas(
        np.full((n, h, w), EMPTY, np.int32),
        np.zeros((n, h, w), np.bool_),
        np.full((n, h), EMPTY, np.int32),
        np.zeros((n, h), np.uint8),
        np.zeros((n, h), np.uint8),
    )
    arrays = reads.arrays()
    _lay_out(
        canvas,
        layout.reference_rows,
        scene.images,
        candidates.start,
        candidates.support(),
        arrays,
        reads.name_hash,
        NO_RANKS if ranks is None else ranks,
    )
    return Pileup(reads, *canvas, _reference_windows(scene, w)[scene.images.site], scene.run)


class _Canvas(NamedTuple):
    """The layout of ``n`` images of ``h`` rows and ``w`` columns, as in `Pileup`."""

    cell: Int32s  # [n, h, w]: index into the bases of all reads, or EMPTY, DELETED, REFERENCE
    insertion: Bools  # [n, h, w]: bases are inserted after this cell
    row_read: Int32s  # [n, h]: index of the read, EMPTY or REFERENCE
    support: UInt8s  # [n, h]: NO_READ, SUPPORTS_ALT, ...
    side: UInt8s  # [n, h]: NO_SIDE, NEAR or FAR


def _reference_windows(scene: Scene, width: int) -> UInt8s:
    """Base codes uint8[s, width] around each site, `UNKNOWN_BASE` where the reference ends."""
    columns = scene.starts[:, None] - width // 2 + np.arange(width)
    inside = (columns >= 0) & (columns < len(scene.reference))
    return np.where(inside, scene.reference[np.where(inside, columns, 0)], UNKNOWN_BASE).astype(np.uint8)


@kernel(vectorised=True)
def _lay_out(
    canvas: _Canvas,
    reference_rows: int,
    images: ImageAlts,
    site_start: Int32s,
    over: ReadSupport,
    reads: ReadArrays,
    hashes: UInt32s,
    ranks: UInt16s,
) -> None:
    """Fill a canvas whose cells and rows are EMPTY.

    Parameters
    ----------
    site_start
        int32[s], 0-based position of each site.
    reads
        Where their haplotypes are 0, rows are not ordered by haplotype.
    hashes
        uint32[r], to sample reads by.
    ranks
        uint16[entries]: rows alike in all else are ordered by these first; none, and they are not.
    """
    n, height, width = canvas.cell.shape
    order_at = _INDEX_BITS + (_RANK_BITS if len(ranks) else 0)
    cursors = first_places(reads.start, reads.cigar_offset)
    for image in range(n):
        for row in range(reference_rows):
            canvas.row_read[image, row], canvas.support[image, row] = REFERENCE, SUPPORTS_REF
            for column in range(width):
                canvas.cell[image, row, column] = REFERENCE
        site = images.site[image]
        first, last = over.offset[site], over.offset[site + 1]
        alt, second = np.int64(images.alt_set[image, 0]), np.int64(images.alt_set[image, 1])
        near = near_haplotype(over, first, last, reads.haplotype, alt, second)
        drawn = _sample_rows(hashes, over.read, first, last, height - reference_rows)
        for i in range(len(drawn)):  # keys: what is supported, the haplotype's side, rank, place
            k = first + np.int64(drawn[i])
            support = support_of(over.allele[k], alt, second)
            order = support << 8 | side_of(reads.haplotype[over.read[k]], near)
            rank = np.uint64(ranks[k]) if len(ranks) else np.uint64(0)
            drawn[i] |= np.uint64(order) << np.uint64(order_at) | rank << np.uint64(_INDEX_BITS)
        drawn = radix_sort(drawn, order_at + 16)
        row = reference_rows
        for key in drawn:
            read = np.int64(over.read[first + np.int64(key & np.uint64(_INDEX))])
            canvas.row_read[image, row] = read
            canvas.support[image, row] = key >> np.uint64(order_at + 8)
            canvas.side[image, row] = side_of(reads.haplotype[read], near)
            begin, last_k = np.int64(site_start[site]) - width // 2, reads.cigar_offset[read + 1]
            move_on(cursors, read, reads.cigar, last_k, begin)
            lay_read(
                canvas.cell[image, row],
                canvas.insertion[image, row],
                cursors.position[read] - begin,
                reads.base_offset[read] + cursors.base[read],
                reads.cigar[cursors.operation[read] : last_k],
            )
            row += 1


@subkernel
def near_haplotype(
    over: ReadSupport, first: int, last: int, haplotype: UInt8s, alt: int, second_alt: int
) -> int:
    """Which haplotype, 1 or 2, has more reads of the image's alts among its own; whatever they are called.

    Of equals it is the one with more reads, then that of the first read.

    Parameters
    ----------
    first, last
        The site's entries.
    haplotype
        uint8[r], 0 unknown.
    alt, second_alt
        0-based; -1 for no second.
    """
    of_alts, told, before = np.zeros(3, np.int64), np.zeros(3, np.int64), 0
    for k in range(first, last):
        side = min(np.int64(haplotype[over.read[k]]), 2)
        if before == 0:
            before = side
        if over.allele[k] != UNINFORMATIVE:
            told[side] += 1
            of_alts[side] += support_of(over.allele[k], alt, second_alt) == SUPPORTS_ALT
    # Shares are compared as products, so that a haplotype without reads has none.
    more = of_alts[2] * max(told[1], 1) - of_alts[1] * max(told[2], 1)
    if more == 0:
        more = told[2] - told[1]
    if more == 0:
        return max(before, 1)
    return 2 if more > 0 else 1


@subkernel
def side_of(haplotype: int, near: int) -> int:
    """NO_SIDE, NEAR or FAR, where the haplotype ``near`` is the near one."""
    if haplotype == 0:
        return NO_SIDE
    return NEAR if min(np.int64(haplotype), 2) == near else FAR


@subkernel
def _sample_rows(hashes: UInt32s, over: Int32s, first: int, last: int, rows: int) -> UInt64s:
    """Which reads of a site are drawn, uint64[d], ascending: those of lowest hash, the first where hashes are equal.

    Parameters
    ----------
    hashes, over
        uint32[r] of all reads, int32[o] the reads over all sites: of this site from ``first`` up to ``last``.
    rows
        How many can be drawn.
    """
    n = last - first
    drawn = np.empty(n, np.uint64)
    if n <= rows:
        for i in range(n):
            drawn[i] = i
        return drawn
    for i in range(n):
        drawn[i] = np.uint64(hashes[over[first + i]]) << np.uint64(32) | np.uint64(i)
    ordered = radix_sort(drawn.copy(), 64)
    threshold, kept = ordered[rows], 0
    for key in drawn:
        if key < threshold:
            drawn[kept] = key & np.uint64(_INDEX)
            kept += 1
    return drawn[:kept]


@subkernel
def support_of(allele: int, alt: int, second_alt: int) -> int:
    """What a read of ``allele`` (0 reference, k alt k, OTHER, ...) supports in an image of these alts (0-based)."""
    if allele == 0:
        return SUPPORTS_REF
    if allele > 0:
        return SUPPORTS_ALT if allele - 1 == alt or allele - 1 == second_alt else SUPPORTS_OTHER
    return SUPPORTS_OTHER if allele == OTHER else UNKNOWN_SUPPORT


@subkernel
def lay_read(cells: Int32s, insertions: Bools, column: int, base: int, cigar: UInt32s) -> None:
    """Put a read's bases into its row.

    Parameters
    ----------
    cells, insertions
        int32[w], bool[w]: the row, as in `Pileup`.
    column
        Where the operations begin; negative left of the image.
    base
        Index of their first base among those of all reads.
    cigar
        uint32[o], packed: of the read, or those of it from one before the image on.
    """
    width = len(cells)
    for k in range(len(cigar)):
        code, length = unpack(cigar[k])
        if is_aligned(code):
            for i in range(max(0, -column), min(length, width - column)):
                cells[column + i] = base + i
            column += length
            base += length
        elif consumes_read(code):
            if code == INSERTION and 0 < column <= width:
                insertions[column - 1] = True
            base += length
        elif consumes_reference(code):
            if code == DELETION:
                for i in range(max(0, -column), min(length, width - column)):
                    cells[column + i] = DELETED
            column += length
        if column > width:  # an insertion after the last column still counts
            break
