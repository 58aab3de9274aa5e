"""The evaluation's parts: what is read of judged calls, curves, bands, strata, and what candidates allow."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pysam
import pytest

from dvplug.evaluate import ClassCounts, Evaluation, evaluate
from dvplug.evaluate.judged import Judged, calibration, precision_recall, read_judged, strata, within_factor
from dvplug.line.region import Region
from dvplug.simulate import SimulatedDataset
from dvplug_lab.comparison.candidates import count_candidates
from dvplug_lab.comparison.errors import depth_at
from dvplug_lab.comparison.pictures import draw_calibration, draw_precision_recall, pooled_calibration
from dvplug_lab.comparison.sets import ValidationSet


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


@pytest.fixture(scope="module")
def chosen(dataset: SimulatedDataset) -> ValidationSet:
    """The simulated sample as a validation set."""
    return ValidationSet(
        "simulated", "illumina-wgs", dataset.reference, dataset.reads, dataset.truth, dataset.confident
    )


def test_judged_calls_carry_what_the_reads_and_reference_show(chosen: ValidationSet, tmp_path: Path) -> None:
    """The truth itself as calls: all are TP; depth and homopolymer by an independent count."""
    evaluate(chosen.truth, chosen.truth, chosen.confident, chosen.reference, out_dir=tmp_path)
    with pysam.AlignmentFile(str(chosen.reads)) as alignments:
        judged = read_judged(tmp_path, chosen.reference, depth_of=partial(depth_at, alignments))
    with pysam.VariantFile(str(tmp_path / "tp.vcf.gz")) as found:
        records = list(found)
    assert len(judged) == len(records) > 20
    fasta, reads = pysam.FastaFile(str(chosen.reference)), pysam.AlignmentFile(str(chosen.reads))
    for one, record in zip(judged, records, strict=True):
        assert one.status == "TP"
        assert (one.kind == "SNP") == all(len(allele) == 1 for allele in record.alleles)
        assert (one.genotype == "het") == (0 in record.samples[0]["GT"])
        sequence = fasta.fetch(record.chrom)
        runs = []
        for at in (record.start, record.start + 1):
            length = 1
            while sequence[at - length] == sequence[at]:
                length += 1
            right = 1
            while sequence[at + right] == sequence[at]:
                right += 1
            runs.append(length + right - 1)
        assert one.homopolymer == max(runs)
        over = [r for r in reads.fetch(record.chrom, record.start, record.start + 1) if not r.flag & 0xF04]
        assert one.depth == len(over)


def test_candidates_find_nearly_all_and_more(chosen: ValidationSet, tmp_path: Path) -> None:
    contig = pysam.FastaFile(str(chosen.reference)).references[0]
    length = pysam.FastaFile(str(chosen.reference)).get_reference_length(contig)
    found = count_candidates(chosen, [Region(contig, 0, length)], tmp_path)
    for counts in found.values():
        assert counts.recall is not None
        assert counts.recall > 0.9
        assert counts.fp + counts.tp_query >= counts.tp_truth
    assert sum(counts.fp for counts in found.values()) > 0


def test_pictures_are_drawn(tmp_path: Path) -> None:
    curve = [[5.0, 0.9, 0.8], [40.0, 0.5, 1.0]]
    measured = [{"set": "x", "depth": 30.0, "precision_recall": {"dvplug": {"SNP": curve, "INDEL": []}}}]
    draw_precision_recall(measured, tmp_path / "curve.png")
    band = {"type": "SNP", "genotype": "het", "gq": [20, 25], "calls": 200, "wrong": 0, "expected": 1.0}
    draw_calibration([band, band | {"calls": 3, "type": "INDEL"}], tmp_path / "bands.png")
    for name in ("curve.png", "bands.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
