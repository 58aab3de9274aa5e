"""Reads with one of two deletions that overlap count for their own, however alike the two are."""

import random

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
