"""Indels that a part of the usual share makes candidates: second alleles in runs, but no slips of the sequencer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.candidates.finder import find_candidates
from dvplug.line.region import Region
from dvplug.sequence.codes import encode_bases
from dvplug.technology import CandidateThresholds
from helpers.read_batches import Read, read_batch

BEFORE, AFTER, RUN = "GATTACAGATGACCTGCTGAC", "CGTGACTTCAGTCATCGAGTC", 10
THRESHOLDS = CandidateThresholds(min_fraction_indels=0.15, further_indels=0.6)
USUAL = CandidateThresholds(min_fraction_indels=0.15)
slips = st.integers(0, 5)  # of 60 reads 9 % are 5.4


def changes(lengths: dict[int, int], thresholds: CandidateThresholds = THRESHOLDS) -> set[int]:
    """By how much the candidates change the length of a run of ten A, of which so many reads show each length."""
    reads = [_read(length) for length, count in lengths.items() for _ in range(count)]
    reference = BEFORE + "A" * RUN + AFTER
    found = find_candidates(
        read_batch(reads), encode_bases(reference.encode()), 0, Region("c", 0, len(reference)), thresholds
    )
    assert found.start.tolist() in ([], [len(BEFORE) - 1])
    return {len(alt) - len(ref) for ref, alts in zip(found.refs, found.alts, strict=True) for alt in alts}


def _read(length: int) -> Read:
    change = length - RUN
    gap = f"{change}I" if change > 0 else f"{-change}D" if change else ""
    first = len(BEFORE)
    rest = RUN - max(-change, 0) + len(AFTER)
    cigar = f"{first}M{gap}{rest}M" if gap else f"{first + rest}M"
    return Read(0, cigar, BEFORE + "A" * length + AFTER)


@settings(max_examples=20)
@given(first=st.integers(9, 25), second=st.integers(6, 8), between=slips)
def test_the_second_allele_of_a_run_is_proposed(first: int, second: int, between: int) -> None:
    shown = {12: first, 7: second, 13: between}
    shown[10] = 60 - sum(shown.values())
    assert changes(shown, USUAL) == {2}
    assert changes(shown) == {2, -3}


@settings(max_examples=20)
@given(first=st.integers(18, 25), second=st.integers(6, 8))
def test_so_is_one_that_lies_beside_the_first(first: int, second: int) -> None:
    shown = {12: first, 11: second, 10: 60 - first - second}
    assert changes(shown, USUAL) == {2}
    assert changes(shown) == {2, 1}


@settings(max_examples=30)
@given(st.sampled_from([{10: 1}, {10: 30, 12: 30}, {12: 1}, {9: 1}, {7: 30, 10: 30}]), slips, slips, slips)
def test_slips_are_not_whatever_the_genotype(copies: dict[int, int], less: int, more: int, far: int) -> None:
    shown = dict.fromkeys(range(6, 15), 0)
    for length, share in copies.items():
        for other, count in ((length - 1, less), (length + 1, more), (length + 2, far)):
            shown[other] += count if other not in copies else 0
        shown[length] += share
    shown = {length: min(count, 5) if length not in copies else count for length, count in shown.items()}
    left = 60 - sum(count for length, count in shown.items() if length not in copies)
    for length in copies:
        shown[length] = left // len(copies)
    shown[10] += 60 - sum(shown.values())  # one read at most
    assert changes(shown) == changes(shown, USUAL)


def test_where_most_reads_show_the_reference_a_slip_by_one_takes_the_usual_share() -> None:
    assert changes({10: 42, 12: 11, 11: 7}) == {2}
    assert changes({10: 35, 12: 18, 11: 7}) == {2, 1}
    assert changes({10: 53, 11: 7}) == set()


def test_two_bases_suffice_alone() -> None:
    assert changes({10: 53, 8: 7}) == {-2}
    assert changes({10: 48, 8: 6, 13: 6}) == {-2, 3}
    assert changes({10: 48, 8: 6, 13: 6}, USUAL) == set()


@pytest.mark.parametrize(
    ("lowered", "depth", "reads"), [(0.6, 60, 6), (0.4, 100, 6), (0.1, 60, 3), (1, 60, 9)]
)
def test_the_lower_share_is_reached_exactly(lowered: float, depth: int, reads: int) -> None:
    """Three reads at least: one more than `min_count_indels`."""
    thresholds = CandidateThresholds(min_fraction_indels=0.15, further_indels=lowered)
    assert changes({10: depth - reads, 8: reads}, thresholds) == {-2}
    assert changes({10: depth - reads + 1, 8: reads - 1}, thresholds) == set()
