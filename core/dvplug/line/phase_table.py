"""`PhaseTable`: which reads have which allele of a region's heterozygous calls. By it regions are joined to blocks.

`HaplotypeTags`: what the tags HP and PS say of reads, in place of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

ANCHOR, SPARE = 2, 1
"""Of a call: others are joined to it; or others are where they reach no anchor."""
_DTYPES = (np.int32, np.int32, np.int32, np.uint8, np.int64, np.uint64, np.int8)


class HaplotypeTags(NamedTuple):
    """What reads have in the tags HP and PS, as `whatshap haplotag` and longphase write them, over reads."""

    haplotype: npt.NDArray[np.uint8]  # [reads]: 1, 2, or 0 where it is not told
    block: npt.NDArray[np.int64]  # [reads]: PS; `NO_BLOCK` without one


NO_BLOCK = -1
MOST_BLOCK = 2**31 - 1
"""Largest number of a phase set (VCF 4.2, PS: a non-negative 32-bit integer)."""


class PhaseTable(NamedTuple):
    """Heterozygous calls of one region, in the order of their records; reads by call in compressed sparse rows."""

    record: npt.NDArray[np.int32]  # [calls]: index of its record, or line, among those of the region
    gvcf_line: npt.NDArray[np.int32]  # [calls]: index of its line in the region's gVCF, where one is written
    start: npt.NDArray[np.int32]  # [calls]: 0-based, of the record
    rank: npt.NDArray[np.uint8]  # [calls]: `ANCHOR`, `SPARE`, or 0 of one to which no other is joined
    offset: npt.NDArray[np.int64]  # [calls + 1]
    unit: npt.NDArray[np.uint64]  # [entries]: read, or molecule, by a hash that is the same in all regions
    side: npt.NDArray[np.int8]  # [entries]: 1 with the first allele of GT, -1 with the second

    @classmethod
    def concatenate(cls, tables: Sequence[PhaseTable]) -> PhaseTable:
        """Join those of calls that follow each other."""
        ends = np.cumsum([0, *(table.offset[-1] for table in tables)])
        offset = [table.offset[:-1] + end for table, end in zip(tables, ends.tolist(), strict=False)]
        joined = [np.concatenate([table[i] for table in tables]) for i in range(len(_DTYPES))]
        joined[cls._fields.index("offset")] = np.concatenate([*offset, ends[-1:]]).astype(np.int64)
        return cls._make(joined)

    def at(self, calls: npt.NDArray[np.int64]) -> PhaseTable:
        """Return some of the calls, by their indexes int64[n], in this order."""
        lengths = np.diff(self.offset)[calls]
        offset = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        rows = np.repeat(self.offset[calls] - offset[:-1], lengths) + np.arange(offset[-1])
        return PhaseTable(
            self.record[calls], self.gvcf_line[calls], self.start[calls], self.rank[calls], offset,
            self.unit[rows], self.side[rows],
        )  # fmt: skip

    @classmethod
    def from_json(cls, sizes: Sequence[int], arrays: bytes) -> PhaseTable:
        """Read one of which JSON kept how many bytes each array takes, from the end of those that are given."""
        ends = np.cumsum([len(arrays) - sum(sizes), *sizes]).tolist()
        kept: list[Any] = [
            np.frombuffer(arrays[begin:end], dtype)
            for dtype, begin, end in zip(_DTYPES, ends[:-1], ends[1:], strict=True)
        ]
        return cls._make(kept)
