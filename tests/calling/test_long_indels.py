"""Long indels of noisy long reads, called: VCF and gVCF, whatever the pieces."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

import pysam
import pytest

import dvplug
from helpers.read_batches import Read, alignment_file
from helpers.split_reads import Cut, split

LENGTH, READ = 40_000, 9000
INSERTED, DELETED = 15_000, 25_000


class Person(NamedTuple):
    reference: Path
    reads: Path
    novel: str


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """A contig with a heterozygous insertion of 400 bp and a homozygous deletion of 300 bp, and its reads."""
    rng = random.Random(11)
    reference = "".join(rng.choices("ACGT", k=LENGTH))
    novel = "".join(rng.choices("ACGT", k=399)) + next(b for b in "ACGT" if b != reference[INSERTED])
    reads = []
    for number in range(28 * LENGTH // READ):
        begin = rng.randrange(0, LENGTH - READ)
        end = begin + READ
        pieces, cigar, at = [], "", begin
        if number % 2 and begin + 500 < INSERTED < end - 500:
            spelled = "".join(rng.choice("ACGT") if rng.random() < 0.03 else base for base in novel)
            pieces += [reference[at : INSERTED + 1], spelled]
            cigar += f"{INSERTED + 1 - at}M{len(spelled)}I"
            at = INSERTED + 1
        if begin + 500 < DELETED < end - 800:
            pieces.append(reference[at : DELETED + 1])
            cigar += f"{DELETED + 1 - at}M300D"
            at = DELETED + 301
        pieces.append(reference[at:end])
        cigar += f"{end - at}M"
        seq = list("".join(pieces))
        for place in rng.sample(range(len(seq)), 15):
            seq[place] = rng.choice("ACGT")
        quality = ([28, 33, 38, 39] * (len(seq) // 4 + 1))[: len(seq)]
        name = f"m84001_1/{number}/ccs"
        reads.append(Read(begin, cigar, "".join(seq), quality, rng.choice((0, 16)), name=name))
    reads.sort(key=lambda read: read.start)
    path = tmp_path_factory.mktemp("person") / "reads.bam"
    alignment_file(path, reads, {"chr1": reference}).close()
    return Person(path.with_suffix(".fa"), path, novel)


@pytest.fixture(scope="module", params=["bam", "cram"])
def of_split_reads(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """A heterozygous deletion of 1,200 bp and a homozygous copy of 500 bp, at which all reads are split."""
    rng = random.Random(12)
    reference = "".join(rng.choices("ACGT", k=LENGTH))
    reads, cuts = [], (Cut(INSERTED, INSERTED - 500), Cut(DELETED, DELETED + 1200))
    for number in range(28 * LENGTH // READ):
        begin = rng.randrange(0, LENGTH - READ - 1200)
        end, name = begin + READ, f"m84001_1/{number}/ccs"
        quality, flag = ([28, 33, 38, 39] * READ)[: end - begin], rng.choice((0, 16))
        over = [cut for cut in cuts if begin + 900 < cut.left < end - 2200]
        over = [cut for cut in over if cut is cuts[0] or number % 2]
        if len(over) == 1:
            reads += split(
                reference, over[0], begin, end, contig="chr1", left_is_primary=rng.random() < 0.5,
                is_reverse=flag == 16, name=name, quality=38,
            )  # fmt: skip
        elif not any(begin - 600 < cut.left < end + 600 for cut in cuts) or number % 2 == 0:
            reads.append(Read(begin, f"{end - begin}M", reference[begin:end], quality, flag, name=name))
    reads = [one for one in reads if not _misses(one, cuts[0])]
    reads.sort(key=lambda read: read.start)
    path = tmp_path_factory.mktemp("split") / f"reads.{request.param}"
    alignment_file(path, reads, {"chr1": reference}).close()
    return Person(path.with_suffix(".fa"), path, reference[INSERTED - 500 : INSERTED])


def _misses(read: Read, cut: Cut) -> bool:
    """Whether a read lies over a homozygous indel without it."""
    return not read.sa and read.start < cut.left + 20 and read.end > cut.right - 20


def test_split_reads_tell_of_them_in_any_file_and_pieces(of_split_reads: Person, tmp_path: Path) -> None:
    person = of_split_reads
    out = tmp_path / "calls.vcf"
    dvplug.call("pacbio", person.reference, person.reads, out, force=True, workers=1)
    with pysam.FastaFile(str(person.reference)) as fasta:
        reference = fasta.fetch("chr1")
    with pysam.VariantFile(str(out)) as file:
        found = [
            (reference[: record.start] + record.alts[0] + reference[record.stop :], sorted(record.samples[0]["GT"]))
            for record in file
            if "SVTYPE" in record.info
        ]  # fmt: skip
    assert found == [
        (Cut(INSERTED, INSERTED - 500).haplotype(reference), [1, 1]),
        (Cut(DELETED, DELETED + 1200).haplotype(reference), [0, 1]),
    ]
    two = tmp_path / "two.vcf"
    words = {"force": True, "regions": ["chr1:1-14700", f"chr1:14701-{LENGTH}"]}
    dvplug.call("pacbio", person.reference, person.reads, two, workers=2, **words)
    assert [line.split("\t")[:9] for line in long_ones(two)] == [
        line.split("\t")[:9] for line in long_ones(out)
    ]


def long_ones(vcf: Path) -> list[str]:
    lines = [line for line in vcf.read_text().splitlines() if not line.startswith("#")]
    return [line for line in lines if max(map(len, line.split("\t")[3:5])) > 50]


def test_they_are_called_with_type_and_length(person: Person, tmp_path: Path) -> None:
    out, gvcf = tmp_path / "calls.vcf", tmp_path / "calls.g.vcf"
    dvplug.call("pacbio", person.reference, person.reads, out, gvcf=gvcf, force=True)
    with pysam.VariantFile(str(out)) as file:
        found = {
            record.start: (
                record.ref, record.alts, record.info["SVTYPE"], record.info["SVLEN"], sorted(record.samples[0]["GT"])
            )
            for record in file
            if "SVTYPE" in record.info
        }  # fmt: skip
    with pysam.FastaFile(str(person.reference)) as fasta:
        before, gone = (
            fasta.fetch("chr1", INSERTED, INSERTED + 1),
            fasta.fetch("chr1", DELETED, DELETED + 301),
        )
    insertion = (before, (before + person.novel,), "INS", (400,), [0, 1])
    assert found == {INSERTED: insertion, DELETED: (gone, (gone[0],), "DEL", (-300,), [1, 1])}
    assert [line.split("\t")[7] for line in long_ones(gvcf)] == [
        "SVTYPE=INS;SVLEN=400,.",
        "SVTYPE=DEL;SVLEN=-300,.",
    ]
    whole = [line.split("\t")[:9] for line in long_ones(out)]
    pieces = []
    for begin, end in ((1, INSERTED + 1), (INSERTED + 2, DELETED + 150), (DELETED + 151, LENGTH)):
        piece = tmp_path / f"{begin}.vcf"
        dvplug.call(
            "pacbio", person.reference, person.reads, piece, regions=f"chr1:{begin}-{end}", force=True
        )
        pieces += [line.split("\t")[:9] for line in long_ones(piece)]
    assert pieces == whole
