"""Figures of an evaluation in a model's manifest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dvplug.errors import InputError, ManyProblems
from dvplug.evaluate import ClassCounts, Evaluation
from dvplug.train.measured import read_metrics


def saved(path: Path, snp: ClassCounts, indel: ClassCounts) -> Path:
    path.write_text(json.dumps(Evaluation(snp, indel).as_dict()))
    return path


def test_what_evaluate_printed_becomes_rows_of_the_manifest(tmp_path: Path) -> None:
    one = saved(tmp_path / "hg002 chr20.json", ClassCounts(90, 91, 5, 10), ClassCounts(8, 8, 0, 0))
    other = saved(tmp_path / "snps.json", ClassCounts(3, 3, 1, 1), ClassCounts())
    rows = read_metrics([one, str(other)])
    assert [(m.set, m.type, m.tp, m.fp, m.fn) for m in rows] == [
        ("hg002 chr20", "SNP", 90, 5, 10),
        ("hg002 chr20", "INDEL", 8, 0, 0),
        ("snps", "SNP", 3, 1, 1),  # no indel was counted: no row
    ]
    assert rows[0].f1 == pytest.approx(180 / 195)


def test_other_files_are_refused_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "text.json").write_text("SNP 0.99")
    with pytest.raises(
        ManyProblems, match=r"(?s)list\.json' does not hold an evaluation.*text\.json.*none\.json"
    ):
        read_metrics([tmp_path / name for name in ("list.json", "text.json", "none.json")])
    twice = [saved(folder / "x.json", ClassCounts(1), ClassCounts()) for folder in (tmp_path, tmp_path / "a")]
    with pytest.raises(ManyProblems, match="two files of metrics are called 'x'"):
        read_metrics(twice)
    with pytest.raises(InputError, match="does not hold an evaluation"):
        read_metrics([tmp_path])
