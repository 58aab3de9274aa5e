"""Decoding, filtering, merging and down-sampling of reads."""

import os
import random
import shutil
import subprocess
from collections import Counter
from contextlib import suppress
from dataclasses import fields
from itertools import groupby
from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.errors import InputError
from dvplug.line.read_batch import LEFT_OUT
from dvplug.line.region import Region
from dvplug.reads.fetch import ReadBatch, fetch_reads
from dvplug.reads.groups import ReadSource
from dvplug.reads.opened import OpenedReads
from dvplug.sequence.codes import encode_read_bases
from dvplug.technology import ReadFilter
from helpers.read_batches import Read, alignment_file, operations, random_reads, random_sequence, read_batch
from helpers.shared_data import SHARED, needs_shared

ALL = ReadFilter(min_mapping_quality=0)
CONTIG = {"c": "ACGTTGCAAC" * 100}
WHOLE = Region("c", 0, 1000)


def assert_equal(one: ReadBatch, other: ReadBatch) -> None:
    for field in fields(ReadBatch):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), field.name)


def names(batch: ReadBatch) -> list[tuple[int, ...]]:
    """What tells the reads of `many_reads` apart: start and fragment length."""
    return list(zip(batch.start.tolist(), batch.fragment_length.tolist(), strict=True))


def many_reads(seed: int, count: int, length: int, span: int = 30) -> list[Read]:
    """Alike reads, as amplicons give them: few starts, one sequence, only names and TLEN differ."""
    rng = random.Random(seed)
    starts = sorted(rng.choice(range(0, length - span, 7)) for _ in range(count))
    return [Read(s, f"{span}M", "A" * span, tlen=i + 1, name=f"read{i}") for i, s in enumerate(starts)]


def plain_matches(cigar: str) -> str:
    """The CIGAR as CRAM keeps it: one M for neighbouring =, X and M."""
    runs = groupby(((n, "M" if op in "=X" else op) for n, op in operations(cigar)), key=lambda run: run[1])
    return "".join(f"{sum(n for n, _ in run)}{op}" for op, run in runs)


@pytest.mark.parametrize("suffix", [".bam", ".cram"])
def test_files_give_the_reads_written_into_them(tmp_path: Path, suffix: str) -> None:
    rng = random.Random(1)
    sequence = random_sequence(rng, 1000)
    reads = random_reads(rng, sequence, 300)
    with alignment_file(tmp_path / f"reads{suffix}", reads, {"c": sequence}) as file:
        batch = fetch_reads([OpenedReads(file)], WHOLE, ALL, haplotypes=True)
    if suffix == ".cram":
        reads = [r._replace(cigar=plain_matches(r.cigar)) for r in reads]
    assert_equal(batch, read_batch(reads))


def test_haplotypes_are_0_unless_asked_for(tmp_path: Path) -> None:
    with alignment_file(tmp_path / "r.bam", [Read(5, "4M", "ACGT", hp=2)], CONTIG) as file:
        assert fetch_reads([OpenedReads(file)], WHOLE, ALL).haplotype.tolist() == [0]
        assert fetch_reads([OpenedReads(file)], WHOLE, ALL, haplotypes=True).haplotype.tolist() == [2]


FLAGS = {
    0x100: "keep_secondary",
    0x200: "keep_qc_fail",
    0x400: "keep_duplicates",
    0x800: "keep_supplementary",
}


@pytest.mark.parametrize(("flag", "option"), FLAGS.items())
def test_each_flag_is_left_out_unless_kept(tmp_path: Path, flag: int, option: str) -> None:
    reads = [
        Read(5, "4M", "ACGT", flag=flag),
        Read(7, "4M", "ACGT", flag=flag | 4),
        Read(9, "4M", "ACGT", flag=16),
    ]
    with alignment_file(tmp_path / "r.bam", reads, CONTIG) as file:
        assert fetch_reads([OpenedReads(file)], WHOLE, ReadFilter()).start.tolist() == [9]
        assert fetch_reads([OpenedReads(file)], WHOLE, ReadFilter(**{option: True})).start.tolist() == [5, 9]
        others = {other: True for other in FLAGS.values() if other != option}
        assert fetch_reads([OpenedReads(file)], WHOLE, ReadFilter(**others)).start.tolist() == [9]


def test_mapping_quality_at_the_limit_is_kept(tmp_path: Path) -> None:
    reads = [Read(i, "4M", "ACGT", mapq=i) for i in range(30)]
    with alignment_file(tmp_path / "r.bam", reads, CONTIG) as file:
        assert (
            fetch_reads([OpenedReads(file)], WHOLE, ReadFilter(min_mapping_quality=20)).mapping_quality.min()
            == 20
        )


