"""Neighbouring variants, from reads to records: what the records make of the reference is what was drawn."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

import dvplug
from dvplug.line.record import VcfRecord
from helpers.neighbouring_events import (
    BLOCK,
    KINDS,
    Pair,
    applied,
    draw_pair,
    haplotypes,
    reference_of,
    write_sample,
)
from helpers.shared_data import SHARED, needs_shared

PAIRS = 35 * len(KINDS)


class Sample(NamedTuple):
    """A sample with a pair of neighbouring variants in every block but the first and the last."""

    reference: str
    pairs: list[Pair]
    files: tuple[Path, Path]

    def called(self, **options: object) -> list[VcfRecord]:
        """Call it."""
        return list(dvplug.call("illumina-wgs", *self.files, device="cpu", force=True, **options))

    def of_block(self, records: list[VcfRecord], i: int) -> tuple[int, int, list[VcfRecord]]:
        """Where pair ``i`` lies, and the records there."""
        low, high = (i + 1) * BLOCK + 300, (i + 2) * BLOCK - 300
        return low, high, [record for record in records if low <= record.start < high]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    rng = random.Random(7)
    reference = reference_of(PAIRS + 2, rng)
    pairs = [
        draw_pair(KINDS[i % len(KINDS)], reference, (i + 1) * BLOCK + BLOCK // 2, rng) for i in range(PAIRS)
    ]
    files = write_sample(tmp_path_factory.mktemp("neighbours"), reference, pairs, 34, rng)
    return Sample(reference, pairs, files)


@pytest.fixture(scope="module")
def records(sample: Sample) -> list[VcfRecord]:
    return sample.called()


def test_no_record_contradicts_another(sample: Sample, records: list[VcfRecord]) -> None:
    for i in range(PAIRS):
        low, high, here = sample.of_block(records, i)
        assert next(haplotypes(sample.reference, low, high, here), None), (sample.pairs[i], here)


def test_records_are_in_order_and_all_their_alts_are_called(records: list[VcfRecord]) -> None:
    assert [record.start for record in records] == sorted(record.start for record in records)
    assert all({*record.gt} - {0} == set(range(1, 1 + len(record.alts))) for record in records)


def test_records_make_the_haplotypes_that_were_drawn(sample: Sample, records: list[VcfRecord]) -> None:
    right: Counter[str] = Counter()
    for i, pair in enumerate(sample.pairs):
        low, high, here = sample.of_block(records, i)
        drawn = sorted(str(applied(sample.reference, low, high, events)) for events in pair.copies)
        right[pair.kind] += drawn in map(sorted, haplotypes(sample.reference, low, high, here))
    # What is left are mostly a mismatch and an indel of one copy that share a base, and calls of the network's own.
    assert all(right[kind] >= 32 for kind in KINDS), right
    assert right.total() >= 0.97 * PAIRS, right


def test_what_lies_at_a_cut_is_called_as_without_it(sample: Sample, records: list[VcfRecord]) -> None:
    apart = [sorted(events[0].start for events in pair.copies if events) for pair in sample.pairs[:96]]
    cuts = [0, *(starts[1] - 1 for starts in apart if len({*starts}) == 2), 100 * BLOCK]
    regions = [f"c:{first + 1}-{last}" for first, last in pairwise(cuts)]
    parts = sample.called(regions=regions[::2]) + sample.called(
        regions=regions[1::2]
    )  # those that touch are joined
    assert sorted(parts) == [record for record in records if record.start < cuts[-1]]


@needs_shared
def test_two_deletions_of_one_length_are_heterozygous() -> None:
    small = SHARED / "small"
    records = list(
        dvplug.call(
            "illumina-wgs", small / "ovl.fa", small / "overlapping_deletions.bam", device="cpu", force=True
        )
    )
    assert [(r.start, r.ref, r.alts, r.gt) for r in records] == [
        (3000, "ACATACCT", ("A",), (0, 1)),
        (3004, "ACCTAAAC", ("A",), (0, 1)),
    ]
