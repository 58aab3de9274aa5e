"""gVCF: between the records, blocks of bases with like confidence that the sample is reference there.

The confidence is DeepVariant's: with an error rate e per base, n_ref reads that agree with the reference and n_alt
that do not are (1 - e)^n_ref e^n_alt likely under 0/0, 2^-(n_ref + n_alt) under 0/1 and e^n_ref (1 - e)^n_alt under
1/1, and the three are equally probable beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from dvplug.genome.reference import Reference
from dvplug.line.read_batch import ReadBatch
from dvplug.line.record import VcfRecord
from dvplug.line.region import Region
from dvplug.records.vcf import MAX_PL, VcfWriter, format_record
from dvplug.sequence.codes import UNKNOWN_BASE
from dvplug.system.locations import Location

MAX_GQ, GQ_BIN = 40, 10
"""A block holds bases whose GQ lies in one bin of 10, the last being 40: one wrong base among 30 then ends no block.
DeepVariant's bins of 5 up to 50 give 1.6 times as many lines, which say little more."""
SINGLES = 100
"""Bases at the start of a region that come one by one: a deletion of the region before may cover some of them, which
`BlockJoiner` then leaves out of what it joins."""
NO_COVERAGE = -1  # bin of the bases that no read tells of
BASES = "ACGTN"
TAB, NEWLINE, COMMA, DOT, SLASH, ZERO, COLON = b"\t\n,./0:"


@dataclass(frozen=True)
class ReferenceDepths:
    """How many reads agree with each base of a region, and how many do not."""

    region: Region
    reference: npt.NDArray[np.uint8]  # over bases of the region: codes
    agree: npt.NDArray[np.int32]
    differ: npt.NDArray[np.int32]  # another base, deleted, or an indel begins after the base


class Block(NamedTuple):
    """Bases [start, end) that share a bin of GQ; GQ and PL are those of the least sure of them."""

    contig: str
    start: int
    end: int
    base: str  # the reference at `start`
    ploidy: int
    gq: int
    min_dp: int
    pl: tuple[int, ...]

    @property
    def bin(self) -> int:
        """What two blocks must share to become one."""
        return self.gq // GQ_BIN if self.min_dp else NO_COVERAGE


def reference_depths(
    reads: ReadBatch,
    reference: npt.NDArray[np.uint8],
    reference_start: int,
    region: Region,
    min_base_quality: int,
) -> ReferenceDepths:
    """Count the reads for and against the reference at each base of ``region``.

    Parameters
    ----------
    reference
        uint8[l], base codes from ``reference_start`` on; must cover the region.
    min_base_quality
        phred; bases below it are not counted.
    """
    agree, differ = _count(
        reads.start, reads.end, reads.seq, reads.qual, reads.base_offset, reads.cigar, reads.cigar_offset,
        reference, reference_start, region.start, region.end, min_base_quality,
    )  # fmt: skip
    first = region.start - reference_start
    return ReferenceDepths(region, reference[first : first + len(agree)], agree, differ)


