"""Alignments of haplotypes and reads against slow twins."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.sequence.cigar import pack_columns
from dvplug.sequence.codes import encode_bases
from dvplug.sequence.pairwise import (
    CLIP,
    LOWEST,
    MATCH_SCORE,
    MISMATCH_SCORE,
    align_by_table,
    alignment_score,
    place_on_reference,
    ungapped_score,
)
from helpers.compiled import align_globally
from helpers.read_batches import operations, random_sequence
from oracles.pairwise import best_score

bases = st.text("ACGT", min_size=1, max_size=14)


pytestmark = pytest.mark.filterwarnings("ignore:overflow")  # as in the kernel


def text(packed: np.ndarray) -> str:
    return "".join(f"{operation >> 4}{'MIDNSHP=X'[operation & 15]}" for operation in packed.tolist())


def packed(cigar: str) -> np.ndarray:
    return np.array([length << 4 | "MIDNSHP=X".index(op) for length, op in operations(cigar)], np.uint32)


def codes(sequence: str) -> np.ndarray:
    return encode_bases(sequence.encode())


@given(bases, bases)
@settings(max_examples=300)
def test_a_global_alignment_has_the_best_score_there_is(query: str, target: str) -> None:
    cigar = align_globally(codes(query), codes(target))
    spans = operations(text(cigar))
    assert sum(n for n, op in spans if op in "MI") == len(query)
    assert sum(n for n, op in spans if op in "MD") == len(target)
    assert alignment_score(5, cigar, codes(query), codes(target), 5) == best_score(query, target)


def test_gaps_lie_as_far_left_as_they_can() -> None:
    assert text(align_globally(codes("CGATAGATAGATAC"), codes("CGATAGATAC"))) == "1M4I9M"
    assert text(align_globally(codes("CGATAGATAC"), codes("CGATAGATAGATAC"))) == "1M4D9M"


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=200)
def test_what_is_plain_is_aligned_as_by_the_table(seed: int) -> None:
    rng = random.Random(seed)
    target = random_sequence(rng, rng.randrange(4, 40))
    query = list(target)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(query) - 1)
        query[at] = rng.choice(["", "A", "C", query[at] * 2, query[at] + "GAT"])
    both = codes("".join(query)), codes(target)
    assert text(align_globally(*both)) == text(align_by_table(*both))


def test_runs_are_joined() -> None:
    assert text(pack_columns(np.array([0, 0, 1, 1, 1, 2, 0], np.uint32))) == "2M3I1D1M"


@given(bases, st.text("ACGT", min_size=1, max_size=30), st.integers(-10, 30))
@settings(max_examples=300)
def test_an_ungapped_fit_is_the_best_stretch(seq: str, haplotype: str, at: int) -> None:
    score, first, last = ungapped_score(codes(seq), codes(haplotype), at, LOWEST)

    def of(a: int, b: int) -> int:
        matches = sum(MATCH_SCORE if seq[i] == haplotype[at + i] else MISMATCH_SCORE for i in range(a, b))
        return matches + CLIP * (a > 0) + CLIP * (b < len(seq))

    low, high = max(0, -at), min(len(seq), len(haplotype) - at)
    stretches = [of(a, b) for a in range(low, high) for b in range(a + 1, high + 1)]
    if not stretches:
        assert score < -1000
    else:
        assert score == max(stretches) == of(first, last)
        for least in (score - 1, score, score + 3):
            found = ungapped_score(codes(seq), codes(haplotype), at, least)
            assert found == (score, first, last) if score > least else found[0] <= least


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=200)
def test_a_read_on_a_haplotype_comes_to_lie_where_its_bases_are(seed: int) -> None:
    rng = random.Random(seed)
    haplotype, pairs, position, cigar = "", [], 0, ""  # pairs: reference position of each base, None inserted
    reference = random_sequence(rng, 60)
    while position < len(reference):
        length = min(rng.randrange(1, 15), len(reference) - position)
        cigar += f"{length}M"
        pairs += list(range(position, position + length))
        haplotype += reference[position : position + length]
        position += length
        gap = rng.randrange(1, 6)
        if position + gap < len(reference):
            if rng.random() < 0.5:
                cigar += f"{gap}I"
                pairs += [None] * gap
                haplotype += "".join(rng.choices("ACGT", k=gap))
            else:
                cigar += f"{gap}D"
                position += gap
    at = rng.randrange(-5, len(haplotype) - 1)
    size = rng.randrange(6, 40)
    first = rng.randrange(max(0, -at), max(0, -at) + 3)
    last = min(size, len(haplotype) - at)
    if first >= last:
        return
    start, found = place_on_reference(packed(cigar), 1000, at, first, last, size)
    expected = [pairs[at + i] if first <= i < last else None for i in range(size)]
    aligned = [p for p in expected if p is not None]
    if not aligned:
        assert start == -1
        return
    assert start == 1000 + aligned[0]
    position, base, seen = start, 0, [None] * size
    spans = operations(text(found))
    for n, op in spans:
        if op == "M":
            seen[base : base + n] = range(position - 1000, position - 1000 + n)
        base += n * (op in "MIS")
        position += n * (op in "MD")
    assert seen == expected
    assert base == size
    assert all(op in "MS" for _, op in (spans[0], spans[-1]))
