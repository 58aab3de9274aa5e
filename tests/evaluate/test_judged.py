"""What is read of judged calls: curves, bands of GQ, strata."""

from __future__ import annotations

import pytest

from dvplug.evaluate import ClassCounts, Evaluation
from dvplug.evaluate.judged import Judged, calibration, precision_recall, strata, within_factor
from dvplug_lab.comparison.pictures import pooled_calibration


def call(status: str, qual: float = 30.0, gq: int = 30, kind: str = "SNP", **more: int) -> Judged:
    """A heterozygote at 30x, by default."""
    return Judged(status, kind, "het", more.get("homopolymer", 2), more.get("depth", 30), qual, gq)


def test_the_curve_goes_from_all_calls_to_the_best() -> None:
    judged = [call("TP", 50), call("TP", 40), call("FP", 40), call("TP", 10), call("FP", 5), call("FN", 0)]
    result = Evaluation(ClassCounts(3, 3, 2, 1), ClassCounts())
    curves = precision_recall(judged, result)
    assert curves["INDEL"] == []
    assert curves["SNP"] == [
        pytest.approx([5, 0.75, 3 / 5]),
        pytest.approx([10, 0.75, 3 / 4]),
        pytest.approx([40, 0.5, 2 / 3]),
        pytest.approx([50, 0.25, 1.0]),
    ]


def test_bands_count_wrong_calls_and_those_that_gq_promises() -> None:
    judged = (
        [call("TP", gq=20)] * 150 + [call("FP", gq=22)] * 2 + [call("FN", gq=20)] * 9 + [call("TP", gq=99)]
    )
    (band, best) = calibration(judged)
    assert (band["gq"], band["calls"], band["wrong"]) == ([20, 25], 152, 2)
    assert band["expected"] == pytest.approx(150 * 0.01 + 2 * 10**-2.2)
    assert within_factor(band)
    assert best["gq"] == [50, 100]
    assert not within_factor(band | {"wrong": 30})
    assert not within_factor({"calls": 10_000, "wrong": 0, "expected": 100.0})
    pooled = pooled_calibration([{"calibration": [band]}, {"calibration": [band, best]}])
    assert [(one["calls"], one["wrong"]) for one in pooled] == [(1, 0), (304, 4)]


def test_gq_beyond_the_last_band_counts_in_it() -> None:
    (band,) = calibration([call("TP", gq=99), call("FP", gq=127), call("TP", gq=50)])
    assert (band["gq"], band["calls"], band["wrong"]) == ([50, 100], 3, 1)


def test_strata_part_by_homopolymer_and_depth() -> None:
    judged = [
        call("TP"),
        call("FP", homopolymer=3),
        call("FN", homopolymer=4, depth=9),
        call("TP", kind="INDEL", depth=50),
    ]
    found = strata(judged)
    assert found["homopolymer"]["1-3"] == {"SNP": [1, 1, 0], "INDEL": [1, 0, 0]}
    assert found["homopolymer"]["4-6"]["SNP"] == [0, 0, 1]
    assert found["depth"]["under 10"]["SNP"] == [0, 0, 1]
    assert found["depth"]["50 or more"]["INDEL"] == [1, 0, 0]