def gvcf_lines(
    records: Sequence[VcfRecord],
    depths: ReferenceDepths,
    haploid: npt.NDArray[np.bool_] | None,
    error_rate: float,
    symbol: str,
) -> list[str]:
    """Return the lines of one region: its records, in order, and blocks where there are none.

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
    rows = _blocks(depths.agree, depths.differ, taken, haploid, error_rate)
    lines = _lines(region, depths.reference, rows, symbol)
    if records:
        before = np.searchsorted(rows[:, 0], [record.start - region.start for record in records])
        for record, at in zip(reversed(records), before[::-1].tolist(), strict=True):
            lines.insert(at, format_record(record, symbol))
    return lines


def _lines(
    region: Region, reference: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64], symbol: str
) -> list[str]:
    """The lines of rows of `_blocks`, as `format_block` writes them."""
    before = f"{region.contig}\t", f"\t{symbol}\t0\t.\tEND=", "\tGT:GQ:MIN_DP:PL\t"
    pieces = [np.frombuffer(piece.encode(), np.uint8) for piece in before]
    bases = np.frombuffer(BASES.encode(), np.uint8)[reference]
    text = _write_blocks(rows, region.start, bases, *pieces)
    return str(text.tobytes(), "utf-8").splitlines(keepends=True)


def format_block(block: Block, symbol: str) -> str:
    """Return the line of a block, with its newline; without a read the genotype is missing."""
    contig, start, end, base, ploidy, gq, min_dp, pl = block
    gt = "/".join(["0" if min_dp else "."] * ploidy)
    return (
        f"{contig}\t{start + 1}\t.\t{base}\t{symbol}\t0\t.\tEND={end}\tGT:GQ:MIN_DP:PL\t"
        f"{gt}:{gq}:{min_dp}:{','.join(map(str, pl))}\n"
    )


class GvcfWriter(VcfWriter):
    """Write a gVCF file as `VcfWriter` writes a VCF, from the lines that `gvcf_lines` gave of each region."""

    def __init__(self, path: str, header: str, reference: Location, symbol: str) -> None:
        super().__init__(path, header)
        self._joiner = BlockJoiner(Reference.open(reference), symbol)

    def add(self, lines: Sequence[str]) -> None:
        """Write the lines of the next region."""
        self.write_text(self._joiner.add(lines))

    def close(self) -> None:
        """Write the last block, then finish the file."""
        self.write_text("".join(self._joiner.end()))
        super().close()


class BlockJoiner:
    """Joins what regions gave, so that no block ends, and none lies over a deletion, where the work was cut."""

    def __init__(self, reference: Reference, symbol: str) -> None:
        self.reference, self.symbol = reference, symbol
        self._last: Block | None = None
        self._covered = ("", 0)  # contig, and where the longest record on it ends

    def add(self, lines: Sequence[str]) -> str:
        """Take the lines of the next region; returns the text that can be written.

        Only the first bases and the last block can change: what lies between is passed on as it is.
        """
        if not lines:
            return ""
        out: list[str] = []
        first, inside = 0, len(lines) - 1
        contig, position = lines[0].split("\t", 2)[:2]
        edge = int(position) + SINGLES
        if contig == self._covered[0]:
            edge = max(edge, self._covered[1] + 1)
        while first < inside and int(lines[first].split("\t", 2)[1]) <= edge:
            out += self._take(lines[first])
            first += 1
        if first < inside:
            out += self.end()
            out += lines[first:inside]
            for line in lines[first:inside]:
                if "\tEND=" not in line:
                    self._cover(line)
        for line in lines[inside:]:
            out += self._take(line)
        return "".join(out)

    def _take(self, line: str) -> list[str]:
        """Return what is certain once this line has come."""
        block = _parse_block(line)
        if block is None:
            self._cover(line)
            return [*self.end(), line]
        cut = self._uncovered(block)
        if cut is None:
            return []
        if self._last is not None and (joined := _joined(self._last, cut)):
            self._last = joined
            return []
        done, self._last = self.end(), cut
        return done

    def _cover(self, record: str) -> None:
        contig, position, _, ref = record.split("\t", 4)[:4]
        known, end = self._covered, int(position) - 1 + len(ref)
        self._covered = contig, max(end, known[1]) if known[0] == contig else end

    def end(self) -> list[str]:
        """Return the line of the block that waits for one to join, if there is one."""
        last, self._last = self._last, None
        return [format_block(last, self.symbol)] if last else []

    def _uncovered(self, block: Block) -> Block | None:
        """Cut off what a record of an earlier region covers."""
        contig, end = self._covered
        if contig != block.contig or block.start >= end:
            return block
        if block.end <= end:
            return None
        return block._replace(start=end, base=self.reference.sequence(contig, end, end + 1))


def _joined(one: Block, other: Block) -> Block | None:
    if (one.contig, one.end, one.bin, one.ploidy) != (other.contig, other.start, other.bin, other.ploidy):
        return None
    least = min(one, other, key=lambda block: (block.gq, block.pl))
    return one._replace(end=other.end, gq=least.gq, pl=least.pl, min_dp=min(one.min_dp, other.min_dp))


def _parse_block(line: str) -> Block | None:
    """The block of a line that `format_block` wrote; None for a record's."""
    fields = line.rstrip("\n").split("\t")
    if not fields[7].startswith("END="):
        return None
    gt, gq, min_dp, pl = fields[9].split(":")
    return Block(
        fields[0],
        int(fields[1]) - 1,
        int(fields[7][4:]),
        fields[3],
        1 + gt.count("/"),
        int(gq),
        int(min_dp),
        tuple(map(int, pl.split(","))),
    )


@njit(cache=True)
def _count(
    start: Any, end: Any, seq: Any, qual: Any, base_offset: Any, cigar: Any, cigar_offset: Any,
    reference: Any, reference_start: int, first: int, last: int, min_base_quality: int,
) -> Any:  # fmt: skip
    """int32[last - first] reads that agree and that differ, at the bases from ``first`` up to ``last``."""
    agree = np.zeros(last - first, np.int32)
    differ = np.zeros(last - first, np.int32)
    for read in range(len(start)):
        if end[read] <= first or start[read] >= last:
            continue
        position, base = np.int64(start[read]), base_offset[read]
        for k in range(cigar_offset[read], cigar_offset[read + 1]):
            code, length = cigar[k] & 15, np.int64(cigar[k] >> 4)
            if code == 0 or code == 7 or code == 8:
                shift = base - position
                # The last base is an indel's anchor when one follows.
                anchors = k + 1 < cigar_offset[read + 1] and 1 <= (cigar[k + 1] & 15) <= 2
                for at in range(max(position, first), min(position + length, last)):
                    if qual[at + shift] >= min_base_quality and seq[at + shift] < 4:
                        same = seq[at + shift] == reference[at - reference_start]
                        if same and not (anchors and at == position + length - 1):
                            agree[at - first] += 1
                        else:
                            differ[at - first] += 1
                position += length
                base += length
            elif code == 2:
                for at in range(max(position, first), min(position + length, last)):
                    differ[at - first] += 1
                position += length
            elif code == 3:
                position += length
            elif code == 1 or code == 4:
                base += length
    return agree, differ


