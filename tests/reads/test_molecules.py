"""Which reads are of one molecule, by a twin of lists."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.line.read_batch import ALONE, ReadBatch
from dvplug.reads.molecules import places, with_molecules
from helpers.molecules import pair, random_pairs
from helpers.read_batches import Read, read_batch


def classes(batch: ReadBatch, copies_told: bool) -> set[frozenset[int]]:
    """The reads of each molecule that has several."""
    found: dict[int, set[int]] = {}
    for read, molecule in enumerate(with_molecules(batch, copies_told).molecule.tolist()):
        if molecule != ALONE:
            found.setdefault(molecule, set()).add(read)
    return {frozenset(reads) for reads in found.values() if len(reads) > 1}


def alike(batch: ReadBatch) -> dict[tuple[int, int, bool], tuple[list[int], list[int]]]:
    """First and second reads of fragments that lie exactly alike."""
    groups: dict[tuple[int, int, bool], tuple[list[int], list[int]]] = {}
    for i in range(len(batch)):
        start, end, length = int(batch.start[i]), int(batch.end[i]), int(batch.fragment_length[i])
        flag = int(batch.flag[i])
        key = (start if length > 0 else end + length, abs(length), bool(flag & 0x40) != bool(flag & 0x10))
        groups.setdefault(key, ([], []))[length < 0].append(i)
    return groups


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_they_are_those_of_the_twin(seed: int) -> None:
    batch = read_batch(sorted(random_pairs(random.Random(seed)), key=lambda read: read.start))
    groups = alike(batch).values()
    assert classes(batch, True) == {frozenset(a + b) for a, b in groups if len(a + b) > 1}
    for firsts, seconds in groups:
        firsts.sort(key=lambda i: -batch.end[i])
        seconds.sort(key=lambda i: batch.start[i])
    assert classes(batch, False) == {frozenset(two) for a, b in groups for two in zip(a, b, strict=False)}


def test_strands_tell_fragments_apart_that_lie_alike() -> None:
    forward, reverse = pair(10, 60, 40), pair(10, 60, 40)
    reverse = [read._replace(flag=read.flag ^ 0xC0) for read in reverse]  # the second read comes first
    assert len(classes(read_batch([forward[0], reverse[0], forward[1], reverse[1]]), True)) == 2


@pytest.mark.parametrize("tlen", [0, -60])
def test_reads_whose_fragment_is_not_told_are_alone(tlen: int) -> None:
    """Also where it would begin before the contig does."""
    read = Read(5, "20M", "A" * 20, flag=16, tlen=tlen)
    assert places(read_batch([read, read])).tolist() == [ALONE, ALONE]


def test_a_part_and_a_choice_keep_what_was_told() -> None:
    batch = with_molecules(read_batch(pair(10, 60, 40) + pair(45, 60, 40)), True)
    assert batch.part(1, 3).molecule.tolist() == batch.molecule[1:3].tolist()
    assert batch.take(np.array([2, 0])).molecule.tolist() == batch.molecule[[2, 0]].tolist()
    assert (read_batch(pair(10, 60, 40)).molecule == ALONE).all()
