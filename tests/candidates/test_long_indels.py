"""Long indels that no two reads spell alike: the allele, and which reads have it."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.candidates.consensus import edits
from dvplug.candidates.finder import find_candidates
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.region import Region
from dvplug.sequence.codes import encode_bases
from dvplug.technology import CandidateThresholds
from helpers.read_batches import Read, random_reads, random_sequence, read_batch
from helpers.split_reads import Cut, split

LENGTH, AT = 8000, 4000
THRESHOLDS = CandidateThresholds(min_fraction_indels=0.1)
NAMES = "ACGT"


def bases(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(NAMES, k=length))


def noisy(rng: random.Random, text: str, rate: float = 0.02) -> str:
    """A text with wrong, lost and added bases."""
    return "".join(
        rng.choice(NAMES) if (drawn := rng.random()) < rate else "" if drawn < 1.5 * rate
        else base + rng.choice(NAMES) if drawn < 2 * rate else base
        for base in text
    )  # fmt: skip


def wrong(rng: random.Random, text: str) -> str:
    return "".join(rng.choice(NAMES) if rng.random() < 0.01 else base for base in text)


def spelled(rng: random.Random, reference: str, change: str | int, place: int, rate: float = 0.02) -> Read:
    """A read that inserts a noisy text, or deletes so many bases, after ``place`` bases."""
    start = rng.randrange(500, 1500)
    end = LENGTH - rng.randrange(500, 1500)
    left = wrong(rng, reference[start:place])
    if isinstance(change, str):
        inserted, deleted, gap = noisy(rng, change, rate), 0, "I"
        size = len(inserted)
    else:
        inserted, deleted, gap = "", change + rng.choice((-1, 0, 0, 0, 1)), "D"
        size = deleted
    right = wrong(rng, reference[place + deleted : end])
    return Read(start, f"{len(left)}M{size}{gap}{len(right)}M", left + inserted + right)


def plain(rng: random.Random, reference: str) -> Read:
    start, end = rng.randrange(500, 1500), LENGTH - rng.randrange(500, 1500)
    return Read(start, f"{end - start}M", wrong(rng, reference[start:end]))


def found(reads: Sequence[Read], reference: str, region: Region | None = None) -> CandidateBatch:
    ordered = [read._replace(name=str(i)) for i, read in enumerate(sorted(reads, key=lambda one: one.start))]
    region = region or Region("c", 1000, LENGTH - 1000)
    return find_candidates(read_batch(ordered), encode_bases(reference.encode()), 0, region, THRESHOLDS)


def long_alleles(batch: CandidateBatch) -> list[tuple[int, int]]:
    """Site and number of each allele that changes the length by 35 bp or more."""
    return [
        (site, number)
        for site, (ref, alts) in enumerate(zip(batch.refs, batch.alts, strict=True))
        for number, alt in enumerate(alts)
        if abs(len(alt) - len(ref)) >= 35
    ]


def haplotype(batch: CandidateBatch, site: int, number: int, reference: str) -> str:
    start, ref = int(batch.start[site]), batch.refs[site]
    assert reference[start : start + len(ref)] == ref
    return reference[:start] + batch.alts[site][number] + reference[start + len(ref) :]


@pytest.mark.parametrize("kind", ["novel", "copy", "deletion"])
@pytest.mark.parametrize("size", [55, 300, 900])
def test_reads_that_spell_it_differently_have_one_allele(kind: str, size: int) -> None:
    rng = random.Random(size)
    reference = bases(rng, LENGTH)
    unit = bases(rng, size) if kind == "novel" else reference[AT - size : AT]
    reads = [plain(rng, reference) for _ in range(12)]
    for _ in range(12):
        if kind == "copy":  # put anywhere in the other one
            back = rng.randrange(size)
            reads.append(spelled(rng, reference, unit[size - back :] + unit[: size - back], AT - back))
        else:
            reads.append(spelled(rng, reference, unit if kind == "novel" else size, AT))
    true = (
        reference[:AT] + unit + reference[AT:]
        if kind != "deletion"
        else reference[:AT] + reference[AT + size :]
    )
    batch = found(reads, reference)
    ((site, number),) = long_alleles(batch)
    assert haplotype(batch, site, number, reference) == true
    assert batch.pooled is not None
    assert batch.pooled[site, number]
    assert batch.pooled.sum() == 1
    assert batch.allele_depths[site, [0, 1 + number]].tolist() == [12, 12]
    half = found(reads, reference, Region("c", 1000, int(batch.start[site])))
    assert not long_alleles(half)
    rest = found(reads, reference, Region("c", int(batch.start[site]), LENGTH - 1000))
    assert haplotype(rest, *long_alleles(rest)[0], reference) == true


@pytest.mark.parametrize("size", [60, 400])
def test_reads_that_err_in_a_sixth_of_their_bases_have_one_allele(size: int) -> None:
    """Two of them differ by a third; each differs from what they have in common by half of that."""
    rng = random.Random(size)
    reference, unit = bases(rng, LENGTH), bases(rng, size)
    reads = [plain(rng, reference) for _ in range(12)]
    reads += [spelled(rng, reference, unit, AT, rate=0.1) for _ in range(12)]
    batch = found(reads, reference)
    ((site, number),) = long_alleles(batch)
    assert (
        edits(*(encode_bases(text.encode()) for text in (batch.alts[site][number][1:], unit))) <= 0.1 * size
    )
    assert batch.allele_depths[site, [0, 1 + number]].tolist() == [12, 12]


def test_two_insertions_of_a_length_at_one_place_are_two_alleles() -> None:
    rng = random.Random(5)
    reference, one, other = bases(rng, LENGTH), bases(rng, 200), bases(rng, 200)
    reads = [spelled(rng, reference, text, AT) for text in (one, other) for _ in range(10)]
    batch = found(reads, reference)
    made = {haplotype(batch, site, number, reference) for site, number in long_alleles(batch)}
    assert made == {reference[:AT] + text + reference[AT:] for text in (one, other)}


def test_one_read_is_none_and_a_read_without_it_keeps_what_else_it_has() -> None:
    rng = random.Random(6)
    reference, unit = bases(rng, LENGTH), bases(rng, 200)
    others = [plain(rng, reference) for _ in range(20)]
    assert not long_alleles(found([*others, spelled(rng, reference, unit, AT)], reference))
    carriers = [spelled(rng, reference, unit, AT) for _ in range(10)]
    two = 2 * next(base for base in NAMES if base != reference[AT - 1])
    small = [
        Read(
            500,
            f"{AT - 500}M2I{LENGTH - AT - 500}M",
            f"{reference[500:AT]}{two}{reference[AT : LENGTH - 500]}",
        )
        for _ in range(8)
    ]
    batch = found([*carriers, *small], reference)
    site = batch.start.tolist().index(AT - 1)
    assert sorted(map(len, batch.alts[site])) == [3, 201]
    assert sorted(batch.allele_depths[site].tolist()) == [0, 8, 10]


def test_reads_that_are_split_at_a_deletion_have_it() -> None:
    rng = random.Random(8)
    reference, size = bases(rng, LENGTH), 600
    before, behind = AT + 1, AT + 1 + size
    whole = [
        Read(900 + i, f"{before - 900 - i}M{size}D{LENGTH - 900 - behind}M",
             reference[900 + i : before] + reference[behind : LENGTH - 900])
        for i in range(3)
    ]  # fmt: skip
    left = [Read(1000 + i, f"{before - 1000 - i}M1500H", reference[1000 + i : before]) for i in range(6)]
    right = [Read(behind, f"2900H{1500 + i}M", reference[behind : behind + 1500 + i]) for i in range(6)]
    batch = found([*whole, *left, *right, *(plain(rng, reference) for _ in range(9))], reference)
    ((site, number),) = long_alleles(batch)
    assert haplotype(batch, site, number, reference) == reference[:before] + reference[behind:]
    assert batch.allele_depths[site, [0, 1 + number]].tolist() == [9, 9]


def test_an_indel_that_no_read_looks_like_is_none() -> None:
    rng = random.Random(9)
    reference, behind = bases(rng, LENGTH), AT + 1100
    # Of a read without 850 bp, and with 600 others a little farther on, an aligner may make one without 250 bp.
    own = reference[:AT] + reference[AT + 850 : behind] + bases(rng, 600) + reference[behind:]
    reads = []
    for number, place in enumerate(rng.sample(range(AT + 40, AT + 160), 8)):
        end = LENGTH - 900
        cigar = f"{place - 500 - number}M250D{end - place - 250}M"
        reads.append(Read(500 + number, cigar, own[500 + number : end - 250]))
        reads += split(reference, Cut(AT, AT + 850), 510 + number, LENGTH - 700, left_is_primary=True)
        reads.append(plain(rng, reference))
    batch = found(reads, reference, Region("c", AT - 800, AT + 1000))
    ((site, number),) = long_alleles(batch)
    assert haplotype(batch, site, number, reference) == Cut(AT, AT + 850).haplotype(reference)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_short_reads_are_found_as_they_are_written(seed: int) -> None:
    rng = random.Random(seed)
    reference = random_sequence(rng, 1200)
    reads = sorted(random_reads(rng, reference, 30), key=lambda read: read.start)
    long = [
        Read(
            start,
            "200M60I200M",
            reference[start : start + 200] + bases(rng, 60) + reference[start + 200 : start + 400],
        )
        for start in (300, 301, 302)
    ]
    everything = sorted([*reads, *long], key=lambda read: read.start)
    batch = find_candidates(
        read_batch(everything), encode_bases(reference.encode()), 0, Region("c", 0, 1200), THRESHOLDS
    )
    assert batch.pooled is None


def test_parts_of_a_batch_keep_which_alleles_are_pooled() -> None:
    rng = random.Random(7)
    reference, unit = bases(rng, LENGTH), bases(rng, 100)
    batch = found([spelled(rng, reference, unit, AT) for _ in range(9)], reference)
    assert batch.pooled is not None
    (site,) = np.flatnonzero(batch.pooled.any(axis=1)).tolist()
    for part in (batch.at(np.array([site])), batch.part(site, site + 1)):
        assert part.pooled is not None
        assert part.pooled.tolist() == batch.pooled[[site]].tolist()
