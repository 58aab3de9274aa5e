"""gVCF: records, and blocks of bases with like confidence that the sample is reference between them.

Workers hand on blocks as data. Only where regions are joined is it known how far a block goes, and there its line is
written, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np

from dvplug.genome.reference import Reference
from dvplug.line.record import VcfRecord
from dvplug.line.reference_blocks import ReferenceBlocks, RegionGvcf
from dvplug.records.block_text import GvcfLines, GvcfText, RecordLines
from dvplug.records.reference_confidence import reference_blocks
from dvplug.records.reference_depths import ReferenceDepths
from dvplug.records.tabix import TabixIndex
from dvplug.records.vcf import VcfWriter
from dvplug.sequence.arrays import Bools
from dvplug.system.locations import Location
from dvplug.system.outputs import Together

_NONE = np.empty(0, np.int32)
_NO_RECORDS = RecordLines(np.frombuffer(b"", np.uint8), np.zeros(1, np.int64), _NONE, _NONE, _NONE)


def region_gvcf(
    records: Sequence[VcfRecord],
    lines: Sequence[str],
    depths: ReferenceDepths,
    haploid: Bools | None,
    error_rate: float,
) -> RegionGvcf:
    """Return what one region gives: its records, and blocks where there are none.

    Parameters
    ----------
    records
        All records that begin in the region, RefCall too, sorted by start.
    lines
        Of the records, as `format_record` makes them for a gVCF.
    haploid
        bool[b], over bases of the region; None when none is.
    error_rate
        Chance that a read's base is wrong.
    """
    start = np.array([record.start for record in records], np.int32)
    end = start + np.array([len(record.ref) for record in records], np.int32)
    blocks = reference_blocks(depths, start, end, haploid, error_rate)
    before = np.searchsorted(blocks.start, start).astype(np.int32)
    return RegionGvcf(depths.region.contig, blocks, list(lines), start, end, before)


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

    def _add(self, pieces: Sequence[GvcfLines]) -> None:
        for lines in pieces:
            if self._lines is not None:
                self._lines.add(lines)
            self.write_bytes(lines.text.data)

    def _make_index(self, made: Path) -> None:
        if self._lines is None:
            super()._make_index(made)
        else:  # a gVCF is long: to read it again takes as long as to pack it
            self._lines.write(made, self._file.places)


class BlockJoiner:
    """Joins what regions gave, so that no block ends, and none lies over a deletion, where the work was cut."""

    def __init__(self, reference: Reference, symbol: str) -> None:
        self.reference, self._text = reference, GvcfText(symbol)
        self._open: tuple[str, ReferenceBlocks] | None = None  # contig, and the block that may still grow
        self._covered = ("", 0)  # contig, and where the longest record on it ends

    def add(self, region: RegionGvcf) -> list[GvcfLines]:
        """Take the next region; return the lines of all that cannot change any more: their text is, until the next."""
        region, done = self._uncovered(region), []
        blocks, before = region.blocks, region.before
        if self._open is not None and self._open[0] == region.contig:
            blocks, before = self._open[1].followed_by(blocks), before + np.int32(1)
        else:
            done = self.end()
        texts = [line.encode() for line in region.lines]
        records = RecordLines(
            np.frombuffer(b"".join(texts), np.uint8),
            np.array([0, *accumulate(map(len, texts))], np.int64),
            region.start, region.end, before,
        )  # fmt: skip
        lines, left = self._text.lines(region.contig, blocks, records, open_end=True)
        self._open = None if left is None else (region.contig, left)
        return [*done, lines]

    def end(self) -> list[GvcfLines]:
        """Return the line of the block that waits for one to join, if there is one."""
        last, self._open = self._open, None
        if last is None:
            return []
        lines, _ = self._text.lines(*last, _NO_RECORDS, open_end=False)
        return [lines._replace(text=lines.text.copy())]  # as others may follow before it is written

    def _uncovered(self, region: RegionGvcf) -> RegionGvcf:
        """Cut off what records of earlier regions cover, and note what those of this one do."""
        contig, end = self._covered
        if contig != region.contig:
            end = 0
        if region.lines:
            self._covered = region.contig, max(end, int(region.end.max()))
        if not len(region.blocks.start) or region.blocks.start[0] >= end:
            return region
        first = int(np.searchsorted(region.blocks.end, end, side="right"))
        blocks = region.blocks.part(first, len(region.blocks.start))
        if len(blocks.start) and blocks.start[0] < end:
            blocks = blocks._replace(start=blocks.start.copy(), base=blocks.base.copy())
            blocks.start[0] = end
            blocks.base[0] = self.reference.codes(region.contig, end, end + 1)[0]
        return region._replace(blocks=blocks, before=np.maximum(region.before - first, 0).astype(np.int32))
