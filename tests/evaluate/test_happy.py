"""The table of hap.py."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from dvplug.errors import InputError
from dvplug.evaluate import Also, evaluate
from helpers.evaluate_files import Files, row

COLUMNS = Path(__file__).with_name("happy_columns.txt").read_text().strip().split(",")
"""The head of hap.py 0.3's extended.csv."""


def table(path: Path) -> dict[tuple[str, str, str, str], dict[str, str]]:
    with path.open() as lines:
        found = csv.DictReader(lines)
        assert found.fieldnames == COLUMNS
        return {(r["Type"], r["Subtype"], r["Subset"], r["Genotype"]): r for r in found}


def test_rows_and_columns_are_those_of_happy(files: Files) -> None:
    truth = [
        row(3, "T", "C", "0/1"),  # ti, found
        row(4, "A", "C", "1/1"),  # tv, genotype mismatch
        row(9, "C", "A,T", "1/2"),  # tv and ti, missed
        row(21, "GA", "G", "1/1"),  # D1_5, found
        row(45, "A", "ATTTTTTT", "0/1"),  # I6_15, missed
        row(57, "G", "C", "0/1"),  # outside of what is confident
    ]
    query = [
        row(3, "T", "C", "0/1"),
        row(4, "A", "C", "0/1"),
        row(30, "AA", "A", "1/1"),
        row(37, "A", "ACCCCCCCCCCCCCCCCC", "0/1"),  # I16_PLUS, false
        row(47, "C", "T", "0/1"),  # ti, false
        row(57, "G", "C", "0/1"),
        row(58, "T", "A", "1/1"),
    ]
    paths = files.write(truth, query)
    files.bed.write_text("chr1\t0\t50\n")
    (files.folder / "s.bed").write_text("chr1\t40\t60\n")
    (files.folder / "strata.tsv").write_text("late\ts.bed\n")
    out = files.folder / "x.extended.csv"
    evaluate(*paths, also=Also(strata=files.folder / "strata.tsv", happy_csv=out))
    rows = table(out)
    assert len(rows) == 2 * ((1 + 2 + 3) + (1 + 9 + 3))
    snp = rows["SNP", "*", "*", "*"]
    assert [snp[f"TRUTH.{n}"] for n in ("TOTAL", "TP", "FN")] == ["3", "1", "2"]
    assert [snp[f"QUERY.{n}"] for n in ("TOTAL", "TP", "FP", "UNK")] == ["5", "1", "2", "2"]
    assert (snp["FP.gt"], snp["FP.al"]) == ("1", "0")
    assert (snp["METRIC.Recall"], snp["METRIC.Precision"]) == ("0.333333", "0.333333")
    assert (snp["METRIC.Frac_NA"], snp["METRIC.F1_Score"]) == ("0.400000", "0.333333")
    assert [snp[f"TRUTH.TOTAL.{n}"] for n in ("ti", "tv", "TiTv_ratio")] == ["2", "2", "1.000000"]
    assert [snp[f"TRUTH.TOTAL.{n}"] for n in ("het", "homalt", "het_hom_ratio")] == ["1", "1", "1.000000"]
    assert (snp["TRUTH.TP.TiTv_ratio"], snp["TRUTH.TP.het_hom_ratio"]) == ("", "")
    assert (snp["Filter"], snp["QQ.Field"], snp["QQ"]) == ("PASS", "QUAL", "*")
    assert (snp["Subset.IS_CONF.Size"], snp["Subset.Level"]) == ("50", "0")
    assert rows["SNP", "tv", "*", "*"]["TRUTH.TOTAL"] == "2"
    assert rows["SNP", "*", "*", "hetalt"]["TRUTH.FN"] == "1"
    assert rows["INDEL", "D1_5", "*", "*"]["TRUTH.TP"] == "1"
    assert rows["INDEL", "I6_15", "*", "*"]["METRIC.Recall"] == "0.000000"
    assert rows["INDEL", "I16_PLUS", "*", "*"]["QUERY.FP"] == "1"
    assert rows["INDEL", "*", "*", "*"]["TRUTH.TOTAL.ti"] == "."
    assert rows["INDEL", "C1_5", "*", "*"]["METRIC.Recall"] == ""
    late = rows["SNP", "*", "late", "*"]
    assert [late[f"QUERY.{n}"] for n in ("TOTAL", "TP", "FP", "UNK")] == ["3", "0", "1", "2"]
    assert (late["Subset.Size"], late["Subset.IS_CONF.Size"], late["Subset.Level"]) == ("20", "10", "1")


def test_the_filter_of_the_rows_is_what_was_counted(files: Files) -> None:
    paths = files.write([row(3, "T", "C", "0/1")], [row(3, "T", "C", "0/1", "LowQual")])
    out = files.folder / "x.csv"
    for all_filters, name, found in ((False, "PASS", "0"), (True, "ALL", "1")):
        evaluate(*paths, all_filters=all_filters, also=Also(happy_csv=out))
        snp = table(out)["SNP", "*", "*", "*"]
        assert (snp["Filter"], snp["TRUTH.TP"]) == (name, found)


def test_the_table_is_not_written_over_an_input(files: Files) -> None:
    paths = files.write([row(3, "T", "C", "0/1")], [])
    with pytest.raises(InputError, match=r"--happy-csv .*\.csv"):
        evaluate(*paths, also=Also(happy_csv=paths[0]))
