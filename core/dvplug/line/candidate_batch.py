"""`CandidateBatch`: candidate sites, and which read supports which allele."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

OTHER, UNINFORMATIVE = -1, -2


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
    read_index: npt.NDArray[np.int32]
    read_allele: npt.NDArray[np.int8]
    depth: npt.NDArray[np.int32]  # over sites: reads that tell an allele, listed or not
    allele_depths: npt.NDArray[np.int32]  # [sites, 1 + most alts]: reads per allele, reference first

    def __len__(self) -> int:
        return len(self.start)

    def part(self, first: int, last: int) -> CandidateBatch:
        """Return the sites from ``first`` up to ``last``."""
        sites, rows = slice(first, last), slice(self.read_offset[first], self.read_offset[last])
        return CandidateBatch(
            self.contig,
            self.start[sites],
            self.refs[sites],
            self.alts[sites],
            self.read_offset[first : last + 1] - self.read_offset[first],
            self.read_index[rows],
            self.read_allele[rows],
            self.depth[sites],
            self.allele_depths[sites],
        )
