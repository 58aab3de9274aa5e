"""What is counted without a truth: on small VCFs and reads whose answer is plain."""

from __future__ import annotations

import itertools
from pathlib import Path

import pysam
import pytest

from dvplug.line.region import Region
from dvplug_lab.robustness.alleles import Allele, copies_of, passed, simplest, violates
from dvplug_lab.robustness.truth_free import (
    carriers,
    depth_of,
    mendelian_violations,
    read_obligate,
    sure_heterozygotes,
)

GENOTYPES = ((0, 0), (0, 1), (1, 1))


@pytest.mark.parametrize("copies", list(itertools.product(range(3), repeat=3)))
def test_a_child_has_one_allele_of_each_parent(copies: tuple[int, int, int]) -> None:
    child, father, mother = copies
    possible = {sum(pair) for pair in itertools.product(GENOTYPES[father], GENOTYPES[mother])}
    assert violates(child, father, mother) == (child not in possible)


@pytest.mark.parametrize(
    ("start", "ref", "alt", "found"),
    [
        (10, "A", "G", [(10, "A", "G")]),
        (10, "ACT", "GCA", [(10, "A", "G"), (12, "T", "A")]),
        (10, "CATT", "CA", [(11, "ATT", "A")]),
        (10, "CAA", "CAAA", [(10, "C", "CA")]),
        (10, "C", "<DEL>", []),
        (10, "C", "*", []),
    ],
)
def test_alleles_are_written_the_shortest_way(
    start: int, ref: str, alt: str, found: list[tuple[int, str, str]]
) -> None:
    assert simplest(start, ref, alt) == [Allele(*one) for one in found]


def _vcf(path: Path, records: list[tuple[int, str, str, tuple[int, ...], int, str]]) -> Path:
    lines = [
        "##fileformat=VCFv4.2",
        '##FILTER=<ID=LowQual,Description="x">',
        "##contig=<ID=1,length=1000>",
        "##contig=<ID=2,length=1000>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">',
        '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="x">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tone",
    ]
    for at, ref, alts, genotype, gq, filters in records:
        text = "/".join(map(str, genotype))
        lines.append(f"1\t{at}\t.\t{ref}\t{alts}\t30\t{filters}\t.\tGT:GQ\t{text}:{gq}")
    lines.append("2\t50\t.\tA\tC\t30\tPASS\t.\tGT:GQ\t0/1:99")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_only_what_passes_in_the_region_is_carried(tmp_path: Path) -> None:
    records = [
        (5, "A", "C", (0, 1), 50, "PASS"),
        (100, "A", "C", (0, 1), 20, "PASS"),
        (110, "A", "C,G", (1, 2), 19, "PASS"),
        (120, "AT", "A", (1, 1), 40, "."),
        (130, "A", "C", (0, 1), 40, "LowQual"),
        (140, "A", "C", (0, 0), 40, "PASS"),
    ]
    found = list(passed(_vcf(tmp_path / "a.vcf", records), Region("1", 50, 1000)))
    assert copies_of(found) == {
        Allele(99, "A", "C"): 1,
        Allele(109, "A", "C"): 1,
        Allele(109, "A", "G"): 1,
        Allele(119, "AT", "A"): 2,
    }
    assert sure_heterozygotes(found) == 1


def test_obligate_alleles_that_are_found(tmp_path: Path) -> None:
    path = tmp_path / "obligate.txt"
    path.write_text("100 A C\n110 A C\n150 G T\n")
    copies = {Allele(99, "A", "C"): 2, Allele(109, "A", "G"): 1}
    found = carriers(copies, read_obligate(path))
    assert (found.count, found.of) == (1, 3)


def test_violations_are_counted_where_all_three_are_known() -> None:
    new, fine, unknown, indel = (
        Allele(10, "A", "C"),
        Allele(20, "A", "C"),
        Allele(30, "A", "C"),
        Allele(40, "A", "AC"),
    )
    trio = [{new: 1, fine: 1, unknown: 1, indel: 2}, {fine: 1, indel: 1}, {fine: 0, indel: 0}]

    def deep(at: int) -> int:
        return 9 if at == 30 else 10

    found = mendelian_violations(trio, [deep] * 3, snps=True)
    assert (found.count, found.of) == (1, 2)
    found = mendelian_violations(trio, [deep] * 3, snps=False)
    assert (found.count, found.of) == (1, 1)


def test_depth_counts_reads_over_a_position(tmp_path: Path) -> None:
    header = pysam.AlignmentHeader.from_dict({"HD": {"SO": "coordinate"}, "SQ": [{"SN": "1", "LN": 500}]})
    path = tmp_path / "reads.bam"
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for name, start, flag in (("a", 90, 0), ("b", 100, 0), ("c", 104, 0), ("d", 104, 0x400)):
            read = pysam.AlignedSegment(header)
            read.query_name, read.flag, read.reference_id, read.reference_start = name, flag, 0, start
            read.query_sequence, read.cigarstring, read.mapping_quality = "A" * 12, "12M", 60
            out.write(read)
    pysam.index(str(path))
    depth = depth_of(path, Region("1", 95, 120))
    assert [depth(at) for at in (95, 100, 102, 105, 112, 116)] == [1, 2, 1, 2, 1, 0]
