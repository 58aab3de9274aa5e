"""Callsets of one genome beside each other."""

from __future__ import annotations

import json
import random
import statistics
from pathlib import Path
from typing import Any

import pytest

from dvplug.cli.compare import compare as compare_command
from dvplug.errors import InputError, ManyProblems, RefusedRun
from dvplug.evaluate import ConfidentRegions, callsets, evaluate, evaluation
from dvplug.evaluate.callsets import MeasureSpread, compare_callsets, names_of
from dvplug.evaluate.compare import compare
from helpers.evaluate_files import TEXT, Files, Row, row, write_vcf
from helpers.oracle_sets import ORACLE
from helpers.shared_data import SHARED, needs_shared

ONE = [
    row(3, "T", "C", "0/1"),
    row(21, "GA", "G", "1/1"),
    row(40, "T", "G", "1/1"),
    row(47, "C", "A,G", "1/2"),
]


def written(files: Files, *callsets: list[Row]) -> list[Path]:
    return [write_vcf(files.folder / f"c{n}.vcf", rows) for n, rows in enumerate(callsets)]


def test_measures_are_of_records_and_of_their_called_alleles(files: Files) -> None:
    more = [*ONE, row(45, "A", "ATT", "0/1"), row(57, "GT", "AC", "0/1"), row(58, "T", "A", "0/1", "LowQual")]
    found = compare_callsets(written(files, ONE, more), files.reference)
    one, other = (callset.measures for callset in found.callsets)
    assert (one["snps"], one["indels"], other["snps"], other["indels"]) == (3, 1, 3, 3)
    assert one["ti_tv"] == other["ti_tv"] == 1 / 3  # C; G, A and G
    assert (one["het_hom"], other["het_hom"]) == (1, 2)
    assert (one["ins_del"], other["ins_del"]) == (0, 1)
    assert found.callsets[1].left_aside == {"filtered": 1}
    all_of_them = compare_callsets(written(files, ONE, more), files.reference, all_filters=True)
    assert all_of_them.callsets[1].measures["snps"] == 4


def test_pairs_agree_by_haplotype_and_genotype(files: Files) -> None:
    other = [row(3, "T", "C", "1/1"), row(31, "AA", "A", "1|1"), row(40, "T", "G", "1/1")]
    found = compare_callsets(written(files, ONE, other, ONE), files.reference)
    first, same, last = found.pairs
    assert (first.one, first.other, last.other) == ("c0", "c1", "c2")
    assert (first.snp.tp_truth, first.snp.fn, first.snp.fp) == (1, 2, 1)
    assert first.indel.f1 == 1
    assert same.snp.f1 == same.indel.f1 == 1
    assert first.snp.f1 == last.snp.f1 == pytest.approx(2 / 5)
    assert found.callsets[0].measures["snp_concordance"] == pytest.approx((2 / 5 + 1) / 2)
    spread = found.spread["snps"]
    assert (spread.mean, spread.least, spread.most) == (pytest.approx(8 / 3), 2, 3)
    assert spread.sd == pytest.approx(statistics.stdev([3, 2, 3]))
    assert set(found.callsets[0].measures) == set(found.spread)
    assert "snp_f1" not in found.spread


def test_where_one_has_no_genotype_nothing_is_compared(files: Files) -> None:
    silent = [row(3, "T", "C", "./."), row(21, "GA", "G", "1/1"), row(40, "T", "<*>", "0/0")]
    path = write_vcf(files.folder / "silent.vcf", silent)
    text = path.read_text().replace(
        "##FILTER", '##INFO=<ID=END,Number=1,Type=Integer,Description="e">\n##FILTER', 1
    )
    text = text.replace("\t.\tGT\t./.", "\tEND=10\tGT\t./.").replace("T\tC\t", "T\t<*>\t")
    path.write_text(text)
    (one,) = written(files, [*ONE, row(6, "A", "C", "0/1")])
    (pair,) = compare_callsets([one, path], files.reference).pairs
    assert pair.compared == len(TEXT) - 7
    assert (pair.snp.tp_truth, pair.snp.fn, pair.snp.fp) == (
        0,
        2,
        0,
    )  # 40 is called the reference, 47 not mentioned
    assert pair.indel.f1 == 1


def test_a_truth_adds_what_evaluate_counts(files: Files) -> None:
    truth, query, bed, reference = files.write(ONE, ONE[1:3])
    other = write_vcf(files.folder / "other.vcf", ONE)
    bed.write_text("chr1\t0\t45\n")
    found = compare_callsets([query, other], reference, truth=truth, confident=bed)
    alone = evaluate(truth, query, bed, reference)
    assert (found.callsets[0].snp, found.callsets[0].indel) == (alone.snp, alone.indel)
    assert found.callsets[0].measures["snp_f1"] == alone.snp.f1
    assert found.callsets[1].measures["snps"] == 2  # what lies beyond the regions is not counted
    with pytest.raises(InputError, match="truth without confident regions"):
        compare_callsets([query, other], reference, truth=truth)


