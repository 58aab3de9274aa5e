"""`dvplug evaluate`: what it prints."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pysam
import pytest

from dvplug.cli.evaluate import evaluate as evaluate_command
from dvplug.errors import InputError
from helpers.evaluate_files import Files, Row, row


def test_command_prints_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth, query, confident, ref = Files(tmp_path).write(
        [row(3, "T", "C", "0/1")], [row(3, "T", "C", "0/1", "LowQual")]
    )
    evaluate_command(truth=truth, query=query, confident=confident, ref=ref)
    out = capsys.readouterr().out
    assert "INDEL" in out
    assert "query records left aside: 1 filtered" in out
    evaluate_command(truth=truth, query=query, confident=confident, ref=ref, json=True, all_filters=True)
    figures = json.loads(capsys.readouterr().out)
    assert figures["SNP"]["f1"] == 1
    assert figures["SNP"]["recall_interval"] == pytest.approx([0.2065, 1], abs=1e-4)
    assert figures["INDEL"]["precision"] is None


def test_candidates_and_strata_are_told_beside_the_calls(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, query, confident, ref = Files(tmp_path).write(
        [row(3, "T", "C", "0/1"), row(40, "T", "G", "0/1")],
        [row(3, "T", "C", "0/0", "RefCall"), row(40, "T", "G", "0/1")],
    )
    (tmp_path / "early.bed").write_text("chr1\t0\t30\n")
    (tmp_path / "strata.tsv").write_text("early\tearly.bed\n")
    more = {"candidates": True, "stratify": tmp_path / "strata.tsv", "happy_csv": tmp_path / "x.csv"}
    page = tmp_path / "page.html"
    evaluate_command(truth=truth, query=query, confident=confident, ref=ref, report=page, **more)  # type: ignore[arg-type]
    out = capsys.readouterr().out
    assert "candidates" in out
    assert "early" in out
    assert (tmp_path / "x.csv").read_text().startswith("Type,Subtype,Subset,")
    assert '"By stratum"' in page.read_text()
    evaluate_command(truth=truth, query=query, confident=confident, ref=ref, json=True, **more)  # type: ignore[arg-type]
    figures = json.loads(capsys.readouterr().out)
    assert figures["strata"]["early"]["SNP"]["fn"] == 1
    assert figures["candidates"]["SNP"]["recall"] == 1
    assert figures["SNP"]["recall"] == 0.5
    with pytest.raises(InputError, match="--pedigree and --candidates, --stratify, --happy-csv do not go"):
        evaluate_command(query=query, ref=ref, pedigree=truth, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("truth", "why"),
    [
        ([], "it has no record on chr1. So recall is of nothing"),
        ([row(40, "T", "G", "0/1")], "its variants on chr1 all lie elsewhere (1). So recall is of nothing"),
        (
            [row(3, "T", "C", "0/1", "LowQual")],
            "its records were left aside: 1 filtered. So recall is of nothing",
        ),
        (
            [row(3, "T", "C", "0/1", "LowQual"), row(40, "T", "G", "0/1")],
            "its variants on chr1 all lie elsewhere (1), and its other records were left aside: 1 filtered. So recall "
            "is of nothing, and every call there is a false positive. Check FILTER and genotypes, and that both are",
        ),
    ],
)
def test_a_side_of_which_nothing_counts_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], truth: list[Row], why: str
) -> None:
    known, query, confident, ref = Files(tmp_path).write(truth, [row(3, "T", "C", "0/1")])
    confident.write_text("chr1\t0\t20\n")
    table = tmp_path / "x.csv"
    evaluate_command(truth=known, query=query, confident=confident, ref=ref, json=True, happy_csv=table)
    out, err = capsys.readouterr()
    assert json.loads(out)["SNP"]["recall"] is None
    assert f"warning: {known} has no variant that counts within {confident}: {why}" in err
    assert err.count("warning") == 1
    evaluate_command(truth=query, query=known, confident=confident, ref=ref)
    err = capsys.readouterr().err
    assert f"{known} has no variant that counts within {confident}: " in err
    assert "So precision is of nothing, and every variant of the truth there is missed. Check " in err
    assert err.count("warning") == 1


def test_variants_on_both_sides_are_not_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth, query, confident, ref = Files(tmp_path).write(
        [row(3, "T", "C", "0/1")], [row(21, "GA", "G", "1/1")]
    )
    evaluate_command(truth=truth, query=query, confident=confident, ref=ref)
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["tbi", "csi"])
def test_a_damaged_index_is_told_though_none_is_needed(tmp_path: Path, suffix: str) -> None:
    """Htslib opens it, and can end the process by it."""
    truth, query, confident, ref = Files(tmp_path).write([row(3, "T", "C", "0/1")], [row(3, "T", "C", "0/1")])
    packed = pysam.tabix_index(str(query), preset="vcf", csi=suffix == "csi")
    index = Path(f"{packed}.{suffix}")
    content = gzip.decompress(index.read_bytes())
    with pysam.BGZFile(str(index), "wb") as file:
        file.write(content[:20])
    with pytest.raises(
        InputError, match=rf"The index \S+\.{suffix} cannot be read.*Make it anew: bcftools index"
    ):
        evaluate_command(truth=truth, query=Path(packed), confident=confident, ref=ref)
