"""How qualities are told: tables from the qualities of a read or of its mapping to what a file says of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvplug.simulate.world import Bins, MappingWorld, QualityWorld

MOST = 93
"""The highest base quality that a file can hold."""
LEAST = 2
"""The lowest that a read base is given."""
BINS: dict[Bins, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "eight": ((2, 6, 15, 22, 27, 33, 37, 40), (3, 10, 20, 25, 30, 35, 40)),
    "novaseq": ((2, 12, 23, 37), (3, 18, 30)),
    "nextseq": ((2, 11, 25, 37), (6, 18, 31)),
}
"""The value of each bin, and from which quality on the next one holds: Illumina's eight of the HiSeq X (its white paper
of 2014), the four of the NovaSeq 6000 (RTA 3), and four of two-colour instruments."""
BOWTIE2 = (0, 1, 2, 3, 6, 8, 11, 15, 18, 23, 24, 30, 32, 40, 42)
"""Mapping qualities that bowtie2 gives to end-to-end alignments, nearly all that occur."""

QualityTable = NDArray[np.uint8]
"""uint8[256]: what is written for each quality."""


def lowered(quality: QualityTable, by: float) -> QualityTable:
    """Return qualities lower by so many phred, none below `LEAST`; negative ones raise them."""
    return np.clip(np.rint(quality - float(by)), LEAST, MOST).astype(np.uint8)


def binned(quality: QualityTable, bins: Bins) -> QualityTable:
    """Return the value of each quality's bin, for bins that have a table in `BINS`."""
    values, edges = BINS[bins]
    return np.array(values, np.uint8)[np.searchsorted(edges, quality, side="right")]


def flat(quality: QualityTable, at: int) -> QualityTable:
    """Return the same quality for all."""
    return np.full_like(quality, at)


def reported_qualities(quality: QualityWorld, mean: float) -> QualityTable:
    """Return the table of a world's base qualities, whose profile has this mean; without what depends on the cycle."""
    given = np.arange(256)
    table = lowered((mean + (given - mean) * quality.stretch + quality.shift).clip(LEAST, MOST), 0)
    if quality.bins in BINS:
        table = binned(table, quality.bins)
    elif quality.bins == "flat":
        table = flat(table, quality.high)
    elif quality.bins == "two":
        low, high = sorted((quality.low, quality.high))
        table = np.where(table < mean + quality.shift - 3, low, high).astype(np.uint8)
    return np.minimum(table, quality.cap)


def cycle_changes(quality: QualityWorld, cycles: int, seed: int) -> NDArray[np.float64]:
    """Return what each cycle of a read adds before qualities are binned, phred, float64[cycles]."""
    wander = np.cumsum(np.random.default_rng([seed, 11]).normal(size=cycles))
    wander -= wander.mean()
    scale = quality.recalibrated / max(float(wander.std()), 1e-9)
    return wander * scale - quality.cycle_fall * np.linspace(-0.5, 0.5, cycles)


def reported_mapping(mapping: MappingWorld) -> QualityTable:
    """Return the table of a world's mapping qualities; reads that fit several places alike (below 5) stay so."""
    given = np.arange(256, dtype=np.uint8)
    usable = (given >= 5) & (given <= 60)
    table = given.copy()
    if mapping.scale == "flat" or mapping.scale == "unknown":
        table[usable] = mapping.top
    elif mapping.scale == "stretched":
        table[usable] = np.maximum(np.rint(given[usable] / 60 * mapping.top), 5)
    elif mapping.scale == "bowtie2":
        steps = np.array(BOWTIE2, np.uint8)
        wanted = given[usable].astype(float) * 42 / 60
        table[usable] = np.maximum(steps[np.abs(steps - wanted[:, None]).argmin(axis=1)], 6)
    return table
