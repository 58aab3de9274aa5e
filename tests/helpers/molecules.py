"""Pairs of reads of fragments, some of which lie alike."""

from __future__ import annotations

import random

from helpers.read_batches import Read, random_sequence

REFERENCE = random_sequence(random.Random(8), 400)


def pair(start: int, fragment: int, size: int, sizes: tuple[int, int] = (0, 0), **more: object) -> list[Read]:
    """Both reads of an error-free fragment; ``sizes`` are what either is shorter by."""
    first, last = size - sizes[0], start + fragment - size + sizes[1]
    end = start + fragment
    return [
        Read(start, f"{first}M", REFERENCE[start : start + first], flag=99, tlen=fragment, **more),
        Read(last, f"{end - last}M", REFERENCE[last:end], flag=147, tlen=-fragment, **more),
    ]


def random_pairs(rng: random.Random) -> list[Read]:
    """Pairs that overlap or not, some of fragments that lie alike, misread here and there."""
    reads = []
    for _ in range(rng.randrange(1, 12)):
        start, fragment, size = rng.randrange(0, 200), rng.randrange(45, 120), rng.randrange(30, 46)
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            cut, swapped = (rng.choice([0, 0, 5]), rng.choice([0, 0, 7])), rng.choice([0, 0, 0xC0])
            for read in pair(start, fragment, size, cut):
                seq = "".join(rng.choice("ACGTN") if rng.random() < 0.05 else base for base in read.seq)
                qual = [rng.choice([5, 30]) for _ in seq]
                reads.append(read._replace(seq=seq, qual=qual, flag=read.flag ^ swapped))
    return reads
