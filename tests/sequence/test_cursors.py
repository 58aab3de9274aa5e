"""Cursors in CIGARs: where they stand, and how many steps they take to get there."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.candidates.support import assign_reads
from dvplug.sequence import cursors
from dvplug.sequence.cigar import unpack
from dvplug.sequence.codes import encode_bases
from dvplug.sequence.cursors import first_places, move_on
from helpers.read_batches import Read, random_reads, random_sequence, read_batch, walk


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_a_cursor_stands_at_the_last_aligned_operation_that_begins_before(seed: int) -> None:
    rng = random.Random(seed)
    reads = random_reads(rng, random_sequence(rng, 200), 4)
    batch = read_batch(reads)
    places = first_places(batch.start, batch.cigar_offset)
    for at in sorted(rng.randrange(210) for _ in range(30)):
        for i, read in enumerate(reads):
            move_on(places, i, batch.cigar, int(batch.cigar_offset[i + 1]), at)
            steps = list(enumerate(walk(read)))
            before = [one for one in steps if one[1][0] in "M=X" and one[1][1] <= at]
            k, (_, position, base, _) = before[-1] if before else steps[0]
            expected = (batch.cigar_offset[i] + k, position, base)
            assert (places.operation[i], places.position[i], places.base[i]) == expected


def test_steps_grow_with_the_read_and_not_with_the_sites_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    monkeypatch.setattr(cursors, "unpack", lambda packed: steps.append(1) or unpack(packed))
    operations, sites = 4000, 500
    batch = read_batch([Read(0, "9M1D" * (operations // 2) + "1M", "A" * (9 * operations // 2 + 1))])
    places = first_places(batch.start, batch.cigar_offset)
    for at in range(0, 10 * operations // 2, 10 * operations // 2 // sites):
        move_on(places, 0, batch.cigar, len(batch.cigar), at)
    assert len(steps) <= operations + 4 * sites


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_many_sites_at_once_give_what_each_gives_alone(seed: int) -> None:
    rng = random.Random(seed)
    reference = random_sequence(rng, 400)
    codes = encode_bases(reference.encode())
    batch = read_batch(random_reads(rng, reference, 20, span=380))
    starts = sorted(rng.sample(range(20, 360), 25))
    refs = [reference[s : s + rng.choice([1, 1, 2, 4])] for s in starts]
    alts = [
        (rng.choice([b for b in "ACGT" if b != r[0]]) if rng.random() < 0.5 else r[0] + "GATT" + r[1:],)
        for r in refs
    ]

    def assigned(chosen: list[int]) -> list[list[tuple[int, int]]]:
        offset, read, allele = assign_reads(
            batch, codes, 0, np.array([starts[i] for i in chosen], np.int32), [refs[i] for i in chosen],
            [alts[i] for i in chosen], min_base_quality=10,
        )  # fmt: skip
        rows = list(zip(read.tolist(), allele.tolist(), strict=True))
        return [rows[offset[k] : offset[k + 1]] for k in range(len(chosen))]

    assert assigned(list(range(25))) == [assigned([i])[0] for i in range(25)]