def test_missing_qualities_and_sequences(tmp_path: Path) -> None:
    reads = [Read(5, "4M", "ACGT", qual=None), Read(6, "4M", "", qual=None), Read(7, "4M", "ACGT", qual=11)]
    with alignment_file(tmp_path / "r.bam", reads, CONTIG) as file:
        batch = fetch_reads([OpenedReads(file)], WHOLE, ReadFilter(missing_base_quality=17))
    assert batch.start.tolist() == [5, 7]
    assert batch.qual.tolist() == [17] * 4 + [11] * 4
    assert dict(zip(LEFT_OUT, batch.left_out.tolist(), strict=True))["no sequence"] == 1


def test_reads_must_overlap_the_widened_region(tmp_path: Path) -> None:
    reads = [Read(s, "4M", "ACGT") for s in range(80, 130)]
    with alignment_file(tmp_path / "r.bam", reads, CONTIG) as file:
        assert fetch_reads([OpenedReads(file)], Region("c", 100, 110), ALL).start.tolist() == list(
            range(97, 110)
        )
        assert fetch_reads([OpenedReads(file)], Region("c", 100, 110), ALL, margin=5).start.tolist() == list(
            range(92, 115)
        )


def test_no_reads_give_an_empty_batch(tmp_path: Path) -> None:
    with alignment_file(tmp_path / "r.bam", [Read(5, "4M", "ACGT")], CONTIG) as file:
        batch = fetch_reads([OpenedReads(file), OpenedReads(file)], Region("c", 500, 600), ALL)
    assert len(batch) == 0
    assert batch.base_offset.tolist() == batch.cigar_offset.tolist() == [0]


def test_files_are_merged_by_position(tmp_path: Path) -> None:
    reads = random_reads(random.Random(2), CONTIG["c"], 200)
    reads = [r._replace(start=5 * i) for i, r in enumerate(reads) if 5 * i < 900]
    parts = [alignment_file(tmp_path / f"{i}.bam", reads[i::3], CONTIG) for i in range(3)]
    assert_equal(fetch_reads(list(map(OpenedReads, parts)), WHOLE, ALL, haplotypes=True), read_batch(reads))


LIMITED = ReadFilter(sampling_window=100, max_reads_per_window=20, max_read_span=100)