@njit(cache=True)
def _blocks(agree: Any, differ: Any, taken: Any, haploid: Any, error_rate: float) -> Any:
    """int64[blocks, 8]: start, end, haploid, GQ, MIN_DP, and the PL of 0/0, 0/1, 1/1, by offset in the region."""
    rows = np.empty((len(agree), 8), np.int64)
    n = 0
    last_agree, last_differ, last_haploid = -1, -1, False
    gq, depth, bin_, pl = 0, 0, 0, (0, 0, 0)
    open_bin, open_haploid = NO_COVERAGE - 1, False  # none open
    start, least, least_pl, min_depth = 0, 0, pl, 0
    for at in range(len(agree) + 1):
        ended = at == len(agree) or taken[at]
        if not ended:
            if agree[at] != last_agree or differ[at] != last_differ or haploid[at] != last_haploid:
                last_agree, last_differ, last_haploid = agree[at], differ[at], haploid[at]
                gq, pl = reference_confidence(last_agree, last_differ, last_haploid, error_rate)
                depth = last_agree + last_differ
                bin_ = gq // GQ_BIN if depth > 0 else NO_COVERAGE
            if bin_ == open_bin and at > SINGLES and haploid[at] == open_haploid:
                min_depth = min(min_depth, depth)
                if gq < least or (gq == least and pl < least_pl):
                    least, least_pl = gq, pl
                continue
        if open_bin >= NO_COVERAGE:
            row = rows[n]
            row[0], row[1], row[2], row[3], row[4] = start, at, open_haploid, least, min_depth
            row[5], row[6], row[7] = least_pl
            n += 1
        open_bin = NO_COVERAGE - 1 if ended else bin_
        open_haploid = False if ended else haploid[at]
        start, least, least_pl, min_depth = at, gq, pl, depth
    return rows[:n].copy()


@njit(cache=True)
def reference_confidence(agree: int, differ: int, haploid: bool, error_rate: float) -> Any:
    """GQ of the reference genotype, 0 where another is likelier, and phred likelihoods of 0/0, 0/1 and 1/1."""
    right, wrong = math.log10(1 - error_rate), math.log10(error_rate)
    hom_ref = agree * right + differ * wrong
    het = -1e9 if haploid else -(agree + differ) * math.log10(2.0)
    hom_alt = agree * wrong + differ * right
    best = max(hom_ref, het, hom_alt)
    other = 10 ** (het - best) + 10 ** (hom_alt - best)
    total = other + 10 ** (hom_ref - best)
    pl = (
        round(min(MAX_PL, 10 * (best - hom_ref))),
        round(min(MAX_PL, 10 * (best - het))),
        round(min(MAX_PL, 10 * (best - hom_alt))),
    )
    if best > hom_ref:
        return 0, pl
    return int(min(MAX_GQ, -10 * math.log10(max(other / total, 1e-9)))), pl


@njit(cache=True)
def _write_blocks(
    rows: Any, first: int, bases: Any, before_position: Any, before_end: Any, before_values: Any
) -> Any:
    """uint8[l]: the lines of rows of `_blocks`, byte for byte as `format_block` writes them."""
    constant = len(before_position) + len(before_end) + len(before_values)
    text = np.empty(len(rows) * (constant + 80), np.uint8)
    n = 0
    for row in rows:
        n = _put(text, n, before_position)
        n = _put_number(text, n, first + row[0] + 1)
        text[n], text[n + 1], text[n + 2], text[n + 3] = TAB, DOT, TAB, bases[row[0]]
        n = _put(text, n + 4, before_end)
        n = _put_number(text, n, first + row[1])
        n = _put(text, n, before_values)
        allele = ZERO if row[4] > 0 else DOT
        text[n] = allele
        n += 1
        if not row[2]:
            text[n], text[n + 1] = SLASH, allele
            n += 2
        for k in range(3, 8):
            if k == 6 and row[2]:
                continue
            text[n] = COMMA if k > 5 else COLON
            n = _put_number(text, n + 1, row[k])
        text[n] = NEWLINE
        n += 1
    return text[:n]


@njit(cache=True)
def _put(text: Any, n: int, piece: Any) -> int:
    for k in range(len(piece)):
        text[n + k] = piece[k]
    return n + len(piece)


@njit(cache=True)
def _put_number(text: Any, n: int, number: int) -> int:
    digits = 1
    rest = number // 10
    while rest:
        digits += 1
        rest //= 10
    for k in range(digits - 1, -1, -1):
        text[n + k] = ZERO + number % 10
        number //= 10
    return n + digits
