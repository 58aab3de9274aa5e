"""How callers are compared, with each other and with vcfeval's counts."""

from __future__ import annotations

from dvplug.evaluate import ClassCounts, Evaluation
from dvplug_lab.comparison.compared import Compared, difference


def test_ratio_is_to_the_better_peer() -> None:
    compared = Compared("x", 30.0)
    compared.of["bcftools"] = Evaluation(ClassCounts(fp=3, fn=2), ClassCounts(fp=4, fn=1))
    compared.of["freebayes"] = Evaluation(ClassCounts(fp=1, fn=1), ClassCounts(fp=1, fn=1))
    assert compared.ratio is None
    compared.of["dvplug"] = Evaluation(ClassCounts(fp=1), ClassCounts(fn=1))
    assert compared.ratio == 0.5


def test_counts_are_compared_with_vcfeval_by_class() -> None:
    line = {"class": "non_snp", "tp_baseline": "32", "fp": "8", "tp_call": "32", "fn": "4"}
    same = Evaluation(ClassCounts(), ClassCounts(32, 32, 8, 4))
    assert difference(line, same) == (0, "as vcfeval counted")
    largest, text = difference(line, Evaluation(ClassCounts(32, 32, 8, 4), ClassCounts(33, 32, 6, 4)))
    assert largest == 2
    assert "fp 8 is 6 here" in text
    assert "fn" not in text
