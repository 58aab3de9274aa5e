"""Reads of a simulated genome, aligned as an aligner would have done it, without one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.sequence.tracts import find_tracts
from dvplug.simulate.genome import LETTERS, Codes, N
from dvplug.simulate.variants import HaplotypeSequence

READ_LENGTH = 150
INSERTED, CLIPPED = -1, -2
"""Values in place of a base's reference position."""
MATCH_SCORE, MISMATCH_COST, GAP_OPEN, GAP_EXTEND, CLIP_COST = 1, 4, 6, 1, 5
"""bwa mem's defaults: they decide between a gap, mismatches and a soft clip close to a read's end."""
CHIMERIC_P = 0.02
"""Reads with a piece from elsewhere at their end; real libraries have 2-5 % of soft-clipped reads."""
QUALITY_BINS = np.array([11, 22, 27, 32, 37, 42], dtype=np.uint8)


@dataclass(frozen=True)
class ReadTable:
    """Aligned reads of one haplotype, two rows per pair; bases lie in reference direction."""

    codes: NDArray[np.uint8]  # [n, 150], base codes
    quality: NDArray[np.uint8]  # [n, 150], phred
    where: NDArray[np.int64]  # [n, 150], the reference position of each base, or INSERTED or CLIPPED
    pair: NDArray[np.int64]  # [n]
    reverse: NDArray[np.bool_]  # [n]
    second: NDArray[np.bool_]  # [n], of its pair


def reference_of_bases(haplotype: HaplotypeSequence) -> NDArray[np.int64]:
    """Return each haplotype base's position on the reference, INSERTED where it has none; int64[m]."""
    where = np.full(len(haplotype.codes), INSERTED, dtype=np.int64)
    for start, on_reference, length in zip(
        haplotype.start, haplotype.reference_start, haplotype.length, strict=True
    ):
        where[start : start + length] = np.arange(on_reference, on_reference + length)
    return where


