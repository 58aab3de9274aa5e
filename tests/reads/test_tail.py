"""Reads that lie over two regions are decoded once: what is kept of one region for the next."""

import random
from collections.abc import Sequence
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.line.read_batch import ReadBatch
from dvplug.line.region import Region
from dvplug.reads import fetch, read_builder
from dvplug.reads.bam_records import Found, Unpacked
from dvplug.reads.fetch import fetch_reads
from dvplug.reads.opened import OpenedReads
from dvplug.sequence.arrays import UInt8s
from dvplug.technology import ReadFilter
from helpers.read_batches import Read, alignment_file, random_sequence
from helpers.read_batches import random_reads as reads_of_all_kinds

LENGTH = 20_000
FILTER = ReadFilter(max_read_span=700, sampling_window=100)
FLAGS = [0] * 8 + [0x400, 0x100, 0x200, 0x4]


def assert_equal(one: ReadBatch, other: ReadBatch) -> None:
    for field in fields(ReadBatch):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), field.name)


@pytest.fixture(scope="module", params=[400, 4000], ids=["few reads", "more than a chunk"])
def path(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Reads of up to 600 bp, of which some are left out for their flag or their mapping quality."""
    rng = random.Random(request.param)
    sequence = random_sequence(rng, LENGTH)
    found = tmp_path_factory.mktemp("tail") / "r.bam"
    reads = [
        read._replace(flag=read.flag | rng.choice(FLAGS), mapq=rng.choice([0, 20, 60]))
        for read in reads_of_all_kinds(rng, sequence, request.param, span=600)
    ]
    alignment_file(found, reads, {"c": sequence, "d": sequence}).close()
    return found


def alone(path: Path, region: Region, counted: Region | None, read_filter: ReadFilter = FILTER) -> ReadBatch:
    """The reads of one region from a file that was opened for it."""
    with pysam.AlignmentFile(str(path)) as file:
        return fetch_reads([OpenedReads(file)], region, read_filter, margin=50, counted=counted)


def between(*cuts: int) -> list[Region]:
    return [Region("c", start, end) for start, end in pairwise(cuts)]


def in_cells(size: int, cell: int, beside: int) -> list[tuple[Region, Region]]:
    """Regions, each with the whole cell that it lies in and something beside that, as reads that are phased."""
    return [
        (
            Region("c", max(0, one.start // cell * cell - beside), one.start // cell * cell + cell + beside),
            one,
        )
        for one in between(*range(0, LENGTH + 1, size))
    ]


ORDERS: dict[str, Sequence[tuple[Region, Region | None]]] = {
    "one after the other": [(one, None) for one in between(*range(0, LENGTH + 1, 2000))],
    "of one bp": [(one, None) for one in between(*range(5000, 5020))],
    "of all sizes": [(one, None) for one in between(0, 10, 3000, 3001, 3400, 9000, 9100, 20_000)],
    "backwards": [(one, None) for one in between(*range(0, LENGTH + 1, 2000))[::-1]],
    "again": [(one, None) for one in between(0, 5000, 10_000) for _ in range(3)],
    "with gaps": [(Region("c", start, start + 300), None) for start in range(0, LENGTH, 1300)],
    "each in the one before": [(Region("c", 100 * k, LENGTH - 100 * k), None) for k in range(90)],
    "other contigs": [(Region(name, 0, 3000), None) for name in "cdcdd"],
    "in cells": in_cells(1250, 5000, 900),
    "in cells, all of each": in_cells(4000, 4000, 2000),
}


@pytest.mark.parametrize("most", [0, 3000, fetch.MOST_COPIED])
@pytest.mark.parametrize("order", ORDERS)
def test_regions_have_the_reads_that_they_have_alone(
    path: Path, order: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With those left out, whatever came before; where a little of them is copied, all, or nothing."""
    monkeypatch.setattr(fetch, "MOST_COPIED", most)
    with pysam.AlignmentFile(str(path)) as file:
        opened = OpenedReads(file)
        for region, counted in ORDERS[order]:
            batch = fetch_reads([opened], region, FILTER, margin=50, counted=counted)
            assert_equal(batch, alone(path, region, counted))


def test_reads_that_were_sampled_are_sampled_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crowded = FILTER.model_copy(update={"max_reads_per_window": 2})
    with pysam.AlignmentFile(str(path)) as file:
        opened = OpenedReads(file)
        for region, _ in ORDERS["one after the other"]:
            batch = fetch_reads([opened], region, crowded, margin=50)
            assert_equal(batch, alone(path, region, None, crowded))


def test_another_question_has_another_answer(path: Path) -> None:
    other = FILTER.model_copy(update={"keep_duplicates": True, "min_mapping_quality": 50})
    with pysam.AlignmentFile(str(path)) as file:
        opened = OpenedReads(file)
        for k, (region, _) in enumerate(ORDERS["one after the other"]):
            asked = (FILTER, other)[k % 2]
            assert_equal(fetch_reads([opened], region, asked, margin=50), alone(path, region, None, asked))


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records are unpacked, call by call."""
    counts: list[int] = []
    plain = read_builder.unpack_records

    def counting(data: UInt8s, found: Found, missing: int, out: Unpacked, n: int) -> None:
        counts.append(len(found.records))
        plain(data, found, missing, out, n)

    monkeypatch.setattr(read_builder, "unpack_records", counting)
    return counts


@pytest.mark.parametrize("order", ["one after the other", "in cells", "in cells, all of each"])
def test_reads_are_decoded_once(path: Path, order: str, unpacked: list[int]) -> None:
    whole = len(alone(path, Region("c", 0, LENGTH), None))
    unpacked.clear()
    with pysam.AlignmentFile(str(path)) as file:
        opened = OpenedReads(file)
        for region, counted in ORDERS[order]:
            fetch_reads([opened], region, FILTER, margin=50, counted=counted)
    assert whole - 1 <= sum(unpacked) <= whole  # the first one is pysam's


def test_of_several_files_little_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch is copied where they are merged: it does not stay in memory for nothing."""
    monkeypatch.setattr(fetch, "MOST_COPIED", 4000)
    reads = [Read(start, "100M", "A" * 100, name=f"r{start}") for start in range(0, LENGTH - 100, 10)]
    files = [
        OpenedReads(alignment_file(tmp_path / f"{k}.bam", reads[k::2], {"c": "A" * LENGTH})) for k in range(2)
    ]
    fetch_reads(files, Region("c", 0, 5000), FILTER, margin=50)
    assert all(file.tail is None for file in files)  # 2 kB are half of what reaches into the next region
    fetch_reads(files, Region("c", 0, 5000), FILTER.model_copy(update={"max_read_span": 1}))
    assert all(file.tail and 0 < 2 * len(file.tail.batch.seq) <= 2000 for file in files)
    for file in files:
        file.close()
