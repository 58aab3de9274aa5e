"""What is read of a file does not grow with the number of regions: contigs one behind the other, very long reads."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from dvplug.line.read_batch import ReadBatch
from dvplug.line.region import Region
from dvplug.reads import decode, long_reads, read_builder
from dvplug.reads.bam_records import Found, Unpacked
from dvplug.reads.fetch import fetch_reads
from dvplug.reads.opened import OpenedReads
from dvplug.sequence.arrays import UInt8s
from dvplug.technology import ReadFilter
from helpers.read_batches import Read, alignment_file, random_sequence

CONTIGS = {f"c{i}": 1000 for i in range(12)}
WITHOUT_READS = {"c0", "c4", "c5", "c11"}
FILTER = ReadFilter(min_mapping_quality=5)
LONG_SPAN = 300_000


def assert_equal(one: ReadBatch, other: ReadBatch) -> None:
    for field in fields(ReadBatch):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), field.name)


def alone(path: Path, region: Region, **options: bool) -> ReadBatch:
    """The reads of one region from a file that was opened for it."""
    with pysam.AlignmentFile(str(path), reference_filename=str(path.with_suffix(".fa"))) as file:
        return fetch_reads([OpenedReads(file)], region, FILTER, margin=700, **options)


class CountedFetches:
    """An alignment file that counts how often its index is asked."""

    def __init__(self, file: pysam.AlignmentFile) -> None:
        self.file, self.count = file, 0

    def fetch(self, *where: object) -> Iterator[pysam.AlignedSegment]:
        self.count += 1
        return self.file.fetch(*where)

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)


@pytest.fixture(params=[8, 600], ids=["few reads", "more than a chunk"])
def contigs(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A BAM file of small contigs, some without reads, and of reads without a place."""
    rng = random.Random(request.param)
    lines = ["@HD\tVN:1.6\tSO:coordinate", *(f"@SQ\tSN:{name}\tLN:{n}" for name, n in CONTIGS.items())]
    for contig in sorted(CONTIGS.keys() - WITHOUT_READS, key=list(CONTIGS).index):
        for k, start in enumerate(sorted(rng.randrange(1, 900) for _ in range(request.param))):
            seq, mapq = "".join(rng.choices("ACGT", k=100)), rng.choice([0, 60])
            lines.append(f"{contig}_{k}\t0\t{contig}\t{start}\t{mapq}\t100M\t*\t0\t0\t{seq}\t{'I' * 100}")
    lines += [f"u{k}\t4\t*\t0\t0\t*\t*\t0\t0\tACGT\tIIII" for k in range(3)]
    (tmp_path / "r.sam").write_text("\n".join(lines) + "\n")
    path = tmp_path / "r.bam"
    pysam.view("-b", "-o", str(path), str(tmp_path / "r.sam"), catch_stdout=False)
    pysam.index(str(path))
    return path


ORDERS = {
    "all": (list(CONTIGS), 2),  # c0, before which nothing was read, and c1
    "some": (["c1", "c2", "c6", "c7", "c10", "c11"], 3),  # c6 and c10 do not follow
    "backwards": (["c3", "c2", "c1"], 3),
    "again": (["c2", "c2", "c3"], 1),
}


@pytest.mark.parametrize("order", ORDERS)
def test_contigs_that_follow_each_other_are_read_without_the_index(contigs: Path, order: str) -> None:
    names, asked = ORDERS[order]
    with pysam.AlignmentFile(str(contigs)) as file:
        counted = CountedFetches(file)
        opened = OpenedReads(counted)  # type: ignore[arg-type]
        for name in names:
            region = Region(name, 0, 1000)
            batch = fetch_reads([opened], region, FILTER, margin=700)
            assert_equal(batch, alone(contigs, region))
            assert not len(batch) or name not in WITHOUT_READS
        assert counted.count == asked


def test_a_part_of_a_contig_does_not_lead_to_the_next(contigs: Path) -> None:
    """Its other reads have not gone by."""
    with pysam.AlignmentFile(str(contigs)) as file:
        opened = OpenedReads(file)
        for region in (Region("c1", 0, 10), Region("c2", 0, 1000), Region("c3", 500, 600)):
            batch = fetch_reads([opened], region, ReadFilter(max_read_span=1, sampling_window=100))
            assert batch.start.tolist() == [
                start for start in alone(contigs, region).start.tolist()
                if start < region.end and start + 100 > region.start
            ]  # fmt: skip


