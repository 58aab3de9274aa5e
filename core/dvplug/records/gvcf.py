"""gVCF: records, and blocks of bases with like confidence that the sample is reference between them.

Workers hand on blocks as data. Only where regions are joined is it known how far a block goes, and there its line is
written, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dvplug.genome.reference import Reference
from dvplug.kernel import kernel, subkernel
from dvplug.line.record import VcfRecord
from dvplug.line.reference_blocks import ReferenceBlocks, RegionGvcf
from dvplug.records.block_text import block_text
from dvplug.records.reference_confidence import bin_of, reference_blocks
from dvplug.records.reference_depths import ReferenceDepths
from dvplug.records.tabix import TabixIndex
from dvplug.records.vcf import VcfWriter, format_record
from dvplug.sequence.arrays import Bools, Int32s
from dvplug.sequence.codes import UNKNOWN_BASE
from dvplug.system.locations import Location
from dvplug.system.outputs import Together


def region_gvcf(
    records: Sequence[VcfRecord],
    depths: ReferenceDepths,
    haploid: Bools | None,
    error_rate: float,
    symbol: str,
) -> RegionGvcf:
    """Return what one region gives: the lines of its records, and blocks where there are none.

    Parameters
    ----------
    records
        All records that begin in the region, RefCall too, sorted by start.
    haploid
        bool[b], over bases of the region; None when none is.
    error_rate
        Chance that a read's base is wrong.
    symbol
        ``<*>`` or ``<NON_REF>``.
    """
    region = depths.region
    taken = depths.reference == UNKNOWN_BASE
    for record in records:
        first = max(0, record.start - region.start)
        taken[first : max(first, record.start - region.start + len(record.ref))] = True
    if haploid is None:
        haploid = np.zeros(len(taken), np.bool_)
    blocks = reference_blocks(depths, taken, haploid, error_rate)
    return RegionGvcf(
        region.contig,
        blocks,
        [format_record(record, symbol) for record in records],
        np.searchsorted(blocks.start, [record.start for record in records]).astype(np.int32),
        max((record.start + len(record.ref) for record in records), default=0),
    )


class GvcfWriter(VcfWriter):
    """Write a gVCF file as `VcfWriter` writes a VCF, from what `region_gvcf` gave of each region."""

    def __init__(
        self, path: str, header: str, reference: Location, symbol: str, group: Together | None = None
    ) -> None:
        super().__init__(path, header, group)
        self._joiner = BlockJoiner(Reference.open(reference), symbol)
        self._lines = TabixIndex(header) if self._index == ".tbi" else None

    def add(self, region: RegionGvcf) -> None:
        """Write what is certain once the next region has come."""
        self._add(self._joiner.add(region))

    def close(self) -> None:
        """Write the last block, then finish the file."""
        self._add(self._joiner.end())
        super().close()

    def _add(self, lines: bytes) -> None:
        if self._lines is not None:
            self._lines.add(lines)
        self.write_bytes(lines)

    def _make_index(self, made: Path) -> None:
        if self._lines is None:
            super()._make_index(made)
        else:  # a gVCF is long: to read it again takes a sixth of what it costs
            self._lines.write(made, self._file.places)


class BlockJoiner:
    """Joins what regions gave, so that no block ends, and none lies over a deletion, where the work was cut."""

    def __init__(self, reference: Reference, symbol: str) -> None:
        self.reference, self.symbol = reference, symbol
        self._open: tuple[str, ReferenceBlocks] | None = None  # contig, and the block that may still grow
        self._covered = ("", 0)  # contig, and where the longest record on it ends

    def add(self, region: RegionGvcf) -> bytes:
        """Take the next region; return the lines of all that cannot change any more, as UTF-8."""
        region, done = self._uncovered(region), b""
        blocks, before = region.blocks, region.before
        if self._open is not None and self._open[0] == region.contig:
            blocks, before = self._open[1].followed_by(blocks), before + np.int32(1)
        else:
            done = self.end()
        blocks, before = _joined(blocks, before)
        n = len(blocks.start)
        closed = n - 1 if n > 0 and n not in before else n
        self._open = (region.contig, blocks.part(closed, n)) if closed < n else None
        text, begin = block_text(region.contig, blocks.part(0, closed), self.symbol)
        pieces: list[bytes | memoryview] = [done]
        written = 0
        for line, at in zip(region.lines, before.tolist(), strict=True):
            pieces += [text[begin[written] : begin[at]], line.encode()]
            written = at
        return b"".join([*pieces, text[begin[written] :]])

    def end(self) -> bytes:
        """Return the line of the block that waits for one to join, if there is one."""
        last, self._open = self._open, None
        return bytes(block_text(*last, self.symbol)[0]) if last else b""

    def _uncovered(self, region: RegionGvcf) -> RegionGvcf:
        """Cut off what records of earlier regions cover, and note what those of this one do."""
        contig, end = self._covered
        if contig != region.contig:
            end = 0
        if region.lines:
            self._covered = region.contig, max(end, region.records_end)
        first = int(np.searchsorted(region.blocks.end, end, side="right"))
        blocks = region.blocks.part(first, len(region.blocks.start))
        if len(blocks.start) and blocks.start[0] < end:
            blocks = blocks._replace(start=blocks.start.copy(), base=blocks.base.copy())
            blocks.start[0] = end
            blocks.base[0] = self.reference.codes(region.contig, end, end + 1)[0]
        return region._replace(blocks=blocks, before=np.maximum(region.before - first, 0).astype(np.int32))


@kernel
def _joined(blocks: ReferenceBlocks, before: Int32s) -> tuple[ReferenceBlocks, Int32s]:
    """Join neighbours that share bin and ploidy, unless a record lies between them.

    Parameters
    ----------
    before
        int32[records], ascending: index of the block that follows each record. It is returned for the joined blocks.
    """
    start, end, base, haploid = (
        blocks.start.copy(),
        blocks.end.copy(),
        blocks.base.copy(),
        blocks.haploid.copy(),
    )
    min_dp, gq, pl = blocks.min_dp.copy(), blocks.gq.copy(), blocks.pl.copy()
    follows = np.empty_like(before)
    n, record, open_bin = -1, 0, 0
    for i in range(len(start)):
        divided = n < 0
        while record < len(before) and before[record] == i:
            follows[record] = n + 1
            record += 1
            divided = True
        bin_ = bin_of(gq[i], min_dp[i])
        if not divided and bin_ == open_bin and haploid[i] == haploid[n] and start[i] == end[n]:
            end[n] = end[i]
            min_dp[n] = min(min_dp[n], min_dp[i])
            if _is_less_sure(gq, pl, i, n):
                gq[n], pl[n] = gq[i], pl[i]
        else:
            n, open_bin = n + 1, bin_
            start[n], end[n], base[n], haploid[n] = start[i], end[i], base[i], haploid[i]
            min_dp[n], gq[n], pl[n] = min_dp[i], gq[i], pl[i]
    n += 1
    follows[record:] = n
    return ReferenceBlocks(start[:n], end[:n], base[:n], haploid[:n], min_dp[:n], gq[:n], pl[:n]), follows


@subkernel
def _is_less_sure(gq: Int32s, pl: Int32s, one: int, other: int) -> bool:
    """Whether block ``one`` has the lower GQ or, where they are equal, the lower PL; gq int32[b], pl int32[b, 3]."""
    if gq[one] != gq[other]:
        return gq[one] < gq[other]
    for genotype in range(3):
        if pl[one, genotype] != pl[other, genotype]:
            return pl[one, genotype] < pl[other, genotype]
    return False
