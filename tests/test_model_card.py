"""The model card says what the comparison measured, and nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import dvplug_illumina

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from model_card import metrics, write_card


def counts(tp: int, fp: int, fn: int) -> dict[str, Any]:
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    f1 = 2 * precision * recall / (precision + recall)
    return {
        "tp_truth": tp, "tp_query": tp, "fp": fp, "fn": fn, "precision": precision, "recall": recall, "f1": f1,
        "precision_interval": [0.5, 1.0], "recall_interval": [0.5, 1.0],
    }  # fmt: skip


@pytest.fixture
def comparison(tmp_path: Path) -> Path:
    ours = {"SNP": counts(90, 3, 7), "INDEL": counts(20, 0, 1), "errors": 11}
    theirs = {"SNP": counts(80, 13, 17), "INDEL": counts(10, 1, 11), "errors": 42}
    error = {
        "status": "FN", "variant": "SNP", "where": "20:77", "why": "absent", "calls": [], "truth": ["77 A>C 0/1"],
        "reads": {"A": 9, "C": 4},
    }  # fmt: skip
    path = tmp_path / "comparison.json"
    one = {
        "set": "hg002_illumina", "depth": 31.5, "callers": {"bcftools": theirs, "dvplug": ours},
        "ratio_to_better_peer": 11 / 42, "dvplug_errors": [error],
    }  # fmt: skip
    path.write_text(json.dumps([one]))
    return path


def test_metrics_are_the_counts_of_dvplug(comparison: Path) -> None:
    snp, indel = metrics(comparison)
    assert (snp.set, snp.type, snp.tp, snp.fp, snp.fn) == ("hg002_illumina, 31.5x", "SNP", 90, 3, 7)
    assert snp.f1 == pytest.approx(180 / 190)
    assert (indel.type, indel.fn) == ("INDEL", 1)


def test_card_holds_every_caller_and_every_error(comparison: Path, tmp_path: Path) -> None:
    (model,) = (Path(dvplug_illumina.__file__).parent / "models").glob("illumina-wgs-*")
    write_card(model, comparison, tmp_path / "cards" / "card.md")
    text = (tmp_path / "cards" / "card.md").read_text()
    assert text.startswith("# illumina-wgs@")
    assert (
        "| dvplug | SNP | 90 | 3 | 7 | 0.9677 [0.5000, 1.0000] | 0.9278 [0.5000, 1.0000] | 0.9474 |" in text
    )
    assert "| bcftools | INDEL | 10 | 1 | 11 |" in text
    assert "Errors of dvplug: 11, 26 % of the better peer's." in text
    assert "- FN SNP 20:77: called no call; truth 77 A>C 0/1; reads A 9, C 4" in text
