"""Assembled haplotypes against a slow twin on strings."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.reads.assembly import Stretches
from dvplug.sequence.codes import encode_bases
from helpers.compiled import assemble, haplotype_paths
from helpers.read_batches import random_sequence
from oracles.assembly import twin_paths

Reads = list[tuple[str, list[int]]]


def stretches(
    reads: Reads, places: list[int] | None = None, along: str = "", begin: int = 0, good: int = 15
) -> Stretches:
    """Of reads, with places along the reference around the window; nowhere by default."""
    ends = np.cumsum([0, *(len(seq) for seq, _ in reads)]).astype(np.int64)
    return Stretches(
        encode_bases("".join(s for s, _ in reads).encode()),
        np.array([q for _, qual in reads for q in qual], np.uint8),
        ends[:-1],
        ends[1:],
        np.array([-1] * len(reads) if places is None else places, np.int64),
        encode_bases(along.encode()),
        begin,
        good,
    )


def some_reads(rng: random.Random, haplotypes: list[str], count: int) -> Reads:
    reads = []
    for _ in range(count):
        haplotype = rng.choice(haplotypes)
        start = rng.randrange(max(1, len(haplotype) - 20))
        seq = haplotype[start : start + rng.randrange(5, 60)]
        seq = "".join(rng.choice("ACGTN") if rng.random() < 0.02 else base for base in seq)
        reads.append((seq, [rng.choice([14, 15, 30]) if rng.random() < 0.1 else 30 for _ in seq]))
    return reads


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=150)
def test_paths_are_those_of_a_slow_twin(seed: int) -> None:
    rng = random.Random(seed)
    k, least, good = rng.randrange(4, 12), rng.randrange(1, 4), rng.choice([14, 15, 16])
    if rng.random() < 0.3:
        reference = random_sequence(rng, rng.randrange(20, 80))
    else:
        reference = "".join(rng.choices("ACGT", k=rng.randrange(20, 120)))
    other = list(reference)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(other))
        other[at] = rng.choice(["", "A", "C", "GT", other[at] * 3, "TTACG"])
    reads = some_reads(rng, [reference, "".join(other)], rng.randrange(2, 30))
    if rng.random() < 0.1:  # many k-mers that no other read shows
        reads += [(random_sequence(rng, 50), [30] * 50) for _ in range(40)]
    assert paths(reference, stretches(reads, good=good), k, least) == (
        twin_paths(reference, reads, k, least, good) or {}
    )


def paths(reference: str, reads: Stretches, k: int, least: int) -> dict[str, int]:
    bases, offset, support = haplotype_paths(encode_bases(reference.encode()), reads, k, least)
    return {
        "".join("ACGT"[b] for b in bases[a:b]): s
        for a, b, s in zip(offset[:-1], offset[1:], support.tolist(), strict=True)
    }


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=150)
def test_paths_do_not_depend_on_where_reads_are_said_to_lie(seed: int) -> None:
    rng = random.Random(seed)
    k, least, good = rng.randrange(4, 12), rng.randrange(1, 4), rng.choice([14, 15, 16])
    along = "".join(rng.choices("ACGT", k=150))
    begin, end = rng.randrange(10, 40), rng.randrange(80, 140)
    if rng.random() < 0.3:  # what lies beside the window comes again in it
        along = along[: begin + 20] + along[begin - 8 : begin + 12] + along[begin + 40 :]
    at = rng.randrange(begin, end)
    other = along[:at] + rng.choice(["", "A", "GT"]) + along[at + 1 :]
    reads, places = [], []
    for _ in range(rng.randrange(4, 40)):
        start = rng.randrange(len(along) - 40)
        seq = rng.choice([along, along, other])[start : start + rng.randrange(5, 70)]
        seq = "".join(rng.choice("ACGTN") if rng.random() < 0.02 else base for base in seq)
        reads.append((seq, [rng.choice([2, 14, 15, 16]) if rng.random() < 0.1 else 30 for _ in seq]))
        places.append(start if rng.random() < 0.9 else rng.randrange(-5, len(along)))
    window = along[begin:end]
    found = paths(window, stretches(reads, places, along, begin, good), k, least)
    assert found == (twin_paths(window, reads, k, least, good) or {})


@pytest.mark.parametrize("copies", [4, 17, 28])
def test_a_repeat_longer_than_small_k_is_resolved_by_a_larger_one(copies: int) -> None:
    rng = random.Random(copies)
    left, right = ("".join(rng.choices("ACGT", k=90)) for _ in range(2))
    reference, longer = (left + "GATA" * n + right for n in (copies, copies + 2))
    reads = [(longer[i : i + 101], [30] * 101) for i in range(0, len(longer) - 100, 3)]
    found = assemble(encode_bases(reference.encode()), stretches(reads))
    haplotypes = [found.bases[a:b] for a, b in itertools.pairwise(found.offset)]
    # 28 copies are longer than any k: nothing is assembled rather than something wrong
    assert [bytes(b"ACGT"[c] for c in h).decode() for h in haplotypes] == ([longer] if copies < 28 else [])


def test_best_supported_haplotypes_come_first() -> None:
    rng = random.Random(5)
    reference = "".join(rng.choices("ACGT", k=160))
    copies = [reference[:80] + base * n + reference[80:] for base, n in (("A", 2), ("C", 3), ("G", 4))]
    reads = [(copy[20:150], [30] * 130) for copy, n in zip(copies, (3, 5, 4), strict=True) for _ in range(n)]
    found = assemble(encode_bases(reference.encode()), stretches(reads))
    haplotypes = [found.bases[a:b].tolist() for a, b in itertools.pairwise(found.offset)]
    assert haplotypes == [encode_bases(copies[i].encode()).tolist() for i in (1, 2, 0)]


def test_errors_of_single_reads_make_no_haplotype() -> None:
    rng = random.Random(3)
    reference = "".join(rng.choices("ACGT", k=200))
    reads = []
    for start in range(0, 100, 2):
        seq = list(reference[start : start + 100])
        seq[rng.randrange(100)] = rng.choice("ACGT")
        reads.append(("".join(seq), [30] * 100))
    assert assemble(encode_bases(reference.encode()), stretches(reads)).offset.tolist() == [0]
