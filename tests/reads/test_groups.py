"""Reads picked by their read group, and those that are left out by what they failed at: kernel, pysam and samtools."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.errors import InputError
from dvplug.line.read_batch import LEFT_OUT
from dvplug.line.region import Region
from dvplug.reads.fetch import fetch_reads
from dvplug.reads.groups import EVERYTHING, ReadGroups
from dvplug.reads.opened import OpenedReads
from dvplug.technology import ReadFilter
from helpers.shared_data import SHARED, needs_shared

IDS = ["a", "ab", "b", "", "c d", None]
LENGTH = 3000


TAGS = [
    "XA:Z:RGZa", "XB:B:i,82,71,90,97", "XC:B:f,0.5,1.5", "XD:A:R", "XE:i:-5", "XF:f:1.5", "XG:i:71", "XH:i:300",
    "XI:B:c", "XJ:H:52475A", "XK:i:70000", "XL:B:S,21074", "XM:Z:",
]  # fmt: skip
"""Of every type; some have values that look like a read group."""


def write(path: Path, seed: int, count: int = 400) -> Path:
    """Reads of all groups and flags, in order of start."""
    rng = random.Random(seed)
    lines = ["@HD\tVN:1.6\tSO:coordinate", f"@SQ\tSN:c\tLN:{LENGTH}"]
    for i, start in enumerate(sorted(rng.randrange(LENGTH - 60) for _ in range(count))):
        flag = rng.choice([0, 0, 0, 16, 0x4, 0x100, 0x200, 0x400, 0x800, 0xC00, 0x504])
        cigar = rng.choice(["30M", "10M9D20M", "5S25M"])
        bases = "A" * 30 if rng.randrange(9) else "*"
        tags = rng.sample(TAGS, rng.randrange(len(TAGS)))
        if (group := rng.choice(IDS)) is not None:
            tags.insert(rng.randrange(len(tags) + 1), f"RG:Z:{group}")
        words = [
            f"r{i}",
            flag,
            "c",
            start + 1,
            rng.choice([0, 4, 5, 60]),
            cigar,
            "*",
            0,
            0,
            bases,
            "*",
            *tags,
        ]
        lines.append("\t".join(map(str, words)))
    text = path.with_suffix(".sam")
    text.write_text("\n".join(lines) + "\n")
    pysam.view("-b", "-o", str(path), str(text), catch_stdout=False)
    pysam.index(str(path))
    return path


GROUPS = [
    EVERYTHING,
    ReadGroups(("a",), wanted=True),
    ReadGroups(("c d", "", "b"), wanted=True),
    ReadGroups(("ab",)),
    ReadGroups(("a", "ab", "b", "", "c d")),
    ReadGroups((), wanted=True),
]


def expected(path: Path, groups: ReadGroups, region: Region) -> tuple[list[int], Counter[str]]:
    """Starts of the reads that pass, and what the others failed at, in plain Python from the records."""
    starts, left_out = [], Counter[str]()
    flags = {
        0x4: "unmapped",
        0x100: "secondary",
        0x800: "supplementary",
        0x200: "QC fail",
        0x400: "duplicate",
    }
    with pysam.AlignmentFile(str(path)) as file:
        for read in file:
            group = dict(read.get_tags()).get("RG")
            end = read.reference_end or read.reference_start + 1
            if read.reference_start >= region.end or end <= region.start:
                continue
            if (group in groups.ids) != groups.wanted:
                left_out["other sample"] += 1
            elif found := [name for flag, name in flags.items() if read.flag & flag]:
                left_out[found[0]] += 1
            elif read.mapping_quality < 5:
                left_out["mapping quality"] += 1
            elif read.query_sequence is None:
                left_out["no sequence"] += 1
            else:
                starts.append(read.reference_start)
    return starts, left_out


@pytest.mark.parametrize("haplotypes", [False, True], ids=["kernel", "pysam"])
@pytest.mark.parametrize("groups", GROUPS, ids=str)
def test_reads_are_picked_and_counted(tmp_path: Path, groups: ReadGroups, haplotypes: bool) -> None:
    path, region = write(tmp_path / "r.bam", 5), Region("c", 500, 2500)
    with pysam.AlignmentFile(str(path)) as file:
        batch = fetch_reads([OpenedReads(file, groups)], region, ReadFilter(), haplotypes=haplotypes)
    starts, left_out = expected(path, groups, region)
    assert batch.start[(batch.start < region.end) & (batch.end > region.start)].tolist() == starts
    assert Counter(dict(zip(LEFT_OUT, batch.left_out.tolist(), strict=True))) == left_out


def test_neighbouring_regions_count_each_read_where_it_lies(tmp_path: Path) -> None:
    """However wide they are fetched; only a read over the border counts on both sides."""
    path = write(tmp_path / "r.bam", 6)
    parts = [Region("c", start, start + 500) for start in range(0, LENGTH, 500)]
    with pysam.AlignmentFile(str(path)) as file:
        reads = [OpenedReads(file)]
        for part in parts:
            batch = fetch_reads(reads, Region("c", 0, LENGTH), ReadFilter(), margin=100, counted=part)
            _, left_out = expected(path, EVERYTHING, part)
            assert Counter(dict(zip(LEFT_OUT, batch.left_out.tolist(), strict=True))) == left_out


def test_sampled_reads_are_counted_once(tmp_path: Path) -> None:
    path, limited = write(tmp_path / "r.bam", 7), ReadFilter(max_reads_per_window=8, sampling_window=300)
    other = write(tmp_path / "other.bam", 8)
    with pysam.AlignmentFile(str(path)) as one, pysam.AlignmentFile(str(other)) as two:
        files = [OpenedReads(one), OpenedReads(two)]
        every = fetch_reads(files, Region("c", 0, LENGTH), ReadFilter())
        batch = fetch_reads(files, Region("c", 0, LENGTH), limited)
    assert batch.left_out[LEFT_OUT.index("sampling")] == len(every) - len(batch) > 0


def test_tags_that_break_off_are_an_error_where_they_matter(tmp_path: Path) -> None:
    """A text without its end, in the last tag of a record."""
    path = write(tmp_path / "r.bam", 9, count=20)
    data = bytearray(pysam.BGZFile(str(path)).read())
    broken = tmp_path / "broken.bam"
    at = data.rindex(b"XAZRGZa\0")
    data[at + 2] = ord("B")  # an array of 'R' elements that goes on beyond the record
    data[at + 3 : at + 8] = b"i\xff\xff\xff\x7f"
    with pysam.BGZFile(str(broken), "wb") as out:
        out.write(bytes(data))
    pysam.index(str(broken))
    with (
        pysam.AlignmentFile(str(broken)) as file,
        pytest.raises(InputError, match=r"cannot read .*broken\.bam .*damaged or cut short"),
    ):
        fetch_reads(
            [OpenedReads(file, ReadGroups(("a",), wanted=True))], Region("c", 0, LENGTH), ReadFilter()
        )


@needs_shared
def test_filters_count_as_samtools_does() -> None:
    bam, region = (
        SHARED / "illumina/HG002_b37.chr20_slices.2x150.60-96x.bam",
        Region("20", 20_150_000, 20_200_000),
    )
    with pysam.AlignmentFile(str(bam)) as file:
        batch = fetch_reads([OpenedReads(file)], region, ReadFilter())
    found = dict(zip(LEFT_OUT, batch.left_out.tolist(), strict=True))

    def count(*words: str) -> int:
        return int(pysam.view("-c", *words, str(bam), f"20:{region.start + 1}-{region.end}"))

    used = int(((batch.start < region.end) & (batch.end > region.start)).sum())
    assert used == count("-F", "0xF04", "-q", "5")
    assert found["unmapped"] == count("-f", "0x4")
    assert found["duplicate"] == count("-f", "0x400", "-F", "0xB04")
    assert found["mapping quality"] == count("-F", "0xF04") - used
    assert used + sum(found.values()) == count()
    assert np.count_nonzero(batch.left_out) > 1
