"""Errors, verdicts, and how sure calls are: against counts made by hand."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.evaluate.judged import Judged
from dvplug.simulate import SimulatedDataset
from dvplug_lab.comparison.sets import ValidationSet
from dvplug_lab.robustness import cases as case_module
from dvplug_lab.robustness.calling import MeasuredModel
from dvplug_lab.robustness.cases import ALL_READS, Case, at_most, find_cases
from dvplug_lab.robustness.counting import count_one, gq_bands, sure_shares
from dvplug_lab.robustness.found import AS_IS, Errors, ReadsMeasured

needs_bcftools = pytest.mark.skipif(not shutil.which("bcftools"), reason="bcftools is not installed")


def _set(dataset: SimulatedDataset) -> ValidationSet:
    return ValidationSet(
        "small", "illumina-wgs", dataset.reference, dataset.reads, dataset.truth, dataset.confident
    )


def _errors(total: int) -> Errors:
    return Errors(total, 0, 0, 0, 90, 10)


def _measured(reads: str, ours: int | None, theirs: int) -> ReadsMeasured:
    errors = {"dvplug": None if ours is None else _errors(ours), "bcftools": _errors(theirs)}
    return ReadsMeasured("one", reads, 30.0, errors, {"SNP": None, "INDEL": None})


@pytest.mark.parametrize(
    ("plain", "shifted", "theirs", "faults"),
    [
        (4, 8, 8, []),
        (4, 9, 9, ["more than 1.5 x 4 + 2"]),
        (4, 8, 7, ["above bcftools"]),
        (0, 3, 2, ["more than 1.5 x 0 + 2", "above bcftools"]),
        (0, None, 2, ["not called"]),
    ],
)
def test_a_shift_may_cost_half_as_much_again_and_two(
    plain: int, shifted: int | None, theirs: int, faults: list[str]
) -> None:
    as_is = _measured(AS_IS, plain, 100)
    assert _measured("single", shifted, theirs).faults(as_is) == faults
    assert as_is.faults(as_is) == []


def _judged(rng: np.random.Generator) -> list[Judged]:
    return [
        Judged(str(status), str(kind), "het", 1, gq=None if status == "FN" else int(gq))
        for status, kind, gq in zip(
            rng.choice(["TP", "FP", "FN"], 400),
            rng.choice(["SNP", "INDEL"], 400),
            rng.integers(0, 60, 400),
            strict=True,
        )
    ]


def test_bands_hold_every_call_once() -> None:
    judged = _judged(np.random.default_rng(5))
    bands = {(band.type, band.low): band for band in gq_bands(judged)}
    inside = [one for one in judged if one.kind == "INDEL" and one.gq is not None and 30 <= one.gq <= 39]
    assert bands["INDEL", 30].calls == len(inside)
    assert bands["INDEL", 30].wrong == len([one for one in inside if one.status == "FP"])
    claimed = sum(10 ** (-(one.gq or 0) / 10) for one in inside)
    assert bands["INDEL", 30].claimed == pytest.approx(claimed)
    assert sum(band.calls for band in bands.values()) == sum(one.status != "FN" for one in judged)


def test_sure_calls_are_counted_of_all_that_is_true() -> None:
    judged = [Judged("TP", "SNP", "het", 1, gq=gq) for gq in (19, 20, 40)]
    judged += [Judged("FP", "SNP", "het", 1, gq=50), Judged("FN", "SNP", "het", 1)]
    assert sure_shares(judged, Errors(1, 1, 0, 0, 3, 0)) == {"SNP": pytest.approx(2 / 4), "INDEL": None}


def test_depths_are_shares_of_all_reads(
    dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_module, "DEEP", 20.0)
    monkeypatch.setattr(case_module, "USUAL", 16.0)
    monkeypatch.setattr(case_module, "find_set", lambda *_: _set(dataset))
    found = list(find_cases("small", tmp_path, "illumina-wgs", tmp_path, ("bcftools",), ("mapq-50",)))
    assert [case.reads for case in found] == [AS_IS, "mapq-50", "15x", "8x", ALL_READS]
    per_base = 60_000 / 150
    for case, depth in zip(found, (16, 16, 15, 8, 30), strict=True):
        with pysam.AlignmentFile(str(case.shifted().reads)) as reads:
            assert reads.mapped / per_base == pytest.approx(depth, rel=0.12)
    with pysam.AlignmentFile(str(found[1].shifted().reads)) as reads:
        assert {read.mapping_quality for read in reads} <= {0, 1, 2, 3, 4, 50}


def test_large_sets_are_cut_to_their_first_confident_bases(dataset: SimulatedDataset, tmp_path: Path) -> None:
    given = _set(dataset)
    assert at_most(given, 100_000, tmp_path) == given
    cut = at_most(given, 20_000, tmp_path)
    intervals = [line.split() for line in cut.confident.read_text().splitlines()]
    assert sum(int(end) - int(start) for _, start, end in intervals) == 20_000
    last = int(intervals[-1][2])
    with pysam.AlignmentFile(str(cut.reads)) as reads, pysam.AlignmentFile(str(given.reads)) as whole:
        assert reads.count(*intervals[-1][:1], 0, last) == whole.count(*intervals[-1][:1], 0, last)
        assert reads.mapped < 0.6 * whole.mapped


@needs_bcftools
def test_reads_are_called_and_counted_and_other_callers_only_once(
    dataset: SimulatedDataset, tmp_path: Path
) -> None:
    base = _set(dataset)
    case = Case(base, base, 30.0, "quality-5", tmp_path / "case", ("bcftools", "dvplug"))
    model = MeasuredModel.of("illumina-wgs", None)
    found, judged = count_one(case, model)
    ours, theirs = found.errors["dvplug"], found.errors["bcftools"]
    assert ours is not None
    assert theirs is not None
    with pysam.VariantFile(str(base.truth)) as records:
        truth = sum(1 for record in records if any(record.samples[0]["GT"]))
    assert ours.snp_tp + ours.snp_fn + ours.indel_tp + ours.indel_fn <= truth
    assert ours.snp_recall > 0.9
    assert sum(one.status == "FP" for one in judged) == ours.snp_fp + ours.indel_fp
    with pysam.VariantFile(str(tmp_path / "case" / model.key / "dvplug" / "fn.vcf.gz")) as missed:
        assert sum(1 for _ in missed) == ours.snp_fn + ours.indel_fn
    kept = tmp_path / "case" / "bcftools.json"
    kept.write_text(kept.read_text().replace(f'"snp_tp": {theirs.snp_tp}', '"snp_tp": 7'))
    again, _ = count_one(case, model)
    assert again.errors["bcftools"] == replace(theirs, snp_tp=7)
    assert again.errors["dvplug"] == ours
