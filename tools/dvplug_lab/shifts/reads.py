"""Reads changed as other sequencers, aligners and tools would have written them: the variants stay the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.errors import InputError, near_misses
from dvplug.simulate.reported import binned, flat, lowered
from dvplug_lab.shifts.cuts import keep_part, pieces

PAIR_FLAGS = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x80
QualityMap = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def _qualities(change: QualityMap) -> Callable[[pysam.AlignedSegment], bool]:
    def shift(read: pysam.AlignedSegment) -> bool:
        if read.query_qualities is not None:
            read.query_qualities = change(np.array(read.query_qualities, np.uint8)).tolist()
        return True

    return shift


def single(read: pysam.AlignedSegment) -> bool:
    """Forget the mate."""
    read.flag &= ~PAIR_FLAGS
    read.next_reference_id, read.next_reference_start, read.template_length = -1, -1, 0
    return True


def without_qualities(read: pysam.AlignedSegment) -> bool:
    """Leave `*` in QUAL."""
    read.query_qualities = None
    return True


def mapped_at(quality: int) -> Callable[[pysam.AlignedSegment], bool]:
    """Give every read of a usable mapping quality this one: 255 unknown, 60 for all, 42 the most of bowtie2."""

    def shift(read: pysam.AlignedSegment) -> bool:
        if read.mapping_quality >= 5:
            read.mapping_quality = quality
        return True

    return shift


def hard_clipped(read: pysam.AlignedSegment) -> bool:
    """Turn soft clips into hard ones: the bases are gone."""
    cigar = read.cigartuples or []
    left = cigar[0][1] if cigar and cigar[0][0] == pysam.CSOFT_CLIP else 0
    right = cigar[-1][1] if len(cigar) > 1 and cigar[-1][0] == pysam.CSOFT_CLIP else 0
    if left or right:
        sequence, quality = read.query_sequence, read.query_qualities
        end = len(sequence) - right
        read.query_sequence = sequence[left:end]
        read.query_qualities = quality[left:end] if quality is not None else None
        read.cigartuples = [(pysam.CHARD_CLIP if code == pysam.CSOFT_CLIP else code, n) for code, n in cigar]
    return True


def one_strand(read: pysam.AlignedSegment) -> bool:
    """Keep the forward strand."""
    return not read.is_reverse


def no_haplotypes(read: pysam.AlignedSegment) -> bool:
    """Drop the tag HP."""
    read.set_tag("HP", None)
    return True


def trimmed(length: int) -> Callable[[pysam.AlignedSegment], bool]:
    """Keep so many bases of each read, the first that were sequenced; shorter reads stay whole."""

    def shift(read: pysam.AlignedSegment) -> bool:
        bases = read.query_length
        if bases <= length:
            return True
        return keep_part(read, bases - length, bases) if read.is_reverse else keep_part(read, 0, length)

    return shift


SHIFTS: dict[str, Callable[[pysam.AlignedSegment], bool]] = {
    "single": single,
    "quality-5": _qualities(lambda quality: lowered(quality, 5)),
    "quality-8": _qualities(lambda quality: lowered(quality, 8)),
    "quality-12": _qualities(lambda quality: lowered(quality, 12)),
    "quality-flat20": _qualities(lambda quality: flat(quality, 20)),
    "quality-flat25": _qualities(lambda quality: flat(quality, 25)),
    "quality-flat30": _qualities(lambda quality: flat(quality, 30)),
    "quality-flat40": _qualities(lambda quality: flat(quality, 40)),
    "quality-cap30": _qualities(lambda quality: np.minimum(quality, 30)),
    "quality-nextseq": _qualities(lambda quality: binned(quality, "nextseq")),
    "quality-novaseq": _qualities(lambda quality: binned(quality, "novaseq")),
    "quality-none": without_qualities,
    "mapq-255": mapped_at(255),
    "mapq-60": mapped_at(60),
    "mapq-50": mapped_at(50),
    "mapq-42": mapped_at(42),
    "mapq-20": mapped_at(20),
    "length-36": trimmed(36),
    "length-50": trimmed(50),
    "length-75": trimmed(75),
    "hard-clips": hard_clipped,
    "one-strand": one_strand,
    "no-haplotypes": no_haplotypes,
}
"""What is done to each read; False leaves it out."""
PIECES = {"pieces-2000": 2_000}
"""Bp of the pieces that each read is cut into."""


def shift_reads(name: str, reads: Path, out: Path) -> Path:
    """Write an indexed BAM of the reads under a shift; raises InputError where there is none of this name."""
    if name not in SHIFTS and name not in PIECES:
        raise InputError(f"there is no shift '{name}'", repair=near_misses(name, [*SHIFTS, *PIECES]))
    unsorted = out.with_name(f".{out.name}.unsorted")
    with (
        pysam.AlignmentFile(str(reads)) as given,
        pysam.AlignmentFile(str(unsorted), "wb", header=given.header) as written,
    ):
        for read in given:
            for made in _shifted(name, read):
                written.write(made)
    pysam.sort("-o", str(out), str(unsorted))
    unsorted.unlink()
    pysam.index(str(out))
    return out


def _shifted(name: str, read: pysam.AlignedSegment) -> Iterator[pysam.AlignedSegment]:
    if name in PIECES:
        yield from pieces(read, PIECES[name])
    elif SHIFTS[name](read):
        yield read
