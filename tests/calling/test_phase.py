"""Phased calls of long reads whose haplotypes are known: VCF, gVCF, records, and the reads with their tags."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pysam
import pytest

import dvplug
from dvplug.calling.journal import Journal
from dvplug.errors import InputError
from dvplug.evaluate import evaluate
from dvplug.line.record import VcfRecord
from dvplug_lab.phases.measured import without_phase
from helpers.killed import Moment, killed_at
from helpers.read_batches import Read, alignment_file

LENGTH, READ = 160_000, 10_000
GAP = (70_000, 95_000)
"""Without heterozygotes: no read lies over it."""
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}


class Person(NamedTuple):
    """Files, and what is true."""

    reference: Path
    reads: Path
    alt_on: dict[int, int]
    """0-based position of each heterozygous SNP, and which haplotype has its alt: 1 or 2."""
    origin: dict[str, int]
    """Haplotype of each read."""


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Person:
    rng = random.Random(11)
    reference = "".join(rng.choices("ACGT", k=LENGTH))
    places = [at for at in range(5000, LENGTH - 5000, 1300) if not GAP[0] < at < GAP[1]]
    alt_on = {at: rng.randint(1, 2) for at in places}
    haplotypes = {1: list(reference), 2: list(reference)}
    for at, which in alt_on.items():
        haplotypes[which][at] = OTHER[reference[at]]
    for at in range(1500, LENGTH, 9_100):  # homozygous
        haplotypes[1][at] = haplotypes[2][at] = OTHER[reference[at]]
    reads, origin = [], {}
    for number in range(28 * LENGTH // READ):
        which, begin = rng.randint(1, 2), rng.randrange(2000 - READ, LENGTH - 2000)
        start = max(0, begin)
        seq = haplotypes[which][start : begin + READ]
        for at in rng.sample(range(len(seq)), 10 * len(seq) // READ):
            seq[at] = rng.choice("ACGT")
        name = f"m84001_1/{number}/ccs"
        quality = ([28, 33, 38, 39] * (READ // 4))[: len(seq)]
        reads.append(Read(start, f"{len(seq)}M", "".join(seq), quality, rng.choice((0, 16)), name=name))
        origin[name] = which
    reads.sort(key=lambda read: read.start)
    path = tmp_path_factory.mktemp("person") / "reads.bam"
    alignment_file(path, reads, {"chr1": reference}).close()
    return Person(path.with_suffix(".fa"), path, alt_on, origin)


def words(person: Person, out: Path, *more: object) -> list[object]:
    files = ["--ref", person.reference, "--reads", person.reads, "--out", out]
    return ["call", "--tech", "pacbio", *files, "--force", *more]


@pytest.fixture(scope="module")
def called(person: Person, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with calls.vcf, calls.g.vcf and tagged.bam."""
    folder = tmp_path_factory.mktemp("called")
    dvplug.call(
        "pacbio", person.reference, person.reads, folder / "calls.vcf", gvcf=folder / "calls.g.vcf",
        haplotagged=folder / "tagged.bam", force=True,
    )  # fmt: skip
    return folder


def phased(vcf: Path) -> dict[int, tuple[tuple[int, ...], int]]:
    """GT and PS of phased calls, by their 0-based start."""
    with pysam.VariantFile(str(vcf)) as file:
        return {
            record.start: (record.samples[0]["GT"], record.samples[0]["PS"])
            for record in file
            if record.samples[0].phased and len(set(record.samples[0]["GT"])) > 1
        }


def reads_of(bam: Path) -> list[str]:
    with pysam.AlignmentFile(str(bam)) as file:
        return [read.to_string() for read in file]


def turns(calls: dict[int, tuple[tuple[int, ...], int]], alt_on: dict[int, int]) -> dict[int, set[bool]]:
    """By block: whether its calls lie as in truth, or all the other way."""
    found = defaultdict(set)
    for start, (gt, block) in calls.items():
        found[block].add((gt == (1, 0)) == (alt_on[start] == 1))
    return found


