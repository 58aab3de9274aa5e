"""Statistics of a VCF: the same as bcftools counts."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pysam
import pytest

from dvplug.errors import InputError
from dvplug.report import statistics as s
from dvplug.report.calls import write_call_report
from dvplug.report.statistics import CallStatistics, classify, read_statistics
from helpers.bcftools import bcftools_stats
from helpers.evaluate_files import row, write_vcf
from helpers.shared_data import SHARED, needs_shared


def count(found: CallStatistics, filter_: str, *, type_: str = "", genotype: str = "") -> int:
    return sum(
        n
        for (f, t, g, _), n in found.records.items()
        if f == filter_ and type_ in ("", t) and genotype in ("", g)
    )


def agrees_with_bcftools(vcf: Path, filter_: str = "PASS") -> None:
    found, stats = read_statistics(vcf), bcftools_stats(vcf, filter_)
    numbers = {name.rstrip(":"): int(value) for name, value in stats["SN"]}
    of_type = {type_: count(found, filter_, type_=type_) for type_ in s.TYPES}
    assert numbers["number of records"] == sum(of_type.values()) > 0
    if not of_type[s.OTHER]:
        assert numbers["number of SNPs"] == of_type[s.SNP]
        assert numbers["number of indels"] == of_type[s.INSERTION] + of_type[s.DELETION]
    transitions = sum(n for (f, w), n in found.substitutions.items() if f == filter_ and w in s.TRANSITIONS)
    transversions = sum(n for (f, _), n in found.substitutions.items() if f == filter_) - transitions
    assert [transitions, transversions] == [int(n) for n in stats["TSTV"][0][:2]]
    lengths = Counter[int]()
    for (f, _, length), n in found.lengths.items():
        lengths[max(-60, min(length, 60))] += n * (f == filter_)  # bcftools counts longer ones as 60
    assert {length: n for length, n in lengths.items() if n} == {int(r[0]): int(r[1]) for r in stats["IDD"]}
    # Of SNPs (PSC): sample, ref, hom, het. Of indels (PSI): ..., ins het, del het, ins hom, del hom.
    snps, indels = stats["PSC"][0], list(map(int, stats["PSI"][0][5:9]))
    assert int(snps[2]) == count(found, filter_, type_=s.SNP, genotype=s.HOM_ALT)
    assert int(snps[3]) == hets(found, filter_, s.SNP)
    if not of_type[s.OTHER]:
        assert indels[:2] == [hets(found, filter_, s.INSERTION), hets(found, filter_, s.DELETION)]
        homs = [count(found, filter_, type_=type_, genotype=s.HOM_ALT) for type_ in (s.INSERTION, s.DELETION)]
        assert indels[2:] == homs


def hets(found: CallStatistics, filter_: str, type_: str) -> int:
    return sum(count(found, filter_, type_=type_, genotype=genotype) for genotype in (s.HET, s.HET_ALTS))


def test_counts_are_those_of_bcftools(called: Path) -> None:
    agrees_with_bcftools(called)


@needs_shared
@pytest.mark.parametrize("name", ["hg002_illumina", "hg002_hifi", "na12878_illumina"])
def test_counts_of_other_callers_are_those_of_bcftools(name: str) -> None:
    agrees_with_bcftools(SHARED / "oracle" / f"{name}.bcftools.vcf.gz", ".")


def test_values_are_those_that_pysam_reads(called: Path) -> None:
    found = read_statistics(called)
    gq, qual, depth, vaf = Counter[int](), Counter[int](), Counter[int](), Counter[int]()
    with pysam.VariantFile(str(called)) as records:
        for record in records:
            sample = record.samples[0]
            gq[sample["GQ"]] += 1
            qual[int(record.qual)] += 1
            depth[sample["DP"]] += 1
            alts = sorted({a for a in sample["GT"] if a}) or range(1, len(record.alts) + 1)
            for alt in alts:
                vaf[min(int(round(sample["VAF"][alt - 1], 6) * s.VAF_BINS), s.VAF_BINS - 1)] += 1
    for expected, counted in ((gq, found.gq), (qual, found.qual), (depth, found.depth), (vaf, found.vaf)):
        summed = Counter[int]()
        for (_, _, value), n in counted.items():
            summed[value] += n
        assert summed == expected
    assert found.filters[0] == "PASS"
    assert found.sample == pysam.VariantFile(str(called)).header.samples[0]


@pytest.mark.parametrize(
    ("ref", "alts", "genotype", "expected"),
    [
        ("A", "G", "0/1", (s.SNP, s.HET, (1,), ("A>G",), ())),
        ("A", "G,T", "1/2", (s.SNP, s.HET_ALTS, (1, 2), ("A>G", "A>T"), ())),
        ("A", "G,T", "2|2", (s.SNP, s.HOM_ALT, (2,), ("A>T",), ())),
        ("CA", "C,CAA", "0/2", (s.INSERTION, s.HET, (2,), (), (1,))),
        ("CA", "C,CAA", "1/2", (s.OTHER, s.HET_ALTS, (1, 2), (), (-1, 1))),
        ("CA", "C,CT", "0/2", (s.SNP, s.HET, (2,), ("A>T",), ())),
        ("AC", "GT", "1/1", (s.OTHER, s.HOM_ALT, (1,), (), ())),
        ("A", "G", "0/0", (s.SNP, s.HOM_REF, (), (), ())),
        ("A", "G", "1", (s.SNP, s.HAPLOID, (1,), ("A>G",), ())),
        ("A", "G", "./.", (s.SNP, s.NO_GENOTYPE, (), (), ())),
        ("A", "G,<*>", "0/1", (s.SNP, s.HET, (1,), ("A>G",), ())),
        ("A", "G,*", "1/2", (s.SNP, s.HET_ALTS, (1,), ("A>G",), ())),
        ("A", "<*>", "0/0", None),
        ("A", ".", "0/0", None),
    ],
)
def test_records_are_classified(
    ref: str, alts: str, genotype: str, expected: tuple[object, ...] | None
) -> None:
    assert classify(ref, alts, genotype) == expected


def odd_vcf(folder: Path, qual: str, keys: str, values: str) -> Path:
    path = folder / "odd.vcf"
    head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tx\n"
    path.write_text(f"{head}c\t1\t.\tA\tC\t{qual}\tPASS\t.\tGT:{keys}\t0/1:{values}\n")
    return path


@pytest.mark.parametrize("text", ["inf", "Infinity", "1e300", "3e9", "101"])
def test_large_numbers_are_the_largest(tmp_path: Path, text: str) -> None:
    found = write_call_report(odd_vcf(tmp_path, text, "GQ:DP:VAF", f"{text}:20:{text}"), tmp_path / "x.html")
    for counted in (found.gq, found.qual):
        assert list(counted) == [("PASS", s.SNP, s.MOST)]
    assert list(found.vaf) == [("PASS", s.HET, s.VAF_BINS - 1)]
    write_call_report(odd_vcf(tmp_path, "1", "DP", text), tmp_path / "x.html")


@pytest.mark.parametrize("text", [".", "nan", "NaN"])
def test_numbers_that_are_none_are_missing(tmp_path: Path, text: str) -> None:
    found = write_call_report(
        odd_vcf(tmp_path, text, "GQ:DP:VAF", f"{text}:{text}:{text}"), tmp_path / "x.html"
    )
    assert not found.gq + found.qual + found.depth + found.vaf
    assert found.records.total() == 1


@pytest.mark.parametrize("name", ["QUAL", "GQ", "DP", "VAF"])
def test_numbers_below_0_are_refused(tmp_path: Path, name: str) -> None:
    values = {"QUAL": "1", "GQ": "1", "DP": "1", "VAF": "1"} | {name: "-10"}
    path = odd_vcf(tmp_path, values.pop("QUAL"), "GQ:DP:VAF", ":".join(values.values()))
    with pytest.raises(InputError, match=rf"Record 1 of \S*odd.vcf is not one of a VCF .*: {name} is -10"):
        read_statistics(path)


def test_plain_and_compressed_count_alike(called: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.vcf"
    plain.write_bytes(gzip.decompress(called.read_bytes()))
    assert read_statistics(plain) == read_statistics(called)


def test_names_in_a_report_are_text_whatever_they_hold(tmp_path: Path) -> None:
    """In the page's own text they are escaped, in its data they cannot end the script element."""
    evil = "</script><b>\x1b[31m&\u202e"
    folder = tmp_path / os.fsdecode(b"x\xff")
    folder.mkdir()
    vcf = write_vcf(
        folder / f"{os.fsdecode(bytes([255]))}<i>.vcf", [row(5, "A", "C", "0/1")], samples=(evil,)
    )
    lines = vcf.read_text().splitlines(keepends=True)
    lines.insert(1, "##dvplugCommand=dvplug call --reads https://me:word@a.b/x.bam?sig=word\n")
    vcf.write_text("".join(lines))
    write_call_report(vcf, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 2
    assert "<b>" not in page
    assert "<i>" not in page
    assert "\x1b" not in page.partition("<main>")[0]
    assert r"&lt;/script&gt;&lt;b&gt;\x1b[31m&amp;\u202e" in page
    assert r"\udcff&lt;i&gt;.vcf" in page
    assert "word" not in page.partition('id="data">')[2].partition("</script>")[0]
    json.loads(page.partition('id="data">')[2].partition("</script>")[0])
