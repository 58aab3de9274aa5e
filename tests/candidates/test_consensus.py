"""The consensus of noisy texts, and the insertion that it is: against slow twins, and against what was made noisy."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.candidates.consensus import consensus_of, edits, one_insertion
from dvplug.sequence.arrays import UInt8s
from dvplug.sequence.codes import decode_bases, encode_bases
from oracles.edits import distance, fewest_with_one_insertion

bases = st.text("ACGT", max_size=14)


def codes(text: str) -> UInt8s:
    return encode_bases(text.encode())


def noisy(rng: random.Random, text: str, rate: float) -> str:
    """A text with substitutions, insertions and deletions of single bases."""
    out = []
    for base in text:
        drawn = rng.random()
        if drawn < rate / 3:
            continue
        out.append(rng.choice("ACGT") if drawn < 2 * rate / 3 else base)
        if drawn > 1 - rate / 3:
            out.append(rng.choice("ACGT"))
    return "".join(out)


@given(bases, bases)
@settings(max_examples=60)
def test_edits_are_the_fewest(one: str, other: str) -> None:
    assert edits(codes(one), codes(other)) == distance(one, other)


@pytest.mark.parametrize("length", [0, 3, 60, 700])
def test_the_consensus_of_noisy_reads_is_what_they_read(length: int) -> None:
    rng = random.Random(length)
    true = "".join(rng.choices("ACGT", k=length))
    texts = [codes(noisy(rng, true, 0.03)) for _ in range(9)]
    found = consensus_of(texts)
    assert decode_bases(found) == true
    assert np.array_equal(consensus_of(texts[::-1]), found)


def test_unknown_bases_have_no_vote() -> None:
    texts = [codes(text) for text in ("ACNTA", "TACNTA", "ACGTA", "ACGTAA", "ACNTAG")]
    assert decode_bases(consensus_of(texts)) == "ACGTA"


@given(st.text("AC", max_size=7), st.text("AC", max_size=4))
@settings(max_examples=40)
def test_one_insertion_leaves_the_fewest_edits(text: str, reference: str) -> None:
    place, first, last, beside = one_insertion(codes(text), codes(reference))
    left = distance(text[:first], reference[:place]) + distance(text[last:], reference[place:])
    assert left == beside == fewest_with_one_insertion(text, reference)


def test_a_copy_is_put_before_the_other_one_with_its_variant() -> None:
    rng = random.Random(3)
    unit = "".join(rng.choices("ACGT", k=200))
    changed = unit[:150] + ("A" if unit[150] != "A" else "C") + unit[151:]
    assert one_insertion(codes(unit + changed), codes(unit)) == (0, 0, 200, 1)
