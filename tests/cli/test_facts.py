"""Facts of a manifest in lines for people."""

from __future__ import annotations

from dvplug.cli.facts import fact_lines


def test_what_is_told_of_a_fact_stands_below_it() -> None:
    facts = {
        "name": "toy",
        "chosen_for": None,
        "image": {"height": 64, "channels": ["strand", "read_base"], "steps": []},
        "empty": {"steps": [], "more": {}},
        "realign_reads": True,
        "lapse_rates": {"snp": [[0.0, 0.0023289], [10.0, 5.64e-05]]},
        "metrics": [{"set": "mine, 30x", "type": "SNP", "tp": 9, "f1": 0.987654}],
        "curve": [{"above": 0.97, "wrong": 2}, {"above": 0.98, "wrong": 1}],
    }
    assert [*fact_lines(facts)] == [
        ("name", "toy"),
        ("image", ""),
        ("  height", "64"),
        ("  channels", "strand, read_base"),
        ("realign_reads", "yes"),
        ("lapse_rates", ""),
        ("  snp", "0.002329 from 0, 5.64e-05 from 10"),
        ("metrics", ""),
        ("  mine, 30x, SNP", "tp 9, f1 0.9877"),
        ("curve", ""),
        ("  1", "above 0.97, wrong 2"),
        ("  2", "above 0.98, wrong 1"),
    ]


def test_limits_are_told_in_words() -> None:
    runs = {
        "strand": {"low": 0.06, "high": 0.94, "refused": None},
        "length": {"low": 24.0, "high": None, "refused": None},
        "differing": {"low": None, "high": 35.2, "refused": {"low": None, "high": 60.0}},
        "starts": {"low": None, "high": None, "refused": {"low": 0.01, "high": 0.9}},
        "any": {"low": None, "high": None, "refused": None},
    }
    assert dict(fact_lines(runs)) == {
        "strand": "0.06 to 0.94",
        "length": "24 or more",
        "differing": "at most 35.2; refused unless at most 60",
        "starts": "any; refused unless 0.01 to 0.9",
    }
