"""Assembled haplotypes against a slow twin on strings."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.reads import assembly
from dvplug.reads.assembly import assemble, haplotype_paths
from dvplug.sequence.codes import encode_bases
from helpers.read_batches import random_sequence


def twin(reference: str, reads: list[tuple[str, list[int]]], k: int, least: int) -> dict[str, int] | None:
    """Haplotypes and the weight of each one's weakest edge beside the reference; None where there are none."""
    of_reference = [reference[i : i + k] for i in range(len(reference) - k + 1)]
    if len(set(of_reference)) < len(of_reference) or len(of_reference) < 2:
        return None
    weights: Counter[str] = Counter()  # by edge: k + 1 bases
    for seq, qual in reads:
        for i in range(len(seq) - k):
            good = min(qual[i : i + k + 1]) >= assembly.MIN_BASE_QUALITY and "N" not in seq[i : i + k + 1]
            weights[seq[i : i + k + 1]] += good
    edges = {edge: weight for edge, weight in weights.items() if weight >= least}
    edges |= {reference[i : i + k + 1]: 1 << 30 for i in range(len(reference) - k)}
    reachable, waiting = set(), [of_reference[0]]
    while waiting:
        node = waiting.pop()
        if node not in reachable:
            reachable.add(node)
            if node != of_reference[-1]:
                waiting += [edge[1:] for edge in edges if edge[:-1] == node]
    inner = {edge for edge in edges if edge[:-1] in reachable - {of_reference[-1]}}
    if has_cycle(reachable, inner):
        return None
    found: dict[str, int] = {}
    partial = [(of_reference[0], 1 << 30)]
    while partial:
        path, weight = partial.pop()
        if path[-k:] == of_reference[-1]:
            found[path] = weight
        elif len(path) < len(reference) + assembly.MAX_GROWTH:
            node = path[-k:]
            partial += [(path + e[-1], min(weight, edges[e])) for e in inner if e[:-1] == node]
    return found if len(found) <= assembly.MAX_PATHS else None


def has_cycle(nodes: set[str], edges: set[str]) -> bool:
    """Kahn's algorithm: what is left when nodes without incoming edges are taken away again and again."""
    left, edges = set(nodes), set(edges)
    while left:
        free = left - {edge[1:] for edge in edges}
        if not free:
            return True
        left -= free
        edges = {edge for edge in edges if edge[:-1] not in free}
    return False


def flat(reads: list[tuple[str, list[int]]]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    ends = np.cumsum([0, *(len(seq) for seq, _ in reads)]).astype(np.int64)
    seq = encode_bases("".join(s for s, _ in reads).encode())
    return seq, np.array([q for _, qual in reads for q in qual], np.uint8), ends[:-1], ends[1:]


def some_reads(rng: random.Random, haplotypes: list[str], count: int) -> list[tuple[str, list[int]]]:
    reads = []
    for _ in range(count):
        haplotype = rng.choice(haplotypes)
        start = rng.randrange(max(1, len(haplotype) - 20))
        seq = haplotype[start : start + rng.randrange(5, 60)]
        seq = "".join(rng.choice("ACGTN") if rng.random() < 0.02 else base for base in seq)
        reads.append((seq, [rng.choice([14, 15, 30]) if rng.random() < 0.1 else 30 for _ in seq]))
    return reads


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_paths_are_those_of_a_slow_twin(seed: int) -> None:
    rng = random.Random(seed)
    k, least = rng.randrange(4, 12), rng.randrange(1, 4)
    if rng.random() < 0.3:
        reference = random_sequence(rng, rng.randrange(20, 80))
    else:
        reference = "".join(rng.choices("ACGT", k=rng.randrange(20, 120)))
    other = list(reference)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(other))
        other[at] = rng.choice(["", "A", "C", "GT", other[at] * 3, "TTACG"])
    reads = some_reads(rng, [reference, "".join(other)], rng.randrange(2, 30))
    bases, offset, support = haplotype_paths(encode_bases(reference.encode()), *flat(reads), k, least)
    found = {
        "".join("ACGT"[b] for b in bases[a:b]): s
        for a, b, s in zip(offset[:-1], offset[1:], support.tolist(), strict=True)
    }
    assert found == (twin(reference, reads, k, least) or {})


@pytest.mark.parametrize("copies", [4, 17, 28])
def test_a_repeat_longer_than_small_k_is_resolved_by_a_larger_one(copies: int) -> None:
    rng = random.Random(copies)
    left, right = ("".join(rng.choices("ACGT", k=90)) for _ in range(2))
    reference, longer = (left + "GATA" * n + right for n in (copies, copies + 2))
    reads = [(longer[i : i + 101], [30] * 101) for i in range(0, len(longer) - 100, 3)]
    haplotypes = assemble(encode_bases(reference.encode()), *flat(reads))
    # 28 copies are longer than any k: nothing is assembled rather than something wrong
    assert [bytes(b"ACGT"[c] for c in h).decode() for h in haplotypes] == ([longer] if copies < 28 else [])


def test_errors_of_single_reads_make_no_haplotype() -> None:
    rng = random.Random(3)
    reference = "".join(rng.choices("ACGT", k=200))
    reads = []
    for start in range(0, 100, 2):
        seq = list(reference[start : start + 100])
        seq[rng.randrange(100)] = rng.choice("ACGT")
        reads.append(("".join(seq), [30] * 100))
    assert assemble(encode_bases(reference.encode()), *flat(reads)) == []
