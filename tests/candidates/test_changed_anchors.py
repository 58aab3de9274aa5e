"""A substitution that the aligner put right before a gap is part of one allele with it."""

from __future__ import annotations

import pytest

from dvplug.candidates.finder import find_candidates
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.region import Region
from dvplug.sequence.codes import encode_bases
from dvplug.technology import CandidateThresholds
from helpers.read_batches import Read, read_batch

REFERENCE = "GATTACAGCTGATCGTGCAGAAAAACTCGTACGGATCAGTCCATG"
ANCHOR = 19  # the G before AAAAA
PLAIN = Read(0, f"{len(REFERENCE)}M", REFERENCE)


def read(base: str, gap: str) -> Read:
    """A read with this base at the anchor, and this gap at the end of the homopolymer."""
    before, after = REFERENCE[:ANCHOR] + base + "AAAA", REFERENCE[ANCHOR + 6 :]
    if gap == "deletion":
        return Read(0, f"{len(before)}M1D{len(after)}M", before + after)
    if gap == "insertion":
        return Read(0, f"{len(before) + 1}M2I{len(after)}M", f"{before}A" + "AA" + after)
    return Read(0, f"{len(REFERENCE)}M", f"{before}A{after}")


def find(*reads: Read, **more: object) -> CandidateBatch:
    region = Region("c", 0, len(REFERENCE))
    codes = encode_bases(REFERENCE.encode())
    return find_candidates(read_batch(reads), codes, 0, region, CandidateThresholds(**more))


@pytest.mark.parametrize(("gap", "ref", "alt"), [("deletion", "GA", "T"), ("insertion", "G", "TAA")])
@pytest.mark.parametrize("others", [0, 6], ids=["hom", "het"])
def test_both_are_one_allele_of_all_their_reads(gap: str, ref: str, alt: str, others: int) -> None:
    found = find(*[PLAIN] * others, *[read("T", gap)] * 6)
    assert (found.start.tolist(), list(found.refs), list(found.alts)) == ([ANCHOR], [ref], [(alt,)])
    assert found.allele_depths.tolist() == [[others, 6]]


def test_on_two_copies_they_are_two_alleles() -> None:
    found = find(*[read("T", "")] * 6, *[read("G", "deletion")] * 6)
    assert (list(found.refs), list(found.alts)) == (["GA"], [("TA", "G")])
    assert found.allele_depths.tolist() == [[0, 6, 6]]


def test_what_other_reads_have_alone_stays() -> None:
    found = find(*[read("T", "deletion")] * 8, *[read("G", "deletion")] * 4, *[read("T", "")] * 3)
    assert (list(found.refs), list(found.alts)) == (["GA"], [("T", "G", "TA")])
    assert found.allele_depths.tolist() == [[0, 8, 4, 3]]


def test_few_reads_that_have_both_are_errors() -> None:
    found = find(*[PLAIN] * 5, *[read("T", "deletion")] * 3, *[read("G", "deletion")] * 6)
    assert (list(found.refs), list(found.alts)) == (["GA"], [("G", "TA")])
