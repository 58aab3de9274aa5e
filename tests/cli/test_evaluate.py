"""`dvplug evaluate`: what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dvplug.cli.evaluate import evaluate as evaluate_command
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
