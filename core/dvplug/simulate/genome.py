"""Genomes as base codes: made-up sequence, FASTA and BED.

Everywhere in `dvplug.simulate` a sequence is an array of base codes, uint8: A, C, G, T = 0..3, and `N` for all else
(`dvplug.sequence.codes.encode_bases` makes one of letters).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.sequence.codes import UNKNOWN_BASE
from dvplug.sequence.tracts import stretches_of

Codes = NDArray[np.uint8]
"""Base codes, uint8[bp]."""
N = UNKNOWN_BASE
LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8)
COMPLEMENT = np.array([3, 2, 1, 0, 4], dtype=np.uint8)


def random_genome(length: int, rng: np.random.Generator) -> Codes:
    """Make up sequence with the features that matter to a variant caller, uint8[length].

    GC content drifts between 35 and 52 %, CpG is depleted fourfold (as in human), homopolymers lie every
    400 bp, microsatellites every 2 kb, and diverged copies of one 300-bp element every 3 kb.
    """
    gc = np.repeat(rng.uniform(0.35, 0.52, length // 5000 + 1), 5000)[:length]
    strong = rng.random(length) < gc
    codes = np.where(strong, rng.integers(1, 3, length), 3 * rng.integers(0, 2, length)).astype(np.uint8)
    cpg = np.flatnonzero((codes[:-1] == 1) & (codes[1:] == 2))
    cpg = cpg[rng.random(len(cpg)) < 0.75]
    deaminate_first = rng.random(len(cpg)) < 0.5
    codes[cpg[deaminate_first]] = 3
    codes[cpg[~deaminate_first] + 1] = 0
    element = codes[:300].copy()
    for at in rng.integers(0, length, length // 3000):
        copy = np.where(rng.random(300) < 0.1, rng.integers(0, 4, 300), element).astype(np.uint8)
        codes[at : at + 300] = copy[: length - at]
    for at in rng.integers(0, length, length // 2000):
        unit, copies = rng.integers(2, 6), 4 + rng.geometric(0.12)
        repeat = np.tile(rng.integers(0, 4, unit), copies)[:120]
        codes[at : at + len(repeat)] = repeat[: length - at]
    for at in rng.integers(0, length, length // 400):
        run = min(5 + rng.geometric(0.3), 30)
        codes[at : at + run] = rng.choice([0, 0, 0, 3, 3, 3, 1, 2])
    return codes


def write_fasta(path: Path, contigs: dict[str, Codes]) -> Path:
    """Write and index (.fai) a FASTA file of 60 letters a line."""
    with path.open("wb") as handle:
        for name, codes in contigs.items():
            handle.write(f">{name}\n".encode())
            letters = LETTERS[codes]
            whole = len(letters) // 60 * 60
            lines = np.empty((whole // 60, 61), dtype=np.uint8)
            lines[:, :60] = letters[:whole].reshape(-1, 60)
            lines[:, 60] = ord("\n")
            handle.write(lines.tobytes())
            if whole < len(letters):
                handle.write(letters[whole:].tobytes() + b"\n")
    pysam.faidx(str(path))
    return path


def write_bed(path: Path, intervals: list[tuple[str, int, int]]) -> Path:
    """Write 0-based half-open intervals (contig, start, end)."""
    path.write_text("".join(f"{contig}\t{start}\t{end}\n" for contig, start, end in intervals))
    return path


def known_intervals(contig: str, codes: Codes) -> list[tuple[str, int, int]]:
    """Return the intervals of a contig that are not N."""
    starts, lengths = stretches_of(codes != N)
    return [(contig, int(s), int(s + n)) for s, n in zip(starts, lengths, strict=True)]
