"""What batches offer to kernels: their own arrays, not copies."""

import random

import numpy as np

from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.read_batch import ReadArrays, gathered, one_read
from helpers.read_batches import random_reads, random_sequence, read_batch


def test_the_arrays_are_those_of_the_batch() -> None:
    rng = random.Random(1)
    batch = read_batch(random_reads(rng, random_sequence(rng, 200), 5))
    arrays = batch.arrays()
    assert all(getattr(arrays, name) is getattr(batch, name) for name in ReadArrays._fields)


def test_one_read_is_its_part_of_the_arrays() -> None:
    rng = random.Random(2)
    batch = read_batch(random_reads(rng, random_sequence(rng, 200), 20))
    for i in range(len(batch)):
        read, alone = one_read(batch.arrays(), i), batch.part(i, i + 1)
        assert read.start == alone.start[0]
        for name in ("cigar", "seq", "qual"):
            np.testing.assert_array_equal(getattr(read, name), getattr(alone, name))


def test_support_is_the_rows_of_the_candidates() -> None:
    none = np.zeros(2, np.int32)
    offset, read, allele = np.array([0, 1, 3]), np.array([4, 0, 4], np.int32), np.array([1, 0, -1], np.int8)
    batch = CandidateBatch("c", none, ["A", "C"], [("T",), ("G",)], offset, read, allele, none, none)
    assert all(a is b for a, b in zip(batch.support(), (offset, read, allele), strict=True))


def test_rows_are_gathered_in_any_order_and_more_than_once() -> None:
    offset, values = np.array([0, 2, 2, 5]), np.array([1, 2, 3, 4, 5])
    taken, (out,) = gathered(offset, np.array([2, 1, 0, 2]), values)
    assert taken.tolist() == [0, 3, 3, 5, 8]
    assert out.tolist() == [3, 4, 5, 1, 2, 3, 4, 5]