def test_blocks_are_haplotypes_and_end_where_no_read_lies_over_two_calls(
    person: Person, called: Path
) -> None:
    calls = phased(called / "calls.vcf")
    assert set(calls) == set(person.alt_on)
    found = turns(calls, person.alt_on)
    assert all(len(ways) == 1 for ways in found.values())
    first_after = min(at for at in person.alt_on if at >= GAP[1])
    assert set(found) == {min(person.alt_on) + 1, first_after + 1}
    assert {calls[block - 1][0] for block in found} == {(0, 1)}
    for line in (called / "calls.vcf").read_text().splitlines():
        if not line.startswith("#") and "1/1" in line:
            assert line.split("\t")[8] == "GT:GQ:DP:AD:VAF:PL"
        assert "0/1" not in line


def test_gvcf_and_records_say_the_same(person: Person, called: Path) -> None:
    calls = phased(called / "calls.vcf")
    assert phased(called / "calls.g.vcf") == calls
    records = list(dvplug.call("pacbio", person.reference, person.reads, force=True))
    assert {r.start: (r.gt, r.phase_set) for r in records if r.phased} == calls


def test_workers_and_a_kill_change_no_byte(person: Person, called: Path, tmp_path: Path) -> None:
    wanted = {name: (called / name).read_bytes() for name in ("calls.vcf", "calls.g.vcf")}
    out, more = (
        tmp_path / "calls.vcf",
        ("--gvcf", tmp_path / "calls.g.vcf", "--haplotagged", tmp_path / "tagged.bam"),
    )
    assert killed_at(Moment(Journal, "add", 1, after=True), words(person, out, *more, "--workers", "1"))
    assert not killed_at(Moment(Journal, "add", 99), words(person, out, *more, "--resume", "--workers", "2"))
    assert {name: (tmp_path / name).read_bytes() for name in wanted} == wanted
    with (
        pysam.AlignmentFile(str(tmp_path / "tagged.bam")) as one,
        pysam.AlignmentFile(str(called / "tagged.bam")) as two,
    ):
        assert [r.to_string() for r in one] == [r.to_string() for r in two]


@pytest.mark.parametrize("seed", range(3))
def test_pieces_lie_as_the_whole(person: Person, called: Path, seed: int) -> None:
    whole = phased(called / "calls.vcf")
    rng = random.Random(seed)
    first = rng.randrange(30_000)
    pieces = [(first, first + 21_000), (first + 21_000, first + 80_000), (first + 90_000, first + 120_000)]
    for begin, end in pieces:
        region = f"chr1:{begin + 1}-{end}"
        own = dvplug.call("pacbio", person.reference, person.reads, regions=region, force=True)
        assert_lies_alike(
            [r for r in own if r.phased], {at: one for at, one in whole.items() if begin <= at < end}
        )


def assert_lies_alike(own: list[VcfRecord], whole: dict[int, tuple[tuple[int, ...], int]]) -> None:
    assert [record.start for record in own] == sorted(whole)
    blocks = defaultdict(set)
    for record in own:
        gt, block = whole[record.start]
        blocks[record.phase_set].add((block, gt == record.gt))
        assert record.phase_set is not None
        assert record.phase_set - 1 in whole  # the first of the piece
    assert all(len(found) == 1 for found in blocks.values())