def draw_qualities(count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw binned base qualities in sequencing order, uint8[count, 150].

    A read's level varies from read to read, wanders from base to base, and falls along the read.
    """
    level = rng.gamma(1.2, 2.2, count)
    wander = np.zeros(count)
    score = np.empty((count, READ_LENGTH))
    for cycle in range(READ_LENGTH):
        wander = 0.8 * wander + rng.normal(0, 2.2, count)
        fall = 1 + 4 * (cycle / READ_LENGTH) ** 3
        score[:, cycle] = 44 - level * fall + wander
    return QUALITY_BINS[np.clip(np.searchsorted(QUALITY_BINS, score) - 1, 0, len(QUALITY_BINS) - 1)]


def sequence_haplotype(
    reference: Codes, haplotype: HaplotypeSequence, pairs: int, first_pair: int, rng: np.random.Generator
) -> ReadTable:
    """Draw and align pairs of 2x150 from one haplotype; fragments are 400 +- 80 bp.

    Bases err with the probability that their quality says; homopolymers of 6 bp and more lose a base at
    1e-3 x 1.45^(length - 8) per read and gain one half as often (measured on real Illumina reads).
    """
    fragment = np.clip(rng.normal(400, 80, pairs), 160, 900).astype(np.int64)
    start = rng.integers(0, len(haplotype.codes) - fragment - 1)
    begin = np.stack([start, start + fragment - READ_LENGTH], axis=1).ravel()
    order = np.argsort(begin, kind="stable")
    begin = begin[order]
    flipped = rng.random(pairs) < 0.5
    reverse = np.tile([False, True], pairs)[order]
    second = (np.repeat(flipped, 2) ^ np.tile([False, True], pairs))[order]
    pair = first_pair + np.repeat(np.arange(pairs), 2)[order]

    index = begin[:, None] + np.arange(READ_LENGTH)
    slipped = _slip(index, begin, haplotype.codes, rng)
    codes = haplotype.codes[index]
    where = reference_of_bases(haplotype)[index]
    for row, offset in slipped:
        where[row, offset] = INSERTED
    _settle_ends(reference, codes, where)
    _add_chimeras(reference, codes, where, reverse, rng)
    quality = draw_qualities(len(begin), rng)
    quality[reverse] = quality[reverse, ::-1]
    wrong = (rng.random(codes.shape) < 10 ** (quality / -10.0)) & (codes < N)
    codes[wrong] = (codes[wrong] + rng.integers(1, 4, int(wrong.sum()))) % 4
    return ReadTable(codes, quality, where, pair, reverse, second)


def _slip(
    index: NDArray[np.int64], begin: NDArray[np.int64], codes: Codes, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Change the haplotype positions that reads read where they slip; return the bases that were inserted."""
    tracts = find_tracts(codes, {1: 6})
    inserted = []
    for start, length in zip(tracts.start, tracts.length, strict=True):
        low = np.searchsorted(begin, start - READ_LENGTH + length + 6)
        high = np.searchsorted(begin, start - 5)
        deletion_p = min(1e-3 * 1.45 ** (int(length) - 8), 0.25)
        draw = rng.random(max(high - low, 0))
        for row in low + np.flatnonzero(draw < 1.5 * deletion_p):
            offset = int(np.searchsorted(index[row], start))
            if draw[row - low] < deletion_p:
                if index[row, -1] + 1 < len(codes):
                    index[row, offset:] += 1
            else:
                index[row, offset + 1 :] -= 1
                inserted.append((int(row), offset))
    return inserted


def _settle_ends(reference: Codes, codes: NDArray[np.uint8], where: NDArray[np.int64]) -> None:
    """Let each gap near a read's end become mismatches or a soft clip where an aligner would."""
    gapped = np.flatnonzero((np.diff(where, axis=1) != 1).any(axis=1))
    for row in gapped:
        _settle_left(reference, codes[row], where[row], 1)
        _settle_left(reference, codes[row][::-1], where[row][::-1], -1)


def _settle_left(reference: Codes, codes: Codes, where: NDArray[np.int64], step: int) -> None:
    """Decide on the first gap from the left (``step`` 1) or, on reversed views, from the right (-1)."""
    aligned = np.flatnonzero(where >= 0)
    breaks = np.flatnonzero((np.diff(where[aligned]) != step) | (np.diff(aligned) != 1))
    left = aligned[breaks[0]] + 1 if aligned[0] == 0 and len(breaks) else 0
    if aligned[0] == 0 and not len(breaks):
        return
    right = aligned[breaks[0] + 1] if left else aligned[0]
    plain = where[right] - step * np.arange(right, 0, -1)
    inside = (plain >= 0) & (plain < len(reference))
    misses = int((reference[plain[inside]] != codes[:right][inside]).sum()) if inside.all() else right
    gap = right - left + (abs(int(where[right] - where[left - 1])) - 1 if left else 0)
    with_gap = left * MATCH_SCORE - GAP_OPEN - GAP_EXTEND * gap if left else -1000
    without = (right - misses) * MATCH_SCORE - misses * MISMATCH_COST
    if without >= max(with_gap, -CLIP_COST):
        where[:right] = plain
    elif with_gap < -CLIP_COST:
        where[:right] = CLIPPED


def _add_chimeras(
    reference: Codes,
    codes: NDArray[np.uint8],
    where: NDArray[np.int64],
    reverse: NDArray[np.bool_],
    rng: np.random.Generator,
) -> None:
    """Replace the last 15-70 sequenced bases of some reads by sequence from elsewhere, soft-clipped."""
    for row in np.flatnonzero(rng.random(len(codes)) < CHIMERIC_P):
        size = int(rng.integers(15, 70))
        place = int(rng.integers(0, len(reference) - size))
        part = slice(0, size) if reverse[row] else slice(READ_LENGTH - size, READ_LENGTH)
        rest = np.delete(where[row], np.arange(READ_LENGTH)[part])
        if rest.min() >= 0 and np.ptp(rest) == len(rest) - 1:
            codes[row, part] = reference[place : place + size]
            where[row, part] = CLIPPED


def cigar_of(where: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Turn the reference positions of a read's bases into CIGAR tuples (BAM operation, length)."""
    kind = np.where(where >= 0, pysam.CMATCH, np.where(where == CLIPPED, pysam.CSOFT_CLIP, pysam.CINS))
    cigar: list[tuple[int, int]] = []
    at = 0
    last = -1
    for cut in [
        *np.flatnonzero((np.diff(kind) != 0) | ((where[1:] >= 0) & (np.diff(where) != 1))) + 1,
        len(where),
    ]:
        if where[at] >= 0:
            if last >= 0 and where[at] > last + 1:
                cigar.append((pysam.CDEL, int(where[at] - last - 1)))
            last = int(where[cut - 1])
        cigar.append((int(kind[at]), int(cut - at)))
        at = cut
    return cigar


def write_bam(path: Path, tables: list[ReadTable], contig: str, length: int, sample: str) -> Path:
    """Write all reads as one sorted, indexed BAM with a read group."""
    header = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": contig, "LN": length}],
            "RG": [{"ID": sample, "SM": sample, "PL": "ILLUMINA"}],
        }
    )
    whole = ReadTable(*(np.concatenate([getattr(t, f) for t in tables]) for f in ReadTable.__annotations__))
    start = np.where(whole.where >= 0, whole.where, length).min(axis=1)
    end = whole.where.max(axis=1) + 1
    order = np.lexsort((whole.second, whole.pair, start))
    mate_order = np.lexsort((whole.second, whole.pair))
    mate = np.empty(len(start), dtype=np.int64)
    mate[mate_order[::2]], mate[mate_order[1::2]] = mate_order[1::2], mate_order[::2]
    letters = LETTERS[whole.codes]
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for row in order:
            other = int(mate[row])
            read = pysam.AlignedSegment(header)
            read.query_name = f"pair{whole.pair[row]}"
            read.flag = (
                (pysam.FPAIRED | pysam.FPROPER_PAIR)
                | (pysam.FREVERSE if whole.reverse[row] else 0)
                | (pysam.FMREVERSE if whole.reverse[other] else 0)
                | (pysam.FREAD2 if whole.second[row] else pysam.FREAD1)
            )
            read.reference_id = read.next_reference_id = 0
            read.reference_start, read.next_reference_start = int(start[row]), int(start[other])
            read.mapping_quality = 60
            read.cigartuples = cigar_of(whole.where[row])
            span = int(max(end[row], end[other]) - min(start[row], start[other]))
            read.template_length = -span if whole.reverse[row] else span
            read.query_sequence = letters[row].tobytes().decode()
            read.query_qualities = whole.quality[row]
            read.set_tag("RG", sample)
            out.write(read)
    pysam.index(str(path))
    return path
