"""Calls joined to blocks: against a slow twin, whatever the cuts; and pieces that say what the whole says."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.line.candidate_batch import OTHER, UNINFORMATIVE, CandidateBatch
from dvplug.line.phase_table import ANCHOR, NO_BLOCK, SPARE, HaplotypeTags, PhaseTable
from dvplug.line.record import VcfRecord
from dvplug.line.region import Partition, Region
from dvplug.line.result import RegionResult
from dvplug.records.phase import (
    MOST_APART,
    UNPHASED,
    HetCall,
    PhaseJoiner,
    pair_odds,
    phase_table,
    phased_by_tags,
    phased_line,
    phased_record,
)
from dvplug.records.vcf import format_record
from oracles.phase import Call, blocks, has_block, joins, odds


def drawn(seed: int, ranks: Sequence[int] = (0, SPARE, ANCHOR, ANCHOR, ANCHOR)) -> list[Call]:
    """Calls that reads of 2 to 12, or 90, of them lie over, read as their haplotypes have them, or at random."""
    rng = random.Random(seed)
    calls, longest = rng.choice(((60, 12), (160, 90)))
    apart = rng.choice((100, 60_000))
    truth = [rng.choice((1, -1)) for _ in range(calls)]
    wrong = [rng.choice((0.0, 0.02, 0.2, 0.5)) for _ in range(calls)]
    made = [Call(apart * (i + 1), rng.choice(ranks), {}) for i in range(calls)]
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
    joiner, rng, settled, start = PhaseJoiner(), random.Random(seed), [], 0
    for first, last in pairwise([0, *cuts, len(calls)]):
        end = calls[last].position - 1 if last < len(calls) else calls[-1].position
        region, start = Region("c", start, end), end
        result = RegionResult(phase=table_of(calls[first:last], rng))
        settled += joiner.add(Partition(region, (region,)), result)
    settled += joiner.finish()
    assert [one.part.region.start for one in settled] == sorted(one.part.region.start for one in settled)
    assert len(settled) == len(cuts) + 1
    found = [
        pair for one in settled if one.calls for pair in zip(one.calls.block, one.calls.turn, strict=True)
    ]
    return [None if block == UNPHASED else (int(block), int(turn)) for block, turn in found]


def lone(contig: str, calls: Sequence[Call]) -> tuple[Partition, RegionResult]:
    """A region with these calls."""
    region = Region(contig, 0, 10_000)
    return Partition(region, (region,)), RegionResult(phase=table_of(calls, random.Random(1)))


@given(st.integers(0, 10**6), st.lists(st.integers(0, 60), max_size=8).map(sorted))
@settings(max_examples=25)
def test_blocks_are_the_twins_wherever_regions_are_cut(seed: int, cuts: list[int]) -> None:
    calls = drawn(seed)
    found = joined(calls, cuts, seed)
    assert found == blocks(calls, joins(calls))
    assert any(found)


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(1, 60))
@settings(max_examples=25)
def test_a_piece_has_the_joins_that_the_whole_has_within_it(seed: int, first: int, size: int) -> None:
    calls = drawn(seed)
    piece = slice(first, first + size)
    piece_calls = calls[piece]
    whole, own = joins(calls)[piece], joins(piece_calls)
    assert joined(piece_calls, []) == blocks(piece_calls, own)
    for one, other, call in zip(whole, own, piece_calls, strict=True):
        if one.parent >= first:
            at = one.parent - first
            if call.rank != ANCHOR or piece_calls[at].rank == ANCHOR or has_block(piece_calls, own, at):
                assert other == one._replace(parent=at)
        elif other.parent >= 0:  # what it is surely joined to is cut away
            assert call.rank == ANCHOR
            assert one.parent >= 0


def test_an_anchor_that_nothing_surer_reaches_is_joined_as_is_likelier() -> None:
    reads = dict(zip(range(3), (1, 1, -1), strict=True))
    calls = [Call(1000, ANCHOR, dict.fromkeys(range(3), 1)), Call(2000, ANCHOR, reads)]
    assert joined(calls, []) == [(1000, 1), (1000, 1)]
    assert joined([calls[0], calls[1]._replace(rank=0)], []) == [None, None]
    assert joined([calls[0], calls[1]._replace(sides={0: 1, 1: -1})], [1]) == [None, None]  # as likely as not
    between = Call(1500, ANCHOR, {**dict.fromkeys(range(3, 9), 1), 0: 1})
    surer = Call(2000, ANCHOR, {**reads, **dict.fromkeys(range(3, 9), -1)})
    assert joined([calls[0], between, surer], [1, 2]) == [(1000, 1), (1000, 1), (1000, -1)]


def test_calls_too_far_apart_are_not_joined_and_what_waits_for_them_is_let_go() -> None:
    reads = dict.fromkeys(range(9), 1)
    far = 1000 + MOST_APART
    assert joined([Call(1000, ANCHOR, reads), Call(far - 1, ANCHOR, reads)], [1]) == [(1000, 1), (1000, 1)]
    assert joined([Call(1000, ANCHOR, reads), Call(far, ANCHOR, reads)], [1]) == [None, None]
    joiner, given = PhaseJoiner(), []
    for start in range(0, MOST_APART + 300_000, 100_000):
        region = Region("c", start, start + 100_000)
        calls = [Call(150_001, ANCHOR, reads)] if start == 100_000 else []
        given.append(
            [
                one.part.region.start
                for one in joiner.add(
                    Partition(region, (region,)), RegionResult(phase=table_of(calls, random.Random(1)))
                )
            ]
        )
    held = list(range(100_000, 800_000, 100_000))
    assert given == [[0], [], [], [], [], [], [], held]


def test_a_new_contig_begins_new_blocks() -> None:
    calls = [Call(100, ANCHOR, dict.fromkeys(range(9), 1)), Call(200, ANCHOR, dict.fromkeys(range(9), -1))]
    later = [call._replace(position=call.position + 1000) for call in calls]
    joiner = PhaseJoiner()
    settled = [
        region
        for name, here in (("a", calls), ("b", calls), ("c", later))
        for region in joiner.add(*lone(name, here))
    ]
    found = [(one.calls.block.tolist(), one.calls.turn.tolist()) for one in settled if one.calls]
    assert found == [([100, 100], [1, -1]), ([100, 100], [1, -1]), ([1100, 1100], [1, -1])]
    alone = Call(5000, ANCHOR, {1: 1})
    assert joiner.add(*lone("d", [alone])) == []
    (before, after) = joiner.add(*lone("e", calls))
    assert before.calls is not None
    assert before.calls.block.tolist() == [UNPHASED]
    assert after.part.region.contig == "e"


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
    assert joined([calls[0], calls[1]._replace(rank=0), calls[2]], []) == [(1000, 1), (1000, -1), None]


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
    part, empty = lone("c", [])
    result = replace(empty, lines=["line\n"])
    (settled,) = PhaseJoiner().add(part, result)
    assert settled.calls is None
    assert settled.result is result
