"""`RegionGvcf`: what a region adds to a gVCF. It is data, not text, as its first and last block may still change."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class ReferenceBlocks(NamedTuple):
    """Blocks of bases, by position, in each of which the sample is reference with about the same confidence."""

    start: npt.NDArray[np.int32]  # [b]: 0-based first base
    end: npt.NDArray[np.int32]  # [b]: one past the last base
    base: npt.NDArray[np.uint8]  # [b]: code of the reference at the start
    haploid: npt.NDArray[np.bool_]  # [b]
    min_dp: npt.NDArray[np.int32]  # [b]: reads at the base that has the fewest
    gq: npt.NDArray[np.uint8]  # [b]: phred, of the least sure base
    pl: npt.NDArray[
        np.int16
    ]  # [b, 3]: phred of 0/0, 0/1 and 1/1, of the least sure base; where haploid, 0/1 means nothing

    def part(self, first: int, last: int) -> ReferenceBlocks:
        """Return the blocks from ``first`` up to ``last``."""
        return ReferenceBlocks._make(column[first:last] for column in self)

    def followed_by(self, other: ReferenceBlocks) -> ReferenceBlocks:
        """Return these blocks and then the others."""
        return ReferenceBlocks._make(
            np.concatenate((getattr(self, name), getattr(other, name))) for name in self._fields
        )


class RegionGvcf(NamedTuple):
    """Blocks of one region, and the records between them."""

    contig: str
    blocks: ReferenceBlocks
    lines: list[str]  # of records, in order, each with its newline
    start: npt.NDArray[np.int32]  # [records]: where each begins, 0-based
    end: npt.NDArray[np.int32]  # [records]: and where it ends, exclusive
    before: npt.NDArray[np.int32]  # [records], ascending: index of the block that follows

    @classmethod
    def from_json(cls, value: Any, arrays: bytes) -> RegionGvcf:
        """Read what JSON kept of one: of its arrays only how many bytes each takes of those that are given."""
        contig, columns, lines, *of_records = value
        dtypes = (np.int32, np.int32, np.uint8, np.bool_, np.int32, np.uint8, np.int16, *3 * [np.int32])
        ends = np.cumsum([*columns, *of_records]).tolist()
        kept = [
            np.frombuffer(arrays[begin:end], dtype).copy()  # which may be written to
            for dtype, begin, end in zip(dtypes, [0, *ends], ends, strict=False)
        ]
        blocks = ReferenceBlocks._make(kept[:7])
        return cls(contig, blocks._replace(pl=blocks.pl.reshape(-1, 3)), lines, *kept[7:])
