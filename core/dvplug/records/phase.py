"""Phase of heterozygous calls: which of their alleles lie on one haplotype, over regions that come in order.

Each call is joined to the nearest anchor before it with which the reads that tell both of them decide how the two lie.
That bears on nothing but these two calls and their reads. So a region that is called in pieces has the phase of the
whole: of each piece the blocks are those that the joins within it leave. An anchor that reaches no other, as behind a
gap, is joined to a short indel, or as reads say with less certainty; where a cut is why it reaches none, that may join
what the whole joins otherwise. A call to which nothing is joined, and that is joined to nothing, is not phased.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.phase_table import ANCHOR, NO_BLOCK, SPARE, HaplotypeTags, PhaseTable
from dvplug.line.record import VcfRecord
from dvplug.line.region import Partition
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
LEAST_ODDS_LEFT = 3.0
"""Odds from which on two anchors are joined where nothing is as sure as that, the likeliest of all before. Two reads
against one have 4. A block that ends tells nothing of what follows; such a join is right three times in four."""
MOST_APART = 500_000
"""bp from which on calls are not joined. So it is known in good time which calls stay by themselves."""
LOOK_BACK = 64
"""Anchors and spares before a call that are looked at: what lies between is passed over as often as reads do not
decide."""
LEAST_SHARE = 0.5
"""Of the reads that tell a call and a nearer anchor: a pair with fewer is no surer. Few of many reads that contradict
each other may agree by chance."""
MIN_INFORMATIVE = 0.7
"""Of the reads over a call that have one of its two alleles, both of them seen, for others to be joined to it."""
LONG_CHANGE = 4
"""bp by which an allele changes the length, from which on an indel is an anchor as a SNP is. Shorter ones are often
misread: they turn no other while there is an anchor."""
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
    fit = np.array([call.record.filter == "PASS" for call in calls], np.bool_)
    fit &= (np.minimum(firsts, seconds) > 0) & (both >= MIN_INFORMATIVE * lengths)
    kind = np.array([SPARE if _is_short_indel(call.record) else ANCHOR for call in calls], np.uint8)
    index = np.array([call.number for call in calls], np.int32)
    return PhaseTable(
        index,
        index,
        np.array([call.record.start for call in calls], np.int32),
        np.where(fit, kind, 0).astype(np.uint8),
        np.concatenate(([0], np.cumsum(both))).astype(np.int64),
        units[part.read_index[told]],
        np.where(is_first, 1, -1).astype(np.int8)[told],
    )


def _is_short_indel(record: VcfRecord) -> bool:
    """Whether the alleles of GT differ from REF in length, and by little."""
    alleles = [(record.ref, *record.alts)[allele] for allele in record.gt]
    return 0 < max(abs(len(allele) - len(record.ref)) for allele in alleles) < LONG_CHANGE


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


class PhasedRegion(NamedTuple):
    """What a region gave, with the phase of its calls; those are None where it has none to be phased."""

    part: Partition
    result: RegionResult
    calls: PhasedCalls | None


class PhaseJoiner:
    """Joins the heterozygous calls of regions that come in order.

    What it keeps of earlier regions are the last `LOOK_BACK` calls that others may be joined to, and what those gave
    from the first one on of which it is open whether it stays by itself: it is settled after `MOST_APART`.
    """

    def __init__(self) -> None:
        self._contig = ""
        self._before: PhasedCalls | None = None
        self._waiting: deque[PhasedRegion] = deque()
        self._open: set[int] = set()  # blocks of one call each
        self._alone: list[int] = []  # such blocks that are settled, of regions that wait

    def add(self, part: Partition, result: RegionResult) -> list[PhasedRegion]:
        """Take the next region; return those, in order, whose phase is settled."""
        contig, start, _ = part.region
        settled = [] if contig == self._contig else self.finish()
        self._contig = contig
        calls = None
        if result.phase is not None and len(result.phase.start):
            calls, self._before = _joined(self._before, result.phase)
            self._count(calls)
        self._waiting.append(PhasedRegion(part, result, calls))
        return settled + self._settled(start)

    def finish(self) -> list[PhasedRegion]:
        """Return the regions that wait: nothing of their contig comes any more."""
        settled = self._settled(None)
        self._before, self._alone = None, []
        return settled

    def _count(self, calls: PhasedCalls) -> None:
        """Note which blocks begin with one call, and which of the open ones go on."""
        blocks, counts = np.unique(calls.block[calls.block != UNPHASED], return_counts=True)
        own = set((calls.table.start.astype(np.int64) + 1).tolist())
        for block, count in zip(blocks.tolist(), counts.tolist(), strict=True):
            if block in self._open:
                self._open.remove(block)
            elif count == 1 and block in own:
                self._open.add(block)

    def _settled(self, start: int | None) -> list[PhasedRegion]:
        """Return the regions that need not wait where the next calls begin at ``start`` or later, or where none do."""
        over = {block for block in self._open if start is None or block - 1 + MOST_APART <= start}
        self._open -= over
        self._alone += over
        first = min(self._open, default=None)
        settled = []
        while self._waiting and (first is None or self._waiting[0].part.region.end < first):
            settled.append(self._without_alone(self._waiting.popleft()))
        return settled

    def _without_alone(self, region: PhasedRegion) -> PhasedRegion:
        part, result, calls = region
        if calls is not None and self._alone:
            stays = np.where(np.isin(calls.block, self._alone), UNPHASED, calls.block)
            calls = calls._replace(block=stays.astype(np.int64))
        return PhasedRegion(part, _phased_result(result, calls), calls)


def _joined(before: PhasedCalls | None, table: PhaseTable) -> tuple[PhasedCalls, PhasedCalls]:
    """Return the calls of a table phased, and those that later ones may be joined to."""
    known = 0 if before is None else len(before.block)
    every = table if before is None else PhaseTable.concatenate((before.table, table))
    block = np.full(len(every.start), UNPHASED, np.int64)
    turn = np.ones(len(every.start), np.int8)
    if before is not None:
        block[:known], turn[:known] = before.block, before.turn
    _, unit = numbered(every.unit)
    _join(every._replace(unit=unit.astype(np.uint64)), known, block, turn)
    anchors = np.flatnonzero(every.rank)[-LOOK_BACK:]
    return (
        PhasedCalls(table, block[known:], turn[known:]),
        PhasedCalls(every.at(anchors), block[anchors], turn[anchors]),
    )


@kernel
def _join(calls: PhaseTable, known: int, block: Int64s, turn: Int8s) -> None:
    """Phase the calls from ``known`` on; of those before, ``block`` and ``turn``, [calls], are known.

    Units are numbered from 0 on.
    """
    units = 0
    for unit in calls.unit:
        units = max(units, np.int64(unit) + 1)
    last = np.full(units, -1, np.int64)  # entry of the last call with a rank that each unit tells
    previous = np.full(
        len(calls.unit), -1, np.int64
    )  # of each entry of such a call, the one before of its unit
    cursor = np.full(len(calls.unit), -1, np.int64)
    call_of = np.zeros(len(calls.unit), np.int64)
    for call in range(len(calls.start)):
        first, end = calls.offset[call], calls.offset[call + 1]
        for k in range(first, end):
            call_of[k] = call
            cursor[k] = last[np.int64(calls.unit[k])]
        if call >= known:
            parent, same = _parent(calls, call, block, call_of, previous, cursor)
            if parent >= 0:
                block[call] = block[parent]
                turn[call] = turn[parent] if same else -turn[parent]
            elif calls.rank[call] == ANCHOR:
                block[call] = calls.start[call] + 1
        if calls.rank[call]:
            for k in range(first, end):
                unit_of = np.int64(calls.unit[k])
                previous[k] = last[unit_of]
                last[unit_of] = k


@subkernel
def _parent(
    calls: PhaseTable, call: int, block: Int64s, call_of: Int64s, previous: Int64s, cursor: Int64s
) -> tuple[int, bool]:
    """What a call is joined to, -1 if there is nothing; and whether the two lie alike.

    Parameters
    ----------
    block
        int64[calls], of all calls before.
    call_of, previous, cursor
        int64[entries]: the call of each; the one before of its unit, or -1; where to begin with that.
    """
    is_anchor = calls.rank[call] == ANCHOR
    looked, most, spare, spare_same = 0, 0, -1, False
    likely, likely_same, likely_odds = -1, False, 0.0
    for other_call in range(call - 1, -1, -1):
        if not calls.rank[other_call]:
            continue
        looked += 1
        if looked > LOOK_BACK or calls.start[call] - calls.start[other_call] >= MOST_APART:
            break
        same, other, more = _shared(calls, call, other_call, call_of, previous, cursor)
        if not more:
            break
        if calls.rank[other_call] == ANCHOR:
            odds = pair_odds(same, other, ANCHOR_ERROR if is_anchor else CALL_ERROR)
            if same + other >= LEAST_SHARE * most and odds >= LEAST_ODDS:
                return other_call, same > other
            most = max(most, same + other)
            if is_anchor and odds >= LEAST_ODDS_LEFT and odds > likely_odds:
                likely, likely_same, likely_odds = other_call, same > other, odds
        elif (
            is_anchor
            and spare < 0
            and block[other_call] != UNPHASED
            and pair_odds(same, other, CALL_ERROR) >= LEAST_ODDS
        ):
            spare, spare_same = other_call, same > other
    if spare < 0:
        return likely, likely_same
    return spare, spare_same


@subkernel
def _shared(
    calls: PhaseTable, call: int, before: int, call_of: Int64s, previous: Int64s, cursor: Int64s
) -> tuple[int, int, bool]:
    """How many units have a call and one before it alike, how many otherwise, and whether any has one still before.

    What is before comes from the nearest on; ``call_of``, ``previous`` and ``cursor`` are as of `_parent`.
    """
    same, other, more = 0, 0, False
    for k in range(calls.offset[call], calls.offset[call + 1]):
        at = cursor[k]
        if at < 0:
            continue
        more = True
        if call_of[at] == before:
            if calls.side[at] == calls.side[k]:
                same += 1
            else:
                other += 1
            cursor[k] = previous[at]
    return same, other, more


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


def _phased_result(result: RegionResult, calls: PhasedCalls | None) -> RegionResult:
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
