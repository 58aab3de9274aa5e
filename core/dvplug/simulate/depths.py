"""How deep a contig is sequenced: blocks of one depth, capture targets, and smooth waves along the genome."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CAPTURE_SD = 0.6
"""SD of the natural logarithm of a real exome's depth at targets: a fold-80 penalty (Picard) of 2."""
SHOULDER = 100
"""bp on either side of a target where depth falls off."""


class DepthBlocks(NamedTuple):
    """Blocks of a contig that are sequenced to one depth each; the last one reaches its end.

    The depths are those of both haplotypes together.
    """

    start: NDArray[np.int64]  # [blocks], bp on the reference, ascending from 0
    depth: NDArray[np.float64]  # [blocks], reads over a position

    def depth_at(self, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the planned depths at reference positions, float64[positions]."""
        return self.depth[np.searchsorted(self.start, positions, side="right") - 1]


def depth_blocks(length: int, rng: np.random.Generator, depths: tuple[float, float]) -> DepthBlocks:
    """Cut a contig of ``length`` bp into blocks of 50-100 kb with depths drawn log-uniformly from a range."""
    starts = np.concatenate(([0], np.cumsum(rng.integers(50_000, 100_000, length // 50_000 + 1))))
    starts = starts[starts < length]
    low, high = np.log(depths)
    return DepthBlocks(starts, np.exp(rng.uniform(low, high, len(starts))))


def capture_blocks(
    length: int, rng: np.random.Generator, depths: tuple[float, float], typical: float | None = None
) -> DepthBlocks:
    """Lay capture targets on a contig: 250-550 bp, 1 kb apart on average.

    Their depths are log-normal around the ``typical`` one, as in an exome, or without it log-uniform, and in a range.
    Fewer fragments lie on either side of a target, and none in between: blocks are target, two shoulders, gap.
    """
    starts, values = [0], [0.0]
    at = int(rng.exponential(750)) + 250
    while at + 1000 < length:
        size = int(rng.integers(250, 550))
        log = rng.normal(np.log(typical), CAPTURE_SD) if typical else rng.uniform(*np.log(depths))
        depth = float(np.clip(np.exp(log), *depths))
        starts += [at - SHOULDER, at, at + size, at + size + SHOULDER]
        values += [0.3 * depth, depth, 0.3 * depth, 0.0]
        at += size + 450 + int(rng.exponential(750))
    return DepthBlocks(np.array(starts), np.array(values))


def ripple(length: int, rng: np.random.Generator, sd: float = 0.12) -> NDArray[np.float64]:
    """Return smooth random factors on the depth, one per 1000 bp, log-normal with the given SD."""
    noise = np.convolve(rng.normal(size=length // 1000 + 8), np.ones(5) / np.sqrt(5), mode="same")
    return np.exp(sd * noise)
