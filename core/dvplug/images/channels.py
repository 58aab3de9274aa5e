"""The channels of a pileup image: each function fills a zeroed uint8[n, h, w] for a `Pileup`.

Pixel values follow DeepVariant's where it has the channel; unused cells stay 0. Deleted bases, which DeepVariant
leaves empty, have values of their own, so that they differ from the end of a read.
"""

from __future__ import annotations

import numpy as np

from dvplug.kernel import kernel
from dvplug.line.image_batch import DELETED, EMPTY, REFERENCE, Pileup
from dvplug.line.read_batch import REVERSE
from dvplug.line.run_profile import NO_QUALITY
from dvplug.sequence.arrays import Bools, Float64s, Int32s, Int64s, UInt8s
from dvplug.sequence.repeats import run_around, run_lengths

Image = UInt8s  # [n, h, w]

BASE_PIXEL = np.array([250, 30, 180, 100, 0], np.uint8)  # A, C, G, T, other
SUPPORT_PIXEL = np.array([0, 254, 180, 60, 120], np.uint8)  # no read, alt, other alt, reference, unknown
HAPLOTYPE_PIXEL = np.array([0, 127, 254], np.uint8)  # unknown, near, far
FULL = 254
UNKNOWN_PIXEL, LEAST_KNOWN = 25, 50
MOST_DEVIATION = 3.0  # SD
MATCH, INSERTION_AFTER, DELETION, MISMATCH = 50, 120, 180, 254
FORWARD_PIXEL, REVERSE_PIXEL = 70, 240
MAX_BASE_QUALITY, MAX_MAPPING_QUALITY, MAX_FRAGMENT_LENGTH = 40, 60, 1000
LONGEST_HOMOPOLYMER = 20
_HOMOPOLYMER_PIXEL = (FULL * np.arange(256) // LONGEST_HOMOPOLYMER).clip(0, FULL).astype(np.uint8)


def read_base(pileup: Pileup, out: Image) -> None:
    """The base: A 250, G 180, T 100, C 30; other and deleted 0."""
    _by_base(pileup.cell, pileup.reads.seq, BASE_PIXEL, BASE_PIXEL[pileup.reference], out)


def base_quality(pileup: Pileup, out: Image) -> None:
    """Phred quality up to 40, scaled to 254."""
    quality = (FULL * np.minimum(np.arange(256), MAX_BASE_QUALITY) // MAX_BASE_QUALITY).astype(np.uint8)
    _by_base(pileup.cell, pileup.reads.qual, quality, np.full_like(pileup.reference, FULL), out)


def mapping_quality(pileup: Pileup, out: Image) -> None:
    """Phred mapping quality up to 60, scaled to 254."""
    read = _drawn_reads(pileup)
    quality = np.minimum(pileup.reads.mapping_quality[read].astype(np.int32), MAX_MAPPING_QUALITY)
    _by_row(pileup, (FULL * quality // MAX_MAPPING_QUALITY).astype(np.uint8), FULL, out)


def strand(pileup: Pileup, out: Image) -> None:
    """Forward 70, reverse 240."""
    reverse = (pileup.reads.flag[_drawn_reads(pileup)] & REVERSE) != 0
    _by_row(pileup, np.where(reverse, REVERSE_PIXEL, FORWARD_PIXEL).astype(np.uint8), FORWARD_PIXEL, out)


def read_supports_variant(pileup: Pileup, out: Image) -> None:
    """The read's allele: an alt of this image 254, another alt 180, unknown 120, the reference 60."""
    _fill_rows(pileup.cell, SUPPORT_PIXEL[pileup.support], out)


def base_differs_from_ref(pileup: Pileup, out: Image) -> None:
    """Match 50, insertion after this base 120, deleted 180, mismatch 254."""
    _differences(pileup.cell, pileup.insertion, pileup.reads.seq, pileup.reference, out)


def insert_size(pileup: Pileup, out: Image) -> None:
    """Absolute fragment length up to 1,000 bp, scaled to 254."""
    length = np.minimum(np.abs(pileup.reads.fragment_length[_drawn_reads(pileup)]), MAX_FRAGMENT_LENGTH)
    _by_row(pileup, (FULL * length // MAX_FRAGMENT_LENGTH).astype(np.uint8), FULL, out)


def base_error(pileup: Pileup, out: Image) -> None:
    """How often a base of this quality is wrong in this run, as phred up to 40: 50 to 254."""
    phred = np.clip(pileup.run.empirical_qualities, 0, MAX_BASE_QUALITY)
    _by_base(
        pileup.cell,
        pileup.reads.qual,
        _known(phred / MAX_BASE_QUALITY),
        np.full_like(pileup.reference, FULL),
        out,
    )


def relative_mapping_quality(pileup: Pileup, out: Image) -> None:
    """Mapping quality, of what three quarters of the run's reads have: 50 to 254; 25 where it is not known."""
    quality = pileup.reads.mapping_quality[_drawn_reads(pileup)]
    pixel = _known(pileup.run.mapping_shares[quality])
    _by_row(pileup, np.where(quality == NO_QUALITY, UNKNOWN_PIXEL, pixel).astype(np.uint8), FULL, out)


def relative_insert_size(pileup: Pileup, out: Image) -> None:
    """Fragment length: from 3 SD of the run's below its median to 3 SD above, 50 to 254; 25 where it is not known."""
    length = np.abs(pileup.reads.fragment_length[_drawn_reads(pileup)].astype(np.float64))
    run = pileup.run
    deviation = (length - run.fragment_length) / max(run.fragment_spread, 1.0)
    pixel = _known((np.clip(deviation, -MOST_DEVIATION, MOST_DEVIATION) / MOST_DEVIATION + 1) / 2)
    unknown = (length == 0) | (run.fragment_length == 0)
    _by_row(pileup, np.where(unknown, UNKNOWN_PIXEL, pixel).astype(np.uint8), FULL, out)


def _known(share: Float64s) -> Image:
    """Pixels of values from 0 to 1, apart from that of what is not known and from that of no read."""
    return np.asarray(LEAST_KNOWN + (FULL - LEAST_KNOWN) * share, np.float64).astype(np.uint8)


def haplotype(pileup: Pileup, out: Image) -> None:
    """The haplotype of whose reads more support the image's alts 127, the other one 254; unknown 0."""
    _fill_rows(pileup.cell, HAPLOTYPE_PIXEL[pileup.side], out)


def homopolymer_length(pileup: Pileup, out: Image) -> None:
    """Length of the run of equal bases that the base lies in, as this very read has it, up to 20, scaled to 254.

    Where lengths of homopolymers are what a sequencer misreads, rows of one allele then differ from those of another.
    """
    reference, reads = pileup.reference, pileup.reads
    offsets = np.arange(len(reference) + 1) * reference.shape[1]
    runs = np.minimum(run_lengths(reference.ravel(), offsets), LONGEST_HOMOPOLYMER).reshape(reference.shape)
    _runs(pileup.cell, pileup.row_read, reads.seq, reads.base_offset, _HOMOPOLYMER_PIXEL[runs], out)


@kernel(vectorised=True)
def _runs(
    cell: Int32s, row_read: Int32s, seq: UInt8s, base_offset: Int64s, of_reference: Image, out: Image
) -> None:
    """Draw `homopolymer_length`.

    Parameters
    ----------
    cell, row_read
        int32[n, h, w], int32[n, h], as in `Pileup`.
    seq, base_offset
        uint8[b], int64[r + 1], of all reads.
    of_reference
        uint8[n, w], the pixel of each column's reference base.
    out
        uint8[n, h, w].
    """
    n, height, width = cell.shape
    for i in range(n):
        for row in range(height):
            own, first = seq[:0], np.int64(0)
            if row_read[i, row] >= 0:
                first = base_offset[row_read[i, row]]
                own = seq[first : base_offset[row_read[i, row] + 1]]
            before, pixel = np.int64(-1), np.uint8(0)  # the last base drawn, and its pixel
            for column in range(width):
                at = np.int64(cell[i, row, column])
                if at >= 0:
                    at -= first
                    if before < 0 or at != before + 1 or own[at] != own[before]:
                        run = min(run_around(own, at, LONGEST_HOMOPOLYMER), LONGEST_HOMOPOLYMER)
                        pixel = np.uint8(FULL * run // LONGEST_HOMOPOLYMER)
                    out[i, row, column], before = pixel, at
                elif at == REFERENCE:
                    out[i, row, column] = of_reference[i, column]


def _drawn_reads(pileup: Pileup) -> Int32s:
    """Which read each row of a read shows, int32[rows], image by image: reads that are not drawn cost nothing."""
    return np.asarray(pileup.row_read[pileup.row_read >= 0])


def _by_row(pileup: Pileup, of_row: UInt8s, of_reference: int, out: Image) -> None:
    """One value per row in all its cells; ``of_row`` uint8[rows] of `_drawn_reads`."""
    value = np.where(pileup.row_read == REFERENCE, np.uint8(of_reference), np.uint8(0))
    value[pileup.row_read >= 0] = of_row
    _fill_rows(pileup.cell, value, out)


@kernel(vectorised=True)
def _fill_rows(cell: Int32s, value: Image, out: Image) -> None:
    """Give all cells of a row that are not EMPTY its value.

    Parameters
    ----------
    cell, value, out
        int32[n, h, w], as in `Pileup`; uint8[n, h]; uint8[n, h, w].
    """
    n, height, width = cell.shape
    for i in range(n):
        for row in range(height):
            for column in range(width):
                if cell[i, row, column] != EMPTY:
                    out[i, row, column] = value[i, row]


@kernel(vectorised=True)
def _by_base(cell: Int32s, of_base: Image, pixel: Image, of_reference: Image, out: Image) -> None:
    """Give a read's bases the pixel of their value, and bases of the reference their own; others stay as they are.

    Parameters
    ----------
    cell, out
        int32[n, h, w], as in `Pileup`; uint8[n, h, w].
    of_base, pixel
        uint8[b], a value of each base of all reads; uint8[...], the pixel of each value.
    of_reference
        uint8[n, w], the pixel of each column's reference base.
    """
    n, height, width = cell.shape
    for i in range(n):
        for row in range(height):
            for column in range(width):
                at = cell[i, row, column]
                if at >= 0:
                    out[i, row, column] = pixel[of_base[at]]
                elif at == REFERENCE:
                    out[i, row, column] = of_reference[i, column]


@kernel(vectorised=True)
def _differences(cell: Int32s, insertion: Bools, seq: UInt8s, reference: UInt8s, out: Image) -> None:
    """Draw `base_differs_from_ref`.

    Parameters
    ----------
    cell, insertion, reference
        int32[n, h, w], bool[n, h, w], uint8[n, w], as in `Pileup`.
    seq
        uint8[b], base codes of all reads.
    out
        uint8[n, h, w].
    """
    n, height, width = cell.shape
    for i in range(n):
        for row in range(height):
            for column in range(width):
                at = cell[i, row, column]
                if at == EMPTY:
                    continue
                if at == DELETED:
                    out[i, row, column] = DELETION
                elif at >= 0 and seq[at] != reference[i, column]:
                    out[i, row, column] = MISMATCH
                elif insertion[i, row, column]:
                    out[i, row, column] = INSERTION_AFTER
                else:
                    out[i, row, column] = MATCH
