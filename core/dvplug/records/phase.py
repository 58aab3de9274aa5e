"""Phase of heterozygous calls: which of their alleles lie on one haplotype, over regions that come in order.

Each call is joined to the nearest call before it with which the reads that tell both of them decide how the two lie.
That bears on nothing but these two calls and their reads. So a region that is called in pieces has the same phase as
the whole: of each piece the blocks are those that the joins within it leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.phase_table import NO_BLOCK, HaplotypeTags, PhaseTable
from dvplug.line.record import VcfRecord
from dvplug.line.result import RegionResult
from dvplug.sequence.arrays import Int8s, Int64s, UInt64s, numbered

ANCHOR_ERROR, CALL_ERROR = 0.02, 0.08
"""Chance that a read that tells an anchor and another anchor, or another call, shows them otherwise than its haplotype
has them."""
UNPHASABLE = 0.02
"""Chance that a pair of calls lies on no two haplotypes: one of them is none, or is read at random."""
LEAST_ODDS = 20.0
"""Odds of the likelier way that two calls lie, against all else, from which on they are joined. Of two anchors one read
has 24, two against one have 4, six against one 30; of an anchor and another call one has 9, two have 51."""
LOOK_BACK = 64
"""Anchors before a call that are looked at: what lies between is as often passed over as reads do not decide."""
LEAST_SHARE = 0.5
"""Of the reads that tell a call and a nearer anchor: a pair with fewer is no surer. Few of many reads that contradict
each other may agree by chance."""

# An anchor is a SNP whose own reads look like those of a heterozygote: others are joined to anchors alone, so that what
# is misread at one call turns no other.
MIN_READS = 2  # of either allele
MIN_FRACTION = 0.15  # of the rarer of the two alleles, of the reads that have one of them
MIN_INFORMATIVE = 0.7  # of the reads over the call that have one of the two
UNPHASED = -1


class PhasedCalls(NamedTuple):
    """Heterozygous calls whose phase is known, over calls.

    Attributes
    ----------
    table
        The calls.
    block
        int64: 1-based position of the first call of the block; `UNPHASED` of a call without one.
    turn
        int8: 1 where the first allele of GT is on the haplotype that the first call of the block has its first allele
        on, -1 where it is on the other.
    """

    table: PhaseTable
    block: Int64s
    turn: Int8s


class HetCall(NamedTuple):
    """A heterozygous call of a `CandidateBatch`."""

    number: int  # of its record
    record: VcfRecord
    site: int
    alleles: tuple[int, ...]  # of GT, as the candidate numbers them


def phase_table(candidates: CandidateBatch, units: UInt64s, calls: Sequence[HetCall]) -> PhaseTable:
    """Return which reads have which allele of heterozygous calls.

    Parameters
    ----------
    units
        uint64[reads]: of what each read is a part, such as itself.
    """
    part = candidates.at(np.array([call.site for call in calls], np.int64))
    lengths = np.diff(part.read_offset)
    first, second = np.array([call.alleles for call in calls], np.int8).reshape(-1, 2).T
    is_first = part.read_allele == np.repeat(first, lengths)
    is_second = part.read_allele == np.repeat(second, lengths)
    told = is_first | is_second
    call_of = np.repeat(np.arange(len(calls)), lengths)
    firsts = np.bincount(call_of[is_first], minlength=len(calls))
    seconds = np.bincount(call_of[is_second], minlength=len(calls))
    both = firsts + seconds
    rarer = np.minimum(firsts, seconds)
    fit = np.array([call.record.filter == "PASS" and _is_snp(call.record) for call in calls], np.bool_)
    index = np.array([call.number for call in calls], np.int32)
    return PhaseTable(
        index,
        index,
        np.array([call.record.start for call in calls], np.int32),
        fit & (rarer >= MIN_READS) & (rarer >= MIN_FRACTION * both) & (both >= MIN_INFORMATIVE * lengths),
        np.concatenate(([0], np.cumsum(both))).astype(np.int64),
        units[part.read_index[told]],
        np.where(is_first, 1, -1).astype(np.int8)[told],
    )


def _is_snp(record: VcfRecord) -> bool:
    """Whether both alleles of GT are one base, whatever others a record lists."""
    alleles = {(record.ref, *record.alts)[allele] for allele in record.gt}
    return len(record.ref) == 1 and all(len(allele) == 1 for allele in alleles)


def phased_by_tags(
    records: Sequence[VcfRecord], candidates: CandidateBatch, tags: HaplotypeTags, calls: Sequence[HetCall]
) -> list[VcfRecord]:
    """Return records whose heterozygous calls have the phase, and the blocks, that tags of reads say.

    Of several blocks the one counts whose reads are surest. A call that reads do not decide stays unphased.
    """
    read = np.arange(len(tags.block), dtype=np.uint64)
    table = phase_table(candidates, read, calls)
    lengths = np.diff(table.offset)
    lies = table.side * np.array([0, 1, -1], np.int64)[tags.haplotype[table.unit]]
    found: dict[int, tuple[float, bool, int]] = {}
    told = lies != 0
    key = np.repeat(np.arange(len(calls)), lengths) << 32 | tags.block[table.unit] - NO_BLOCK
    keys, group = numbered(key[told])
    alike = np.bincount(group[lies[told] > 0], minlength=len(keys))
    others = np.bincount(group[lies[told] < 0], minlength=len(keys))
    for one, same, other in zip(keys.tolist(), alike.tolist(), others.tolist(), strict=True):
        call, block = one >> 32, (one & (1 << 32) - 1) + NO_BLOCK
        odds = float(pair_odds(same, other, CALL_ERROR))
        if odds >= LEAST_ODDS and odds > found.get(call, (0.0, False, NO_BLOCK))[0]:
            found[call] = odds, same < other, block
    phased = list(records)
    for index, (_, turned, block) in found.items():
        number = calls[index].number
        phased[number] = phased_record(records[number], turned, None if block == NO_BLOCK else block)
    return phased


def of_written(table: PhaseTable, written: Sequence[VcfRecord], numbers: Sequence[int]) -> PhaseTable:
    """Return a table in the order in which its calls are written.

    Parameters
    ----------
    table
        Whose ``gvcf_line`` numbers all records of the region.
    written, numbers
        Those that are written to the VCF, in order, and their numbers.
    """
    at = np.full(max(numbers, default=-1) + 1, -1, np.int64)
    at[numbers] = np.arange(len(numbers))
    place = at[table.gvcf_line]
    ordered = table.at(np.argsort(place, kind="stable"))
    record = np.sort(place).astype(np.int32)
    starts = np.array([one.start for one in written], np.int32)
    return ordered._replace(record=record, start=starts[record])


class PhaseJoiner:
    """Joins the heterozygous calls of regions that come in order.

    What it keeps of earlier regions are the last `LOOK_BACK` anchors.
    """

    def __init__(self) -> None:
        self._contig = ""
        self._before: PhasedCalls | None = None

    def add(self, contig: str, result: RegionResult) -> PhasedCalls | None:
        """Phase the calls of the next region, which lies on this contig; None where it has none to be phased."""
        if result.phase is None or not len(result.phase.start):
            return None
        before = self._before if contig == self._contig else None
        calls, self._before = _joined(before, result.phase)
        self._contig = contig
        return calls


def _joined(before: PhasedCalls | None, table: PhaseTable) -> tuple[PhasedCalls, PhasedCalls]:
    """Return the calls of a table phased, and the anchors that later ones may be joined to."""
    known = 0 if before is None else len(before.block)
    every = table if before is None else PhaseTable.concatenate((before.table, table))
    block = np.full(len(every.start), UNPHASED, np.int64)
    turn = np.ones(len(every.start), np.int8)
    if before is not None:
        block[:known], turn[:known] = before.block, before.turn
    _, unit = numbered(every.unit)
    _join(every._replace(unit=unit.astype(np.uint64)), known, block, turn)
    anchors = np.flatnonzero(every.anchor)[-LOOK_BACK:]
    return (
        PhasedCalls(table, block[known:], turn[known:]),
        PhasedCalls(every.at(anchors), block[anchors], turn[anchors]),
    )


@kernel
def _join(calls: PhaseTable, known: int, block: Int64s, turn: Int8s) -> None:
    """Phase the calls from ``known`` on; of those before, anchors, ``block`` and ``turn``, [calls], are known.

    Units are numbered from 0 on.
    """
    units = 0
    for unit in calls.unit:
        units = max(units, np.int64(unit) + 1)
    last = np.full(units, -1, np.int64)  # entry of the last anchor that each unit tells
    previous = np.full(
        len(calls.unit), -1, np.int64
    )  # of each entry of an anchor, the one before of its unit
    cursor = np.full(len(calls.unit), -1, np.int64)
    call_of = np.zeros(len(calls.unit), np.int64)
    for call in range(len(calls.start)):
        first, end = calls.offset[call], calls.offset[call + 1]
        for k in range(first, end):
            call_of[k] = call
            cursor[k] = last[np.int64(calls.unit[k])]
        if call >= known:
            parent, same = _parent(calls, call, call_of, previous, cursor)
            if parent >= 0:
                block[call] = block[parent]
                turn[call] = turn[parent] if same else -turn[parent]
            elif calls.anchor[call]:
                block[call] = calls.start[call] + 1
        if calls.anchor[call]:
            for k in range(first, end):
                unit_of = np.int64(calls.unit[k])
                previous[k] = last[unit_of]
                last[unit_of] = k


@subkernel
def _parent(
    calls: PhaseTable, call: int, call_of: Int64s, previous: Int64s, cursor: Int64s
) -> tuple[int, bool]:
    """The nearest anchor with which reads decide how a call lies, -1 if there is none; and whether they lie alike.

    Parameters
    ----------
    call_of, previous, cursor
        int64[entries]: the call of each; the one before of its unit, of an anchor, or -1; where to begin with that.
    """
    first, end = calls.offset[call], calls.offset[call + 1]
    error = ANCHOR_ERROR if calls.anchor[call] else CALL_ERROR
    looked, most = 0, 0
    for anchor in range(call - 1, -1, -1):
        if not calls.anchor[anchor]:
            continue
        looked += 1
        if looked > LOOK_BACK:
            break
        same, other, more = 0, 0, False
        for k in range(first, end):
            at = cursor[k]
            if at < 0:
                continue
            more = True
            if call_of[at] == anchor:
                if calls.side[at] == calls.side[k]:
                    same += 1
                else:
                    other += 1
                cursor[k] = previous[at]
        if not more:
            break
        if same + other < LEAST_SHARE * most:
            continue
        most = max(most, same + other)
        if pair_odds(same, other, error) >= LEAST_ODDS:
            return anchor, same > other
    return -1, False


@subkernel
def pair_odds(same: int, other: int, error: float) -> float:
    """Odds of the likelier way that two calls lie, against the other way and against none.

    Of the reads that tell both, ``same`` have the first alleles of both or the second ones, ``other`` do not.
    """
    more, less = max(same, other), min(same, other)
    wrong = np.log(error / (1 - error)) * (more - less)
    none = np.log(2 * UNPHASABLE / (1 - UNPHASABLE)) - (more + less) * np.log(2.0)
    none -= more * np.log(1 - error) + less * np.log(error)
    return 1 / (np.exp(wrong) + np.exp(min(none, 700.0)))


def phased_result(result: RegionResult, calls: PhasedCalls | None) -> RegionResult:
    """Return what a region gave with the phase of its calls in lines, lines of the gVCF, and records."""
    if calls is None:
        return result
    lines, records = list(result.lines), list(result.records)
    gvcf_lines = list(result.gvcf.lines) if result.gvcf else []
    columns = (calls.table.record, calls.table.gvcf_line, calls.block, calls.turn)
    for record, gvcf_line, block, turn in zip(*(column.tolist() for column in columns), strict=True):
        if block == UNPHASED:
            continue
        if lines:
            lines[record] = phased_line(lines[record], turn < 0, block)
        if records:
            records[record] = phased_record(records[record], turn < 0, block)
        if gvcf_lines:
            gvcf_lines[gvcf_line] = phased_line(gvcf_lines[gvcf_line], turn < 0, block)
    gvcf = result.gvcf._replace(lines=gvcf_lines) if result.gvcf else None
    return replace(result, lines=lines, records=records, gvcf=gvcf)


def phased_record(record: VcfRecord, turned: bool, block: int | None) -> VcfRecord:
    """Return a heterozygous record with its phase; with ``turned`` its second allele is on haplotype 1."""
    return record._replace(gt=record.gt[::-1] if turned else record.gt, phased=True, phase_set=block)


def phased_line(line: str, turned: bool, block: int) -> str:
    """Return the line of a heterozygous call with its phase; with ``turned`` its second allele is on haplotype 1."""
    site, names, values = line.rstrip("\n").rsplit("\t", 2)
    genotype, _, rest = values.partition(":")
    alleles = genotype.split("/")
    return f"{site}\t{names}:PS\t{'|'.join(alleles[::-1] if turned else alleles)}:{rest}:{block}\n"
