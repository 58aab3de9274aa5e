"""`CandidateBatch`: candidate sites, and which read supports which allele."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

OTHER, UNINFORMATIVE = -1, -2
"""Alleles of a read over a site that supports none that is listed, or does not tell which."""


class ReadSupport(NamedTuple):
    """Which read supports which allele, as kernels take it: compressed sparse rows over sites.

    Site ``i`` has the entries from ``offset[i]`` up to ``offset[i + 1]``, in order of read.
    """

    offset: npt.NDArray[np.int64]  # [sites + 1]
    read: npt.NDArray[np.int32]  # [entries]: index of the read
    allele: npt.NDArray[np.int8]  # [entries]: 0 reference, k alt k, `OTHER` or `UNINFORMATIVE`


@dataclass(frozen=True)
class CandidateBatch:
    """Candidate sites of one region in order of position; reads by site in compressed sparse rows.

    Site ``i`` is described by ``read_index[k]`` and ``read_allele[k]`` for ``k`` from ``read_offset[i]`` up to
    ``read_offset[i + 1]``: an allele is 0 for the reference, k for alt k, `OTHER` or
    `UNINFORMATIVE`.
    """

    contig: str
    start: npt.NDArray[np.int32]  # over sites: 0-based position of the first REF base
    refs: list[str]
    alts: list[tuple[str, ...]]  # best supported first
    read_offset: npt.NDArray[np.int64]  # sites + 1
    read_index: npt.NDArray[np.int32]  # over entries
    read_allele: npt.NDArray[np.int8]  # over entries
    depth: npt.NDArray[np.int32]  # over sites: reads that tell an allele, listed or not
    allele_depths: npt.NDArray[np.int32]  # [sites, 1 + most alts]: reads per allele, reference first
    pooled: npt.NDArray[np.bool_] | None = (
        None  # [sites, most alts]: long indels whose reads were found together
    )

    def __len__(self) -> int:
        return len(self.start)

    def support(self) -> ReadSupport:
        """Return the rows for a kernel."""
        return ReadSupport(self.read_offset, self.read_index, self.read_allele)

    def chains(self) -> npt.NDArray[np.int64]:
        """Number the chains of sites whose REFs overlap, int64[sites], from 0 on."""
        start = self.start.astype(np.int64)
        reach = np.maximum.accumulate(start + np.array([len(ref) for ref in self.refs], np.int64))
        return np.concatenate(([0], np.cumsum(start[1:] >= reach[:-1])))[: len(self)]

    def at(self, sites: npt.NDArray[np.int64]) -> CandidateBatch:
        """Return some of the sites, by their indexes int64[n], ascending."""
        lengths = np.diff(self.read_offset)[sites]
        offset = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        rows = np.repeat(self.read_offset[sites] - offset[:-1], lengths) + np.arange(offset[-1])
        return CandidateBatch(
            self.contig,
            self.start[sites],
            [self.refs[site] for site in sites],
            [self.alts[site] for site in sites],
            offset,
            self.read_index[rows],
            self.read_allele[rows],
            self.depth[sites],
            self.allele_depths[sites],
            None if self.pooled is None else self.pooled[sites],
        )

    def part(self, first: int, end: int) -> CandidateBatch:
        """Return the sites from ``first`` up to ``end``, without it; ``read_index`` still counts the region's reads."""
        sites, entries = slice(first, end), slice(self.read_offset[first], self.read_offset[end])
        return CandidateBatch(
            self.contig,
            self.start[sites],
            self.refs[sites],
            self.alts[sites],
            self.read_offset[first : end + 1] - self.read_offset[first],
            self.read_index[entries],
            self.read_allele[entries],
            self.depth[sites],
            self.allele_depths[sites],
            None if self.pooled is None else self.pooled[sites],
        )
