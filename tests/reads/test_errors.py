"""Errors as the kernel counts them, and again a read at a time; tracts as they are, and by brute force."""

from __future__ import annotations

import random

import numpy as np
import pytest

from dvplug.reads.errors import window_errors
from dvplug.sequence.codes import encode_bases
from dvplug.sequence.tracts import reference_tracts
from helpers.read_batches import Read, random_reads, random_sequence, read_batch
from oracles.errors import TwinErrors, kind_of, twin_tracts


@pytest.mark.parametrize("seed", range(20))
def test_tracts_are_those_of_brute_force(seed: int) -> None:
    rng = random.Random(seed)
    reference = random_sequence(rng, 300)
    for _ in range(seed % 3):
        at = rng.randrange(290)
        reference = reference[:at] + "N" * 4 + reference[at + 4 :]
    found = reference_tracts(encode_bases(reference.encode()))
    expected = twin_tracts(reference)
    assert [*zip(found.low.tolist(), found.high.tolist(), found.period.tolist(), strict=True)] == expected
    assert found.runs == sum(period == 1 for _, _, period in expected)
    kinds = [kind_of(reference, tract) for tract in expected]
    assert [None if kind == -1 else kind for kind in found.kind.tolist()] == kinds
    for position, tract in enumerate(found.at[0].tolist()):
        assert found.low[tract] <= position < found.high[tract]


def reads_with_few_errors(rng: random.Random, reference: str) -> list[Read]:
    """Deep reads that are mostly as the reference, so that much is plain, with units too many or too few."""
    made = []
    for k in range(150):
        start = rng.randrange(len(reference) - 60)
        position, end, cigar, seq = start, start + rng.randrange(40, 60), "", ""
        while position < end:
            length = min(rng.randrange(5, 40), end - position)
            seq += "".join(
                rng.choice("ACGTN") if rng.random() < 0.02 else base
                for base in reference[position : position + length]
            )
            cigar += f"{length}M"
            position += length
            size = rng.choice([1, 1, 1, 2, 3, 4])
            if position < end - size and rng.random() < 0.3:
                if rng.random() < 0.5:
                    cigar, position = f"{cigar}{size}D", position + size
                else:
                    cigar, seq = f"{cigar}{size}I", seq + reference[position : position + size]
        # The last operation is an alignment: an indel is only made inside.
        if cigar[-1] != "M":
            continue
        quality = [rng.choice([2, 20, 37, 93, 94, 120, 255]) for _ in seq]
        made.append(Read(start, cigar, seq, quality, rng.choice([0, 16]), name=f"r{k}"))
    return sorted(made, key=lambda read: read.start)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("few", [True, False])
def test_errors_are_those_of_the_twin(seed: int, few: bool) -> None:
    rng = random.Random(seed)
    reference = random_sequence(rng, 400)
    if seed % 4 == 3:
        reference = f"{reference[:200]}NNN{reference[203:]}"
    reads = reads_with_few_errors(rng, reference) if few else random_reads(rng, reference, 200)
    apart = [rng.random() < 0.1 for _ in reads]
    window = (60, 330)
    found = window_errors(read_batch(reads), np.array(apart), encode_bases(reference.encode()), 0, window)
    twin = TwinErrors(reads, apart, reference, window)
    inside = range(*window)
    assert found.depth.tolist() == [twin.depth[p] for p in inside]
    assert found.differs.tolist() == [twin.differs[p] for p in inside]
    bases = {
        (q, differs): n
        for q in range(256)
        for differs, n in ((False, found.bases[q, 0] - found.bases[q, 1]), (True, found.bases[q, 1]))
        if n
    }
    assert bases == +twin.bases
    assert found.apart.tolist() == [twin.apart.total(), twin.apart[True]]
    assert found.indels.tolist() == [
        sum(counted[p] for p in twin.plain) for counted in (twin.depth, twin.insertions, twin.deletions)
    ]
    lengths = {
        (kind, units, change - 3): int(found.lengths[kind, units, change])
        for kind, units, change in np.argwhere(found.lengths).tolist()
    }
    assert lengths == +twin.lengths()
    if few:
        assert len(twin.plain) > 30
        assert any(change for _, _, change in lengths)
    long_tracts = [tract for tract in twin.plain_tracts() if tract[1] - tract[0] >= 8]
    assert found.tracts.tolist() == [
        [
            kind_of(reference, tract),
            min(20, (tract[1] - tract[0]) // tract[2]),
            *(twin.changes[tract][change] for change in range(-3, 4)),
        ]
        for tract in long_tracts
    ]


def test_positions_of_the_genome_are_those_of_the_window() -> None:
    """The same reads further on a contig, with reference only around the window."""
    rng = random.Random(5)
    reference = random_sequence(rng, 400)
    reads = reads_with_few_errors(rng, reference)
    codes = encode_bases(reference.encode())
    apart = np.zeros(len(reads), np.bool_)
    here = window_errors(read_batch(reads), apart, codes, 0, (100, 300))
    moved = [read._replace(start=read.start + 5_000) for read in reads]
    there = window_errors(read_batch(moved), apart, codes, 5_000, (5_100, 5_300))
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one, other)