def test_reads_get_their_haplotypes_and_blocks(person: Person, called: Path) -> None:
    calls = phased(called / "calls.vcf")
    found = turns(calls, person.alt_on)
    told = 0
    with (
        pysam.AlignmentFile(str(person.reads)) as before,
        pysam.AlignmentFile(str(called / "tagged.bam")) as after,
    ):
        assert after.has_index()
        assert after.header["PG"][-1]["PN"] == "dvplug"
        for plain, tagged in zip(before, after, strict=True):
            over = [at for at in calls if plain.reference_start <= at < plain.reference_end]
            if tagged.has_tag("HP"):
                told += 1
                (as_in_truth,) = found[tagged.get_tag("PS")]
                assert (tagged.get_tag("HP") == person.origin[plain.query_name]) == as_in_truth
                assert tagged.get_tag("PS") in {calls[at][1] for at in over}
                tagged.set_tag("HP", None)
                tagged.set_tag("PS", None)
            else:
                assert len(over) < 3
            assert tagged.to_string() == plain.to_string()
        assert told > 0.8 * len(person.origin)
        assert next(after.fetch("chr1", 140_000, 140_001)).reference_end > 140_000


def test_tags_of_reads_take_the_place_of_own_phasing(person: Person, called: Path, tmp_path: Path) -> None:
    swapped = tmp_path / "swapped.bam"
    with (
        pysam.AlignmentFile(str(called / "tagged.bam")) as reads,
        pysam.AlignmentFile(str(swapped), "wb", template=reads) as out,
    ):
        for read in reads:
            if read.has_tag("HP"):
                read.set_tag("HP", 3 - read.get_tag("HP"))
                read.set_tag("PS", 7)
            out.write(read)
    pysam.index(str(swapped))
    dvplug.call("pacbio", person.reference, swapped, tmp_path / "own.vcf", use_hp=True, force=True)
    wanted = phased(called / "calls.vcf")
    assert phased(tmp_path / "own.vcf") == {at: (gt[::-1], 7) for at, (gt, _) in wanted.items()}


def test_reads_without_tags_are_told_of(
    person: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, region = tmp_path / "x.vcf", "chr1:20001-30000"
    dvplug.call("pacbio", person.reference, person.reads, out, use_hp=True, regions=region, force=True)
    assert "no read has a haplotype in the tag HP (--use-hp)" in capsys.readouterr().err
    assert not phased(out)


def test_what_contradicts_itself_is_refused(person: Person, tmp_path: Path) -> None:
    other = tmp_path / "other.bam"
    with (
        pysam.AlignmentFile(str(person.reads)) as reads,
        pysam.AlignmentFile(str(other), "wb", template=reads) as written,
    ):
        for read in reads.fetch("chr1", 100_000):
            read.query_name = f"other.{read.query_name}"
            written.write(read)
    pysam.index(str(other))
    out, bam = tmp_path / "x.vcf", tmp_path / "x.bam"
    with pytest.raises(InputError, match="--haplotagged and --use-hp contradict each other"):
        dvplug.call("pacbio", person.reference, person.reads, out, haplotagged=bam, use_hp=True)
    with pytest.raises(
        InputError, match="--haplotagged is of reads that dvplug phases, and those of 'illumina-wgs'"
    ):
        dvplug.call("illumina-wgs", person.reference, person.reads, out, haplotagged=bam, force=True)
    with pytest.raises(InputError, match="--haplotagged writes the reads of one file, and 2 were given"):
        dvplug.call("pacbio", person.reference, [person.reads, other], out, haplotagged=bam, force=True)
    with pytest.raises(
        InputError, match=r"--haplotagged .*reads\.bam and the input .*reads\.bam are one file"
    ):
        dvplug.call("pacbio", person.reference, person.reads, out, haplotagged=person.reads, force=True)
    assert {path.name for path in tmp_path.iterdir()} == {"other.bam", "other.bam.bai"}


def test_phase_does_not_count_where_calls_are_judged(person: Person, called: Path, tmp_path: Path) -> None:
    plain = without_phase(called / "calls.vcf", tmp_path / "plain.vcf")
    confident = tmp_path / "all.bed"
    confident.write_text(f"chr1\t0\t{LENGTH}\n")
    found = evaluate(plain, called / "calls.vcf", confident, person.reference)
    same = evaluate(plain, plain, confident, person.reference)
    assert (found.snp, found.indel) == (same.snp, same.indel)
    assert found.snp.tp_query > len(person.alt_on)