def test_callsets_of_which_nothing_counts_are_warned_of(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, query, bed, reference = files.write([], ONE)
    (late,) = written(files, ONE[3:])
    bed.write_text("chr1\t0\t45\n")
    compare_command([query, late], ref=reference, truth=truth, confident=bed)
    _, first, second = capsys.readouterr().err.split("warning: ")
    assert first.startswith(
        f"{late} has no variant that counts within {bed}: its variants on chr1 all lie elsewhere (1). So "
    )
    assert "So it has none in common with the others." in first
    assert second.startswith(
        f"{truth} has no variant that counts within {bed}: it has no record on chr1. So recall"
    )
    compare_command([query, late], ref=reference)
    assert "warning" not in capsys.readouterr().err


def test_records_of_contigs_that_the_reference_has_not_are_refused_unless_regions_are_named(
    files: Files,
) -> None:
    one, other = written(files, ONE, ONE)
    text = other.read_text().replace("##FILTER", "##contig=<ID=chr2,length=90>\n##FILTER", 1)
    other.write_text(text + "chr2\t4\t.\tT\tC\t.\tPASS\t.\tGT\t0/1\n")
    with pytest.raises(
        InputError, match=r"records of \S*c1\.vcf lie on contigs that \S*ref\.fa has not.*: 1.*--confident"
    ):
        compare_callsets([one, other], files.reference)
    (pair,) = compare_callsets([one, other], files.reference, confident=files.bed).pairs
    assert pair.snp.f1 == 1


def test_a_truth_of_other_contigs_is_refused(files: Files) -> None:
    elsewhere = write_vcf(files.folder / "elsewhere.vcf", [], contig="1")
    with pytest.raises(InputError, match=r"elsewhere\.vcf' has no contig of .*Did you mean '1'"):
        compare_callsets(written(files, ONE, ONE), files.reference, truth=elsewhere, confident=files.bed)


def test_what_cannot_be_compared_is_told_at_once(files: Files) -> None:
    (one,) = written(files, ONE)
    with pytest.raises(InputError, match=r"One callset alone cannot be compared.*at least two"):
        compare_callsets([one], files.reference)
    elsewhere = write_vcf(files.folder / "elsewhere.vcf", [], contig="1")
    with pytest.raises(ManyProblems, match=r"(?s)absent\.vcf does not exist.*elsewhere\.vcf' has no contig"):
        compare_callsets([one, files.folder / "absent.vcf", elsewhere], files.reference)


@pytest.mark.parametrize("seed", range(30))
def test_regions_without_others_are_those_bases(seed: int) -> None:
    rng = random.Random(seed)
    sides = []
    for _ in range(2):
        pairs = [
            (rng.choice("ab"), s, s + rng.randint(1, 12)) for s in (rng.randint(0, 40) for _ in range(5))
        ]
        sides.append((ConfidentRegions(pairs), {(c, b) for c, s, e in pairs for b in range(s, e)}))
    (one, mine), (other, theirs) = sides
    for found, expected in ((one.without(other), mine - theirs), (one.intersection(other), mine & theirs)):
        assert found.size == len(expected)
        assert {(c, b) for c in "ab" for b in range(60) if found.overlap(c, b, b + 1)} == expected


def test_names_are_as_short_as_they_can_be() -> None:
    assert names_of([Path("x/a.vcf.gz"), Path("x/b.g.vcf.gz")]) == ["a", "b"]
    assert names_of([Path("x/1/calls.vcf.gz"), Path("x/2/calls.vcf.gz")]) == ["1/calls", "2/calls"]
    assert names_of([Path("a.vcf"), Path("a.g.vcf")]) == ["a", "a.g"]
    assert names_of([Path("/x/a.vcf")] * 2) == ["/x/a.vcf"] * 2
    assert MeasureSpread.of([None, 1.0]) is None


def test_a_file_that_changes_meanwhile_is_told(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = files.write(ONE, ONE[1:3])
    truth, query, _, reference = paths
    whole = compare

    def changing(*given: Any) -> Any:
        query.touch()
        return whole(*given)

    for module, run in (
        (callsets, lambda: compare_callsets([truth, query], reference)),
        (evaluation, lambda: evaluate(*paths, out_dir=files.folder / "out")),
    ):
        monkeypatch.setattr(module, "compare", changing)
        with pytest.raises(RefusedRun, match="changed while it was read: it was written again"):
            run()
    assert not (files.folder / "out").exists()


def test_command_prints_table_json_and_writes_a_page(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, query, bed, reference = files.write(ONE, ONE[1:3])
    page = files.folder / "page.html"
    given = {"ref": reference, "truth": truth, "confident": bed, "report": page}
    compare_command([query, truth], **given)  # type: ignore[arg-type]
    out = capsys.readouterr().out
    assert "query" in out
    assert "SD" in out
    text = page.read_text()
    assert "2 callsets of one genome" in text
    assert '"id":"snp_f1-indel_f1"' in text
    compare_command([query, truth], ref=reference, json=True)
    figures = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in figures["callsets"]] == ["query", "truth"]
    assert figures["pairs"][0]["SNP"] == {"both": 1, "only_one": 0, "only_other": 2, "concordance": 0.5}
    with pytest.raises(InputError, match="--report"):
        compare_command([query, truth], ref=reference, report=query)


@needs_shared
def test_concordance_of_real_callsets_is_the_same_from_either_side() -> None:
    name, reference = "hg002_hifi", SHARED / "reference" / ORACLE["hg002_hifi"][1]
    callsets = [SHARED / "oracle" / f"{name}.{caller}.vcf.gz" for caller in ("bcftools", "freebayes")]
    confident = SHARED / "oracle" / f"{name}.bed"
    (pair,), (turned,) = (
        compare_callsets(order, reference, confident=confident).pairs for order in (callsets, callsets[::-1])
    )
    assert pair.snp.f1 == pytest.approx(turned.snp.f1)
    assert pair.indel.f1 == pytest.approx(turned.indel.f1)
    assert 0.5 < (pair.indel.f1 or 0) < 1
