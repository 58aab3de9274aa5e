"""Reads of one fragment: who belongs to whom, and what both show, counted once."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.candidates.finder import count_alleles, find_candidates
from dvplug.candidates.molecules import NO_MATE, count_once, first_mates
from dvplug.line.read_batch import ReadBatch
from dvplug.line.region import Region
from dvplug.sequence.codes import encode_bases
from dvplug.technology import CandidateThresholds
from helpers.read_batches import Read, random_sequence, read_batch

REFERENCE = random_sequence(random.Random(8), 400)
CODES = encode_bases(REFERENCE.encode())
WHOLE = Region("c", 0, len(REFERENCE))


def pair(start: int, fragment: int, size: int, sizes: tuple[int, int] = (0, 0), **more: object) -> list[Read]:
    """Both reads of an error-free fragment; ``sizes`` are what either is shorter by."""
    first, last = size - sizes[0], start + fragment - size + sizes[1]
    return [
        Read(start, f"{first}M", REFERENCE[start : start + first], flag=99, tlen=fragment, **more),
        Read(
            last,
            f"{start + fragment - last}M",
            REFERENCE[last : start + fragment],
            flag=147,
            tlen=-fragment,
            **more,
        ),
    ]


def batch_of(reads: list[Read]) -> ReadBatch:
    return read_batch(sorted(reads, key=lambda read: read.start))


def random_pairs(rng: random.Random) -> list[Read]:
    """Pairs that overlap or not, some of fragments that lie alike, misread here and there."""
    reads = []
    for _ in range(rng.randrange(1, 12)):
        start, fragment, size = rng.randrange(0, 200), rng.randrange(45, 120), rng.randrange(30, 46)
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            cut = (rng.choice([0, 0, 5]), rng.choice([0, 0, 7]))
            for read in pair(start, fragment, size, cut):
                seq = "".join(rng.choice("ACGTN") if rng.random() < 0.05 else base for base in read.seq)
                reads.append(read._replace(seq=seq, qual=[rng.choice([5, 30]) for _ in seq]))
    return reads


def twin_mates(batch: ReadBatch) -> list[int]:
    """By lists: of fragments that lie alike, the longest first read with the longest second."""
    groups: dict[tuple[int, int], tuple[list[int], list[int]]] = {}
    for i in range(len(batch)):
        start, end, length = int(batch.start[i]), int(batch.end[i]), int(batch.fragment_length[i])
        key = (start if length > 0 else end + length, abs(length))
        if abs(length) < 2 * (end - start):
            groups.setdefault(key, ([], []))[length < 0].append(i)
    mates = [NO_MATE] * len(batch)
    for firsts, seconds in groups.values():
        firsts.sort(key=lambda i: -batch.end[i])
        seconds.sort(key=lambda i: batch.start[i])
        for first, second in zip(firsts, seconds, strict=False):
            mates[second] = first
    return mates


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_mates_are_those_of_the_twin(seed: int) -> None:
    batch = batch_of(random_pairs(random.Random(seed)))
    assert first_mates(batch).tolist() == twin_mates(batch)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_both_show_counts_once(seed: int) -> None:
    batch = batch_of(random_pairs(random.Random(seed)))
    mates = first_mates(batch)
    shown = [
        {
            int(batch.start[i]) + k: batch.seq[at]
            for k, at in enumerate(range(batch.base_offset[i], batch.base_offset[i + 1]))
            if batch.seq[at] < 4 and batch.qual[at] >= 10
        }
        for i in range(len(batch))
    ]
    expected: Counter[tuple[int, int]] = Counter()
    for i, of_read in enumerate(shown):
        for place, code in of_read.items():
            if mates[i] == NO_MATE or shown[mates[i]].get(place) != code:
                expected[place, int(code)] += 1
    counted = count_alleles(batch.arrays(), CODES, 0, 10)
    count_once(counted.mismatches, counted.depth, batch.arrays(), mates, CODES, 0, 10)
    depth = np.zeros(len(CODES), int)
    mismatches = np.zeros((len(CODES), 4), int)
    for (place, code), reads in expected.items():
        depth[place] += reads
        mismatches[place, code] += reads * (code != CODES[place])
    np.testing.assert_array_equal(counted.depth, depth)
    np.testing.assert_array_equal(counted.mismatches, mismatches)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(30, 280))
def test_it_does_not_matter_where_the_work_is_cut(seed: int, cut: int) -> None:
    reads = sorted(random_pairs(random.Random(seed)), key=lambda read: read.start)
    every = CandidateThresholds(min_count_snps=1, min_fraction_snps=0.0)

    def depths(start: int, end: int) -> list[tuple[int, int, tuple[str, ...]]]:
        near = [read for read in reads if read.start < end and read.end > start]
        if not near:
            return []
        found = find_candidates(read_batch(near), CODES, 0, Region("c", start, end), every)
        return list(zip(found.start.tolist(), found.depth.tolist(), found.alts, strict=True))

    assert depths(0, cut) + depths(cut, 400) == depths(0, 400)


def with_allele(read: Read, at: int, kind: str) -> Read:
    """The read with a base deleted, inserted or replaced at a position of the reference."""
    k = at - read.start
    if kind == "SNP":
        other = "ACGT"[("ACGT".index(read.seq[k]) + 1) % 4]
        return read._replace(seq=read.seq[:k] + other + read.seq[k + 1 :])
    if kind == "deletion":
        seq = read.seq[:k] + read.seq[k + 1 :]
        return read._replace(seq=seq, cigar=f"{k}M1D{len(seq) - k}M")
    seq = read.seq[:k] + "ACGT"[("ACGT".index(read.seq[k]) + 1) % 4] + read.seq[k:]
    return read._replace(seq=seq, cigar=f"{k}M1I{len(seq) - k - 1}M")


@pytest.mark.parametrize("kind", ["SNP", "deletion", "insertion"])
@pytest.mark.parametrize(("molecules", "found"), [(1, False), (2, True)])
def test_one_molecule_makes_no_candidate(kind: str, molecules: int, found: bool) -> None:
    at = next(i for i in range(95, 110) if len(set(REFERENCE[i - 1 : i + 2])) == 3)
    plain = [read for k in range(8) for read in pair(60 + k, 70, 60)]
    both = [with_allele(read, at, kind) for k in range(molecules) for read in pair(70 + k, 70, 60)]
    candidates = find_candidates(batch_of([*plain, *both]), CODES, 0, WHOLE, CandidateThresholds())
    assert (len(candidates.start) > 0) == found
    alone = [read._replace(tlen=0) for read in both]
    assert len(find_candidates(batch_of([*plain, *alone]), CODES, 0, WHOLE, CandidateThresholds()).start) == 1
