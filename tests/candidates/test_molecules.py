"""What several reads of a molecule show, counted once."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.candidates.finder import count_alleles, find_candidates
from dvplug.candidates.molecules import count_once
from dvplug.line.read_batch import ALONE, ReadBatch
from dvplug.line.region import Region
from dvplug.reads.molecules import with_molecules
from dvplug.sequence.codes import encode_bases
from dvplug.technology import CandidateThresholds
from helpers.molecules import REFERENCE, pair, random_pairs
from helpers.read_batches import Read, read_batch

CODES = encode_bases(REFERENCE.encode())
WHOLE = Region("c", 0, len(REFERENCE))


def batch_of(reads: list[Read], copies_told: bool = True) -> ReadBatch:
    return with_molecules(read_batch(sorted(reads, key=lambda read: read.start)), copies_told)


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_what_several_show_counts_once(seed: int, copies_told: bool) -> None:
    batch = batch_of(random_pairs(random.Random(seed)), copies_told)
    shown = [
        {
            int(batch.start[i]) + k: batch.seq[at]
            for k, at in enumerate(range(batch.base_offset[i], batch.base_offset[i + 1]))
            if batch.seq[at] < 4 and batch.qual[at] >= 10
        }
        for i in range(len(batch))
    ]
    told = {
        (place, int(code), molecule if molecule != ALONE else f"read {i}")
        for i, (of_read, molecule) in enumerate(zip(shown, batch.molecule.tolist(), strict=True))
        for place, code in of_read.items()
    }
    expected = Counter((place, code) for place, code, _ in told)
    counted = count_alleles(batch.arrays(), CODES, 0, 10)
    count_once(counted.mismatches, counted.depth, batch.arrays(), batch.molecule, CODES, 0, 10)
    depth = np.zeros(len(CODES), int)
    mismatches = np.zeros((len(CODES), 4), int)
    for (place, code), reads in expected.items():
        depth[place] += reads
        mismatches[place, code] += reads * (code != CODES[place])
    np.testing.assert_array_equal(counted.depth, depth)
    np.testing.assert_array_equal(counted.mismatches, mismatches)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(30, 280), st.booleans())
def test_it_does_not_matter_where_the_work_is_cut(seed: int, cut: int, copies_told: bool) -> None:
    reads = sorted(random_pairs(random.Random(seed)), key=lambda read: read.start)
    every = CandidateThresholds(min_count_snps=1, min_fraction_snps=0.0)

    def depths(start: int, end: int) -> list[tuple[int, int, tuple[str, ...]]]:
        near = [read for read in reads if read.start < end and read.end > start]
        if not near:
            return []
        found = find_candidates(batch_of(near, copies_told), CODES, 0, Region("c", start, end), every)
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
@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize(("molecules", "found"), [(1, False), (2, True)])
def test_one_molecule_makes_no_candidate(kind: str, molecules: int, found: bool, copies: int) -> None:
    at = next(i for i in range(95, 110) if len(set(REFERENCE[i - 1 : i + 2])) == 3)
    plain = [read for k in range(8) for read in pair(60 + k, 70, 60)]
    both = [
        with_allele(read, at, kind)
        for k in range(molecules)
        for _ in range(copies)
        for read in pair(70 + k, 70, 60)
    ]
    candidates = find_candidates(batch_of([*plain, *both]), CODES, 0, WHOLE, CandidateThresholds())
    assert (len(candidates.start) > 0) == found
    alone = [read._replace(tlen=0) for read in both]
    assert len(find_candidates(batch_of([*plain, *alone]), CODES, 0, WHOLE, CandidateThresholds()).start) == 1


def test_amplicons_that_lie_alike_count_each() -> None:
    at = next(i for i in range(95, 110) if len(set(REFERENCE[i - 1 : i + 2])) == 3)
    reads = [read for _ in range(12) for read in pair(70, 70, 60)]
    reads = [with_allele(read, at, "SNP") if k < 12 else read for k, read in enumerate(reads)]
    found = find_candidates(batch_of(reads, copies_told=False), CODES, 0, WHOLE, CandidateThresholds())
    assert found.start.tolist() == [at]
    assert not len(find_candidates(batch_of(reads), CODES, 0, WHOLE, CandidateThresholds()).start)
