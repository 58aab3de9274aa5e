"""A profile of single reads whose errors are known, and reads by it, aligned with where they were drawn from."""

from __future__ import annotations

import numpy as np

from dvplug.sequence.codes import encode_bases
from dvplug.simulate.depths import DepthBlocks
from dvplug.simulate.learn.alignments import GAP, Alignment
from dvplug.simulate.learn.context import ContextProfile
from dvplug.simulate.learn.error_counts import (
    CLASSES,
    LONGEST_INDEL,
    LONGEST_RUN,
    MOST_CHANGE,
    PLAIN,
    PREVIOUS_EDGES,
    QUALITIES,
    RUN_EDGES,
)
from dvplug.simulate.locus_noise import LocusNoise
from dvplug.simulate.long_reads import long_fastq_batches, prepare_long, read_spans
from dvplug.simulate.variants import apply_variants
from helpers.compiled import align_globally

QUIET = LocusNoise(indel_sd=0.0, site_p=0.0)


SHORTER_P = 0.08  # of homopolymers of 3 bp and more, by one base


def planted(substitution_p: float = 0.02) -> ContextProfile:
    """Reads of 900 bp: substitutions, and homopolymers of 3 and more read one short; quality 30, 10 where wrong."""
    change = np.zeros((CLASSES, 4, LONGEST_RUN + 1, 2 * MOST_CHANGE + 1))
    change[..., MOST_CHANGE] = 1.0
    change[:, :, 3:, MOST_CHANGE] = 1 - SHORTER_P
    change[:, :, 3:, MOST_CHANGE - 1] = SHORTER_P
    quality = np.zeros((CLASSES, 4, len(RUN_EDGES), len(PREVIOUS_EDGES), QUALITIES))
    quality[:, PLAIN, ..., 30] = 1
    quality[:, 1:, ..., 10] = 1
    length = np.zeros((2, LONGEST_INDEL + 1))
    length[:, 1] = 1
    return ContextProfile(
        np.full(50, 900),
        np.arange(50) % CLASSES,
        np.full(CLASSES, substitution_p),
        np.cumsum((np.ones((4, 4)) - np.eye(4)) / 3, axis=1),
        np.cumsum(change, axis=-1),
        np.zeros(CLASSES),
        np.zeros(CLASSES),
        np.cumsum(length, axis=1),
        np.cumsum(quality, axis=-1).astype(np.float32),
    )


def simulated(profile: ContextProfile, rng: np.random.Generator) -> tuple[list[Alignment], int]:
    """Reads of a random genome, aligned with where they were drawn from; and the genome's length."""
    codes = rng.integers(0, 4, 30_000).astype(np.uint8)
    haplotype = apply_variants(codes, [], 0)
    blocks = DepthBlocks(np.array([0]), np.array([20.0]))
    spans = read_spans(haplotype, profile, blocks, rng)
    texts = b"".join(
        t.tobytes() for t in long_fastq_batches(prepare_long(codes, QUIET, 1), spans, profile, rng, 0)
    )
    lines, found = texts.decode().splitlines(), []
    assert len(lines) == 4 * len(spans[0])
    for name, seq, _, qual in zip(lines[::4], lines[1::4], lines[2::4], lines[3::4], strict=True):
        k = int(name[2:])
        low, high = int(spans[0][k]), int(spans[1][k])
        read, quality = (
            encode_bases(seq.encode()),
            np.frombuffer(qual.encode(), np.uint8) - 33,
        )
        reverse = (3 - read[::-1]).astype(np.uint8)
        size = min(50, len(read), high - low)
        forward_score, reverse_score = ((x[:size] == codes[low : low + size]).mean() for x in (read, reverse))
        if reverse_score > forward_score:
            read, quality = reverse, quality[::-1]
        found.append(aligned(read, quality, codes[low:high], low, reverse_score > forward_score))
    return found, len(codes)


def aligned(read: np.ndarray, quality: np.ndarray, target: np.ndarray, low: int, reverse: bool) -> Alignment:
    cigar = align_globally(read, target)
    code = np.repeat(cigar & 15, cigar >> 4)
    columns = [np.full(len(code), GAP, np.uint8) for _ in range(2)]
    columns[0][code != 2], columns[1][code != 1] = read, target
    spread = np.zeros(len(code), np.uint8)
    spread[code != 2] = quality
    position = low + np.cumsum(code != 1) - (code != 1)
    return Alignment("c", *columns, spread, position, reverse)
