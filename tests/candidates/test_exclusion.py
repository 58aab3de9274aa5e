"""Reads with one of two alleles that leave no room for each other count for their own, however alike the two are."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.candidates.finder import find_candidates
from dvplug.line.region import Region
from dvplug.sequence.codes import encode_bases
from dvplug.technology import CandidateThresholds
from helpers.read_batches import Read, read_batch


def deletion_read(reference: str, start: int, size: int) -> Read:
    seq = reference[:start] + reference[start + size :]
    return Read(0, f"{start}M{size}D{len(reference) - start - size}M", seq)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_reads_count_for_the_deletion_that_they_have(seed: int) -> None:
    rng = random.Random(seed)
    reference = "".join(rng.choices("ACGT", k=160))
    size, first = rng.randint(3, 12), 70
    second = first + rng.randint(1, size - 1)
    reads = [deletion_read(reference, start, size) for start in (first, second) for _ in range(8)]
    batch = read_batch(reads)
    found = find_candidates(
        batch, encode_bases(reference.encode()), 0, Region("c", 0, 160), CandidateThresholds()
    )
    if len(found) != 2 or found.start[1] >= found.start[0] + len(found.refs[0]):
        return  # moved to the left they are one, or apart
    for start, ref, alts, offset, end in zip(
        found.start.tolist(),
        found.refs,
        found.alts,
        found.read_offset[:-1],
        found.read_offset[1:],
        strict=True,
    ):
        made = reference[:start] + alts[0] + reference[start + len(ref) :]
        own = [i for i, read in enumerate(reads) if read.seq == made]
        rows = slice(offset, end)
        assert found.read_index[rows][found.read_allele[rows] == 1].tolist() == own


def read_of(reference: str, *changes: tuple[int, int, str]) -> Read:
    """A read over all of a reference with gaps: where, bp that go, and bases that come after them."""
    at, cigar, seq = 0, "", ""
    for start, size, put in changes:
        cigar += f"{start - at}M" + (f"{size}D" if size else "") + (f"{len(put)}I" if put else "")
        seq, at = seq + reference[at:start] + put, start + size
    return Read(0, f"{cigar}{len(reference) - at}M", seq + reference[at:])


LEFT, RIGHT = "GATTACAGGCTTAACGTCCATGCTTAGGCATCAAGT", "CTGACCATTGCAGGTCAATCGTACGGATTCTGAATC"
TRACT = LEFT + "TG" * 12 + "AG" * 8 + RIGHT
FIRST, LAST = len(LEFT), len(LEFT) + 24


@pytest.mark.parametrize("turned", [False, True])
def test_reads_that_show_two_insertions_as_one_have_that_alone(turned: bool) -> None:
    """One copy has two, before a tract and behind it; of its reads half were aligned with all bases behind it."""
    as_one, as_two = ((LAST, 0, "TGAG"),), ((FIRST, 0, "TG"), (LAST, 0, "AG"))
    assert read_of(TRACT, *as_one).seq == read_of(TRACT, *as_two).seq
    ways = (as_two, as_one) if turned else (as_one, as_two)
    reads = [read_of(TRACT, *way) for way in ways for _ in range(6)] + [read_of(TRACT) for _ in range(12)]
    assert depths(TRACT, reads) == {(FIRST - 1, "TG"): 6, (LAST - 2, "GA"): 6, (LAST - 2, "GTGA"): 6}


def test_two_indels_of_one_copy_are_both_of_its_reads() -> None:
    reads = [read_of(TRACT, (FIRST - 6, 1, ""), (FIRST + 30, 1, "")) for _ in range(10)]
    reads += [read_of(TRACT) for _ in range(10)]
    assert list(depths(TRACT, reads).values()) == [10, 10]


def test_near_deletions_of_two_copies_are_each_of_its_own_reads() -> None:
    """Without the T before a run of A a read is like one without an A, but for a base."""
    reference = LEFT + "GAATT" + "A" * 12 + RIGHT
    run = len(LEFT) + 5
    reads = [read_of(reference, (start, 1, "")) for start in (run, run - 1) for _ in range(9)]
    reads += [read_of(reference, (run, 1, ""))] * 3
    assert depths(reference, reads) == {(run - 3, ""): 9, (run - 1, ""): 12}


def depths(reference: str, reads: list[Read]) -> dict[tuple[int, str], int]:
    """Reads of each alt, by the site's start and the bases of the alt after the first."""
    thresholds = CandidateThresholds()
    region = Region("c", 0, len(reference))
    found = find_candidates(read_batch(reads), encode_bases(reference.encode()), 0, region, thresholds)
    rows = zip(found.start.tolist(), found.alts, found.allele_depths.tolist(), strict=True)
    return {(start, alt[1:]): counts[k] for start, alts, counts in rows for k, alt in enumerate(alts, 1)}
