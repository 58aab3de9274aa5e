"""Calls joined to blocks: against a slow twin, whatever the cuts; and pieces that say what the whole says."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.line.candidate_batch import OTHER, UNINFORMATIVE, CandidateBatch
from dvplug.line.phase_table import ANCHOR, NO_BLOCK, SPARE, HaplotypeTags, PhaseTable
from dvplug.line.record import VcfRecord
from dvplug.line.result import RegionResult
from dvplug.records.phase import (
    UNPHASED,
    HetCall,
    PhaseJoiner,
    pair_odds,
    phase_table,
    phased_by_tags,
    phased_line,
    phased_record,
    phased_result,
)
from dvplug.records.vcf import format_record
from oracles.phase import Call, blocks, joins, odds


def drawn(seed: int, ranks: Sequence[int] = (0, SPARE, ANCHOR, ANCHOR, ANCHOR)) -> list[Call]:
    """Calls that reads of 2 to 12, or 90, of them lie over, read as their haplotypes have them, or at random."""
    rng = random.Random(seed)
    calls, longest = rng.choice(((60, 12), (160, 90)))
    truth = [rng.choice((1, -1)) for _ in range(calls)]
    wrong = [rng.choice((0.0, 0.02, 0.2, 0.5)) for _ in range(calls)]
    made = [Call(100 * (i + 1), rng.choice(ranks), {}) for i in range(calls)]
    for read in range(rng.choice((60, 240))):
        first, side = rng.randrange(-5, calls), rng.choice((1, -1))
        for i in range(max(first, 0), min(first + rng.randint(2, longest), calls)):
            if rng.random() < 0.9:
                made[i].sides[read] = side * truth[i] * (-1 if rng.random() < wrong[i] else 1)
    return made


def table_of(calls: Sequence[Call], rng: random.Random, first: int = 0) -> PhaseTable:
    """The table of calls, whose reads come in any order."""
    entries = [rng.sample(sorted(call.sides.items()), len(call.sides)) for call in calls]
    number = np.arange(len(calls), dtype=np.int32)
    return PhaseTable(
        number, number, np.array([call.position - 1 for call in calls], np.int32),
        np.array([call.rank for call in calls], np.uint8),
        np.cumsum([0, *map(len, entries)]).astype(np.int64),
        np.array([hash_of(read) for each in entries for read, _ in each], np.uint64),
        np.array([side for each in entries for _, side in each], np.int8),
    )  # fmt: skip


def hash_of(read: int) -> int:
    return read * 0x9E3779B97F4A7C15 % 2**64


def joined(calls: Sequence[Call], cuts: Sequence[int], seed: int = 0) -> list[tuple[int, int] | None]:
    """Block and turn of each call, by regions that are cut so."""
    joiner, rng, found = PhaseJoiner(), random.Random(seed), []
    for first, last in pairwise([0, *cuts, len(calls)]):
        phased = joiner.add("c", RegionResult(phase=table_of(calls[first:last], rng)))
        if phased is not None:
            found += list(zip(phased.block.tolist(), phased.turn.tolist(), strict=True))
    return [None if block == UNPHASED else (block, turn) for block, turn in found]


@given(st.integers(0, 10**6), st.lists(st.integers(0, 60), max_size=8).map(sorted))
@settings(max_examples=25, deadline=None)
def test_blocks_are_the_twins_wherever_regions_are_cut(seed: int, cuts: list[int]) -> None:
    calls = drawn(seed)
    found = joined(calls, cuts, seed)
    assert found == blocks(calls, joins(calls))
    assert len({one[0] for one in found if one}) > 1


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(1, 60))
@settings(max_examples=25, deadline=None)
def test_a_piece_has_the_joins_that_the_whole_has_within_it(seed: int, first: int, size: int) -> None:
    calls = drawn(seed, (0, ANCHOR, ANCHOR))
    piece = slice(first, first + size)
    within = [
        one._replace(parent=one.parent - first) if one.parent >= first else one._replace(parent=-1)
        for one in joins(calls)[piece]
    ]
    assert joined(calls[piece], []) == blocks(calls[piece], within)
    both = zip(joined(calls, [])[piece], joined(calls[piece], []), strict=True)
    pairs = [(one, other) for one, other in both if one and other]
    for (whole, own), (later_whole, later_own) in combinations(pairs, 2):
        if own[0] == later_own[0]:  # what a piece says together, the whole says so, too
            assert whole[0] == later_whole[0]
            assert (whole[1] == later_whole[1]) == (own[1] == later_own[1])


def test_a_new_contig_begins_new_blocks() -> None:
    calls = [Call(100, ANCHOR, dict.fromkeys(range(9), 1)), Call(200, ANCHOR, dict.fromkeys(range(9), -1))]
    joiner = PhaseJoiner()
    one, other = (joiner.add(name, RegionResult(phase=table_of(calls, random.Random(1)))) for name in "ab")
    assert one is not None
    assert other is not None
    assert one.block.tolist() == other.block.tolist() == [100, 100]
    later = [call._replace(position=call.position + 1000) for call in calls]
    again = joiner.add("c", RegionResult(phase=table_of(later, random.Random(1))))
    assert again is not None
    assert again.block.tolist() == [1100, 1100]
    assert again.turn.tolist() == [1, -1]


@pytest.mark.parametrize("error", [0.02, 0.08])
def test_odds_are_those_of_whole_numbers(error: float) -> None:
    for same in range(12):
        for other in range(12):
            assert pair_odds(same, other, error) == pytest.approx(float(odds(same, other, error)))
    assert 20 < pair_odds(1, 0, 0.02) < 30
    assert pair_odds(1, 0, 0.08) < 20 < pair_odds(0, 2, 0.08)
    assert pair_odds(2, 1, 0.02) < 20
    assert pair_odds(3000, 2900, 0.02) < 1e-9


def record(start: int, ref: str, alts: tuple[str, ...], gt: tuple[int, ...], **other: str) -> VcfRecord:
    n = len(alts)
    pl = (0,) * ((n + 1) * (n + 2) // 2)
    return VcfRecord(
        "c", start, ref, alts, 30.0, other.get("filter", "PASS"), gt, 30, 9, (4, *[5] * n), (0.5,) * n, pl
    )


def batch(*sites: tuple[int, str, tuple[str, ...], list[int]]) -> CandidateBatch:
    """Sites, each with the allele of reads 0, 1, 2, ..."""
    offset = np.cumsum([0, *(len(alleles) for *_, alleles in sites)]).astype(np.int64)
    return CandidateBatch(
        "c", np.array([site[0] for site in sites], np.int32), [site[1] for site in sites],
        [site[2] for site in sites], offset,
        np.concatenate([np.arange(len(alleles)) for *_, alleles in sites]).astype(np.int32),
        np.concatenate([alleles for *_, alleles in sites]).astype(np.int8),
        np.zeros(len(sites), np.int32), np.zeros((len(sites), 3), np.int32),
    )  # fmt: skip


def test_a_table_has_the_sides_of_the_two_alleles_that_are_called() -> None:
    candidates = batch(
        (10, "A", ("C", "G"), [0, 1, 2, 1, OTHER, 2, 2, UNINFORMATIVE]),
        (20, "A", ("AT",), [0, 0, 1, 1, 1, 0, 0, 0]),
        (30, "T", ("C",), [0, 0, 0, 1, 1, 1, 0, 0]),
    )
    calls = [
        HetCall(4, record(10, "A", ("C", "G"), (1, 2)), 0, (1, 2)),
        HetCall(5, record(20, "A", ("AT",), (0, 1)), 1, (0, 1)),
        HetCall(7, record(30, "T", ("C",), (0, 1), filter="LowGQ"), 2, (0, 1)),
    ]
    found = phase_table(candidates, np.arange(100, 108, dtype=np.uint64), calls)
    assert found.record.tolist() == [4, 5, 7]
    assert found.start.tolist() == [10, 20, 30]
    assert found.unit[:5].tolist() == [101, 102, 103, 105, 106]
    assert found.side[:5].tolist() == [1, -1, 1, -1, -1]
    assert found.side[5:13].tolist() == [1, 1, -1, -1, -1, 1, 1, 1]
    assert found.rank.tolist() == [0, SPARE, 0]  # 5 of 8 tell; a short indel; of low quality
    for ref, alt, rank in (("T", "C", ANCHOR), ("T", "TACGA", ANCHOR), ("TACG", "T", SPARE)):
        passing = [HetCall(0, record(30, ref, (alt,), (0, 1)), 2, (0, 1))]
        assert phase_table(candidates, np.arange(8, dtype=np.uint64), passing).rank.tolist() == [rank]


def test_an_anchor_behind_a_gap_is_joined_to_a_short_indel_in_it() -> None:
    one, two, three = range(10), range(5, 15), range(11, 20)  # reads; none tells the first and the last
    calls = [
        Call(1000, ANCHOR, dict.fromkeys(one, 1)),
        Call(9000, SPARE, dict.fromkeys(two, -1)),
        Call(17_000, ANCHOR, dict.fromkeys(three, 1)),
    ]
    assert joined(calls, [1]) == [(1000, 1), (1000, -1), (1000, 1)]
    assert joined([calls[0], calls[1]._replace(rank=0), calls[2]], []) == [(1000, 1), (1000, -1), (17_000, 1)]


def test_tags_say_phase_and_block() -> None:
    candidates = batch(
        (10, "A", ("C",), [0, 0, 0, 1, 1, 1]),
        (20, "A", ("C",), [1, 1, 1, 0, 0, 0]),
        (30, "A", ("C",), [0, 1] * 3),
    )
    records = [record(at, "A", ("C",), (0, 1)) for at in (10, 20, 30)]
    calls = [HetCall(i, one, i, (0, 1)) for i, one in enumerate(records)]

    def told(haplotype: list[int], block: list[int]) -> list[tuple[tuple[int, ...], bool, int | None]]:
        tags = HaplotypeTags(np.array(haplotype, np.uint8), np.array(block, np.int64))
        found = phased_by_tags(records, candidates, tags, calls)
        return [(one.gt, one.phased, one.phase_set) for one in found]

    unphased = ((0, 1), False, None)
    assert told([1, 1, 1, 2, 2, 2], [7] * 6) == [((0, 1), True, 7), ((1, 0), True, 7), unphased]
    assert told([2, 2, 2, 1, 1, 1], [7] * 6) == [((1, 0), True, 7), ((0, 1), True, 7), unphased]
    assert told([1, 1, 1, 2, 2, 2], [NO_BLOCK] * 6)[0] == ((0, 1), True, None)
    assert told([0] * 6, [7] * 6) == [unphased] * 3
    assert told([1, 2, 2, 1, 1, 1], [5, 9, 9, 9, 9, 9])[0] == ((1, 0), True, 9)


def test_lines_of_phased_records_are_those_that_phase_is_written_into() -> None:
    for one in (record(9, "A", ("C",), (0, 1)), record(9, "AT", ("A", "GT"), (1, 2))):
        for turned in (False, True):
            for symbol in ("", "<*>"):
                written = format_record(phased_record(one, turned, 5), symbol)
                assert phased_line(format_record(one, symbol), turned, 5) == written
                names, values = (text.split(":") for text in written.split("\t")[8:])
                sample = dict(zip(names, values, strict=True))
                assert sample["PS"] == "5\n"
                assert sample["GT"] == "|".join(map(str, one.gt[::-1] if turned else one.gt))


def test_a_region_without_heterozygous_calls_stays_as_it_is() -> None:
    result = RegionResult(["line\n"], phase=table_of([], random.Random(1)))
    assert PhaseJoiner().add("c", result) is None
    assert phased_result(result, None) is result