def long_reads_among_others(seed: int) -> list[Read]:
    """Three reads over nearly all of the contig, which err, and some hundred short ones."""
    rng = random.Random(seed)
    reads = []
    for number in range(3):
        cigar, bases = [], 0
        for _ in range(3000):
            matched = rng.randrange(60, 140)
            cigar += [f"{matched}M", rng.choice(["1I", "1D", "2I"])]
            bases += matched + (int(cigar[-1][0]) if cigar[-1][1] == "I" else 0)
        cigar[-1] = "1M"
        bases = sum(int(one[:-1]) for one in cigar if one[-1] in "MI")
        reads.append(
            Read(100 * number, "".join(cigar), "".join(rng.choices("ACGT", k=bases)), name=f"long{number}")
        )
    starts = sorted(rng.randrange(300, LONG_SPAN - 2000) for _ in range(300))
    reads += [Read(s, "1000M", "".join(rng.choices("ACGT", k=1000)), name=f"s{s}") for s in starts]
    return sorted(reads, key=lambda read: read.start)


@pytest.fixture(scope="module", params=[".bam", ".cram"])
def long_file(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> tuple[Path, list[Read]]:
    path = tmp_path_factory.mktemp("long") / f"r{request.param}"
    reads = long_reads_among_others(5)
    contig = random_sequence(random.Random(6), LONG_SPAN + 50_000)
    alignment_file(path, reads, {"c": contig}).close()
    return path, reads


def parts(size: int) -> Sequence[Region]:
    return [Region("c", start, start + size) for start in range(0, LONG_SPAN, size)]


@pytest.mark.parametrize("haplotypes", [False, True])
def test_very_long_reads_are_decoded_once(
    long_file: tuple[Path, list[Read]], haplotypes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, reads = long_file
    expected = [alone(path, region, haplotypes=haplotypes) for region in parts(20_000)]
    decoded: list[int] = []
    unpack, batch_of_records = read_builder.unpack_records, decode._batch_of_records

    def unpacking(data: UInt8s, found: Found, missing: int, out: Unpacked, n: int) -> None:
        unpack(data, found, missing, out, n)
        decoded.extend(np.diff(out.base_offset[n : n + len(found.records) + 1]).tolist())

    def of_records(*given: Any) -> ReadBatch:
        batch = batch_of_records(*given)
        decoded.extend(np.diff(batch.base_offset).tolist())
        return batch

    monkeypatch.setattr(read_builder, "unpack_records", unpacking)
    monkeypatch.setattr(decode, "_batch_of_records", of_records)
    with pysam.AlignmentFile(str(path), reference_filename=str(path.with_suffix(".fa"))) as file:
        opened = OpenedReads(file)
        for region, batch in zip(parts(20_000), expected, strict=True):
            found = fetch_reads([opened], region, FILTER, margin=700, haplotypes=haplotypes)
            assert_equal(found, batch)
            assert sum(np.diff(found.base_offset) > long_reads.LONG) == 3
    # The first one of a region comes from pysam, the others from the kernel: it may come from either once.
    assert 3 <= sum(bases > long_reads.LONG for bases in decoded) <= 4
    # Of short ones a margin is decoded for two regions; not all of those that begin within the long ones.
    assert sum(bases == 1000 for bases in decoded) < 1.5 * len(reads)


def test_no_more_is_kept_of_long_reads_than_there_is_room_for(
    long_file: tuple[Path, list[Read]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = long_file
    monkeypatch.setattr(long_reads, "MOST_KEPT", 1_000_000)  # one of them
    with pysam.AlignmentFile(str(path), reference_filename=str(path.with_suffix(".fa"))) as file:
        opened = OpenedReads(file)
        for region in [*parts(100_000), Region("c", LONG_SPAN + 40_000, LONG_SPAN + 40_100), *parts(100_000)]:
            assert_equal(fetch_reads([opened], region, FILTER, margin=700), alone(path, region))
            assert opened.long_reads.size <= 1_000_000


def test_reads_that_were_kept_are_not_used_for_another_question(long_file: tuple[Path, list[Read]]) -> None:
    path, _ = long_file
    region = Region("c", 150_000, 160_000)
    with pysam.AlignmentFile(str(path), reference_filename=str(path.with_suffix(".fa"))) as file:
        opened = OpenedReads(file)
        assert len(fetch_reads([opened], region, FILTER)) > 3
        assert len(fetch_reads([opened], region, ReadFilter(min_mapping_quality=61))) == 0
        assert len(fetch_reads([opened], region, FILTER)) > 3
