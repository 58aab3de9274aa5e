"""What only kernels call, compiled by itself: as plain Python it is slow, and its numbers do not wrap around."""

from __future__ import annotations

import numba
import numpy as np

from dvplug.reads import assembly
from dvplug.sequence import pairwise


@numba.njit
def align_globally(query: np.ndarray, target: np.ndarray) -> np.ndarray:
    """`dvplug.sequence.pairwise.align_globally`."""
    return pairwise.align_globally(query, target)


@numba.njit
def haplotype_paths(
    reference: np.ndarray, reads: assembly.Stretches, k: int, least: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`dvplug.reads.assembly.haplotype_paths`."""
    return assembly.haplotype_paths(reference, reads, k, least)


@numba.njit
def assemble(reference: np.ndarray, reads: assembly.Stretches, shortest_k: int = 25) -> assembly.Assembled:
    """`dvplug.reads.assembly.assemble`."""
    return assembly.assemble(reference, reads, shortest_k)