def test_no_window_holds_more_reads_than_the_limit(tmp_path: Path) -> None:
    reads = many_reads(3, 3000, 1000)
    with alignment_file(tmp_path / "r.bam", reads, CONTIG) as file:
        batch = fetch_reads([OpenedReads(file)], WHOLE, LIMITED)
    windows = np.bincount(batch.start // 100)
    assert windows[:9].tolist() == [20] * 9
    assert np.all(np.diff(batch.start) >= 0)


def test_windows_below_the_limit_stay_whole(tmp_path: Path) -> None:
    reads = many_reads(4, 150, 1000)
    crowded = {w for w in range(10) if sum(r.start // 100 == w for r in reads) > 20}
    with alignment_file(tmp_path / "r.bam", reads, CONTIG) as file:
        batch = fetch_reads([OpenedReads(file)], WHOLE, LIMITED)
    expected = [r.tlen for r in reads if r.start // 100 not in crowded]
    assert 0 < len(expected) < len(reads)
    assert [t for s, t in names(batch) if s // 100 not in crowded] == expected


def test_the_sample_does_not_depend_on_the_region(tmp_path: Path) -> None:
    with alignment_file(tmp_path / "r.bam", many_reads(5, 3000, 1000, span=70), CONTIG) as file:
        whole = names(fetch_reads([OpenedReads(file)], WHOLE, LIMITED))
        for start, end, margin in [(0, 1, 0), (333, 334, 0), (150, 260, 30), (0, 555, 7), (899, 1000, 50)]:
            part = fetch_reads([OpenedReads(file)], Region("c", start, end), LIMITED, margin=margin)
            reach = [n for n in whole if n[0] < end + margin and n[0] + 70 > start - margin]
            assert names(part) == reach


def test_the_sample_does_not_depend_on_the_division_into_files(tmp_path: Path) -> None:
    reads = many_reads(6, 3000, 1000)
    with alignment_file(tmp_path / "r.bam", reads, CONTIG) as file:
        whole = names(fetch_reads([OpenedReads(file)], WHOLE, LIMITED))
    parts = [alignment_file(tmp_path / f"{i}.bam", reads[i::2], CONTIG) for i in range(2)]
    assert sorted(names(fetch_reads(list(map(OpenedReads, parts)), WHOLE, LIMITED))) == sorted(whole)
    assert sorted(names(fetch_reads(list(map(OpenedReads, parts[::-1])), WHOLE, LIMITED))) == sorted(whole)


def test_sampling_keeps_the_fraction_of_an_allele_among_alike_reads(tmp_path: Path) -> None:
    reads = [Read(10, "4M", "ACGT" if i % 2 else "AGGT", name=f"x{i * 7919 % 100_003}") for i in range(2000)]
    limited = ReadFilter(max_reads_per_window=400)
    with alignment_file(tmp_path / "r.bam", reads, CONTIG) as file:
        batch = fetch_reads([OpenedReads(file)], WHOLE, limited)
    assert 120 < np.count_nonzero(batch.seq[1::4] == 1) < 280


def test_a_file_that_breaks_off_is_an_input_error(tmp_path: Path) -> None:
    rng = random.Random(7)
    sequence = random_sequence(rng, 20_000)
    path = tmp_path / "r.bam"
    file = alignment_file(path, random_reads(rng, sequence, 3000), {"c": sequence})
    os.truncate(path, path.stat().st_size * 2 // 3)
    with pytest.raises(InputError, match=r"cannot read .*r\.bam at c:1-20000"):
        fetch_reads([OpenedReads(file)], Region("c", 0, 20_000), ALL)
    with suppress(OSError):  # pysam may notice only now
        file.close()


@needs_shared
@pytest.mark.skipif(shutil.which("samtools") is None, reason="samtools is absent")
@pytest.mark.parametrize(
    ("read_filter", "excluded"),
    [(ReadFilter(), 0xF04), (ReadFilter(min_mapping_quality=30, keep_duplicates=True), 0xB04)],
)
def test_filters_agree_with_samtools(read_filter: ReadFilter, excluded: int) -> None:
    path = SHARED / "illumina/HG002_b37.chr20_slices.2x150.60-96x.bam"
    region = Region("20", 18_790_000, 18_795_000)
    options = ["-F", str(excluded), "-q", str(read_filter.min_mapping_quality)]
    counted = subprocess.run(
        ["samtools", "view", "-c", *options, path, str(region)], check=True, capture_output=True, text=True
    )
    with pysam.AlignmentFile(str(path)) as file:
        ends = fetch_reads([OpenedReads(file)], region, read_filter).end
    assert np.count_nonzero(ends > region.start) == int(counted.stdout) > 1000


LONG = "1M1I" * 33_000  # more operations than a BAM record's field can hold: they go into the tag CG


def long_reads() -> list[Read]:
    rng = random.Random(11)
    sequence = random_sequence(rng, 66_000)
    rest = [Read(start, LONG, sequence, flag=16 * (start % 2), name=f"r{start}") for start in (7, 8, 90)]
    return [Read(5, "4M", "ACGT", name="r5"), *rest]


@pytest.mark.parametrize("suffix", [".bam", ".cram"])
@pytest.mark.parametrize("haplotypes", [False, True])
@pytest.mark.parametrize("span", [100, 100_000])
def test_cigars_in_the_tag_cg_are_read_whatever_the_profile_says(
    tmp_path: Path, suffix: str, haplotypes: bool, span: int
) -> None:
    reads = long_reads()
    contig = random_sequence(random.Random(12), 40_000)
    with alignment_file(tmp_path / f"reads{suffix}", reads, {"c": contig}) as file:
        batch = fetch_reads(
            [OpenedReads(file)], Region("c", 0, 40_000), ReadFilter(max_read_span=span), haplotypes=haplotypes
        )
    assert_equal(batch, read_batch(reads))


def test_reads_left_out_are_counted_where_their_cigar_in_the_tag_cg_lies(tmp_path: Path) -> None:
    reads = [read._replace(flag=0x400) for read in long_reads()]
    with alignment_file(tmp_path / "reads.bam", reads, {"c": "A" * 40_000}) as file:
        for end in (33_005, 33_010, 33_200):
            counted = Region("c", end, end + 10)
            batch = fetch_reads([OpenedReads(file)], WHOLE, ReadFilter(), counted=counted)
            overlapping = sum(read.end > end for read in reads)
            assert dict(zip(LEFT_OUT, batch.left_out.tolist(), strict=True))["duplicate"] == overlapping


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "CG:Z:4M",
        "CG:B:I,64",
        "CG:B:I,32,32",
        "CG:B:i,32,32",
        "CG:B:S,32,32",
        "XX:Z:a\tCG:B:I,16,33,16\tXY:i:3",
    ],
)
@pytest.mark.parametrize("cigar", ["4S9N", "4S", "4S2M", "3S1M"])
def test_the_placeholder_of_the_tag_cg_is_what_htslib_takes_for_one(
    tmp_path: Path, cigar: str, tag: str
) -> None:
    """Both ways through the decoder agree, or refuse the read."""
    seq = "ACGTAC"[: sum(length for length, op in operations(cigar) if op in "MS")]
    head = "@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:c\tLN:1000\n"
    first = "r\t0\tc\t5\t60\t4M\t*\t0\t0\tACGT\tIIII\n"
    line = f"s\t0\tc\t9\t60\t{cigar}\t*\t0\t0\t{seq}\t{'I' * len(seq)}\t{tag}".rstrip("\t")
    (tmp_path / "r.sam").write_text(f"{head}{first}{line}\n")
    path = str(tmp_path / "r.bam")
    pysam.view("-b", "-o", path, str(tmp_path / "r.sam"), catch_stdout=False)
    pysam.index(path)
    results: list[ReadBatch | str] = []
    for haplotypes in (False, True):
        with pysam.AlignmentFile(path) as file:
            try:
                results.append(fetch_reads([OpenedReads(file)], WHOLE, ReadFilter(), haplotypes=haplotypes))
            except InputError as error:
                results.append(str(error))
    if isinstance(results[0], str) or isinstance(results[1], str):
        assert results[0] == results[1]
    else:
        assert len(results[0]) == 2
        assert_equal(results[0], results[1])


def test_haplotypes_that_are_no_small_numbers_count_as_none(tmp_path: Path) -> None:
    lines = ["@HD\tVN:1.6\tSO:coordinate", "@SQ\tSN:c\tLN:1000"]
    for tag in ("HP:i:2", "HP:i:300", "HP:i:-1", "HP:Z:one", "HP:f:1.5", "HP:i:255"):
        lines.append(f"r{tag}\t0\tc\t5\t60\t4M\t*\t0\t0\tACGT\tIIII\t{tag}")
    (tmp_path / "r.sam").write_text("\n".join(lines) + "\n")
    path = str(tmp_path / "r.bam")
    pysam.view("-b", "-o", path, str(tmp_path / "r.sam"), catch_stdout=False)
    pysam.index(path)
    with pysam.AlignmentFile(path) as file:
        batch = fetch_reads([OpenedReads(file)], WHOLE, ReadFilter(), haplotypes=True)
    assert batch.haplotype.tolist() == [2, 0, 0, 0, 0, 255]


@needs_shared
def test_long_read_profiles_see_the_same_variants_in_the_tag_cg() -> None:
    source, reference = SHARED / "small" / "cg_tag_ont.bam", SHARED / "small" / "cg.fa"
    for span in (1_000, 25_000, 80_000):
        opened = OpenedReads.open(ReadSource(source), reference)
        batch = fetch_reads([opened], Region("c", 22_000, 60_000), ReadFilter(max_read_span=span))
        opened.close()
        assert len(batch) == 24
        with pysam.FastaFile(str(reference)) as fasta:
            codes = encode_read_bases(fasta.fetch("c").encode())
        differing: Counter[int] = Counter()
        for i in range(len(batch)):
            bases = 59_000 - int(batch.start[i])  # each read begins with a match that is longer
            assert batch.cigar[batch.cigar_offset[i]] & 15 == 0
            seq = batch.seq[batch.base_offset[i] :][:bases]
            places = np.flatnonzero(seq != codes[batch.start[i] :][:bases]) + batch.start[i] + 1
            differing.update(places.tolist())
        assert {place: count for place, count in differing.items() if count > 2} == CG_VARIANTS


# Position and number of reads, as `samtools mpileup` shows them.
CG_VARIANTS = {22980: 24, 26028: 12, 30767: 12, 35218: 12, 38606: 12, 42609: 12, 46899: 24}


@pytest.mark.parametrize(
    ("place", "value"),
    [(8, 900_000), (8, 990), (8, -1_660_939_698), (8, -2), (4, 1), (4, -1), (24, 2), (24, -2)],
)
def test_a_read_that_lies_elsewhere_by_damage_hides_none_behind_it(
    tmp_path: Path, place: int, value: int
) -> None:
    """Its position or contig says that all wanted reads have passed; those behind it say otherwise."""
    reads = [Read(start, "30M", "A" * 30) for start in range(0, 900, 3)]
    path = tmp_path / "r.bam"
    alignment_file(path, reads, CONTIG | {"d": "A" * 100}).close()
    with pysam.BGZFile(str(path)) as file:
        data = bytearray(file.read())
    for damaged in (False, True):  # both are stored uncompressed, so that the index of one leads in the other
        if damaged:
            at = data.index(b"c\0") + 2 + 4 + 4 + 2 + 4  # behind the contigs c and d
            for _ in range(100):
                at += 4 + int.from_bytes(data[at : at + 4], "little")
            data[at + place : at + place + 4] = value.to_bytes(4, "little", signed=True)
        with pysam.BGZFile(str(path), "wb0") as file:
            file.write(bytes(data))
        if not damaged:
            pysam.index(str(path))
    with (
        pysam.AlignmentFile(str(path)) as opened,
        pytest.raises(
            InputError, match=r"at c:1-1000: (a record is damaged|the read at 304 .* out of order)"
        ),
    ):
        fetch_reads([OpenedReads(opened)], Region("c", 0, 600), ALL)
