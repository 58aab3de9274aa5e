"""`dvplug evaluate`: what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dvplug.cli.evaluate import evaluate as evaluate_command
from dvplug.errors import InputError
from helpers.evaluate_files import Files, row


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
