"""Reads that do not count: how many, and for what, on screen, in the log and in the report."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pysam
import pytest

from dvplug.calling.events import warn_of_copies, warn_of_reads
from dvplug.line.read_batch import LEFT_OUT
from dvplug.line.result import Counts
from dvplug.line.run_profile import usual_profile
from dvplug.simulate import SimulatedDataset
from helpers.command import events, run
from helpers.shipped_model import SHIPPED


@pytest.fixture(scope="module")
def marked(dataset: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulated reads: of twenty, ten are duplicates, five fail QC, and all but one of the rest are of MAPQ 3."""
    path = tmp_path_factory.mktemp("marked") / "reads.bam"
    with (
        pysam.AlignmentFile(str(dataset.reads)) as reads,
        pysam.AlignmentFile(str(path), "wb", template=reads) as out,
    ):
        for i, read in enumerate(reads):
            read.flag |= 0x400 if i % 20 < 10 else 0x200 if i % 20 < 15 else 0
            read.mapping_quality = 60 if i % 20 == 19 else 3
            out.write(read)
    pysam.index(str(path))
    return path


def test_each_filter_is_counted_as_samtools_does(
    dataset: SimulatedDataset, marked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, log, report = tmp_path / "x.vcf", tmp_path / "x.jsonl", tmp_path / "x.html"
    part = "chrS:20,001-30,000"
    words = [
        "--tech",
        "illumina-wgs",
        "--ref",
        dataset.reference,
        "--reads",
        marked,
        "--device",
        "cpu",
        "--regions",
        part,
    ]
    assert run("call", *words, "--out", out, "--log-json", log, "--report", report, "--workers", 1) == 0

    def count(*filters: str) -> int:
        return int(pysam.view("-c", *filters, str(marked), part.replace(",", "")))

    used = count("-F", "0x600", "-q", "5")
    expected = dict.fromkeys(LEFT_OUT, 0) | {
        "duplicate": count("-f", "0x400"),
        "QC fail": count("-f", "0x200"),
        "mapping quality": count("-F", "0x600") - used,
    }
    (counts,) = [event for event in events(log) if event["event"] == "counts"]
    assert counts["reads"] == used > 0
    assert counts["left_out"] == expected
    said = capsys.readouterr().err
    amounts = (
        "{QC fail:,} that failed QC, {duplicate:,} duplicates, {mapping quality:,} of low mapping quality."
    )
    assert f"the read filter left {used:,} reads" in said
    assert amounts.format_map(expected) in said
    page = report.read_text()
    assert f'["duplicate",{expected["duplicate"]}]' in page.replace(" ", "")
    trained = json.loads((SHIPPED / "manifest.json").read_text())["trained_on"]["runs"]["read_length"]
    assert f"the median read has 150 bp; trained on {trained['low']:g} to {trained['high']:g}" in page
    assert "reads differs from it at 0.00% of its aligned bases" in page


@pytest.mark.parametrize(
    ("reads", "left_out", "chosen", "says"),
    [
        (100, {"duplicate": 100, "sampling": 5000}, False, ""),
        (100, {"duplicate": 901}, False, "left 100 reads, 10.0% of them. Left out were: 901 duplicates."),
        (
            0,
            {"unmapped": 3, "secondary": 2000},
            False,
            "no records. Left out were: 3 unmapped, 2,000 secondary.",
        ),
        (0, {}, False, "no records. There are none that were left out either: check --regions."),
        (100, {"no sequence": 7}, False, "7 alignments without sequence or CIGAR"),
        (9, {"other sample": 5000}, True, ""),
        (9, {"other sample": 5000}, False, "5,000 reads of other samples, or of no read group"),
        (0, {"other sample": 5000}, True, "no records. Left out were: 5,000 of another sample."),
    ],
)
def test_what_is_said(
    reads: int, left_out: dict[str, int], chosen: bool, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    warn_of_reads(Counts(reads=reads, left_out=Counter(left_out)), chosen=chosen)
    said = " ".join(capsys.readouterr().err.split())
    assert says in said
    assert bool(said) == bool(says)


@pytest.mark.parametrize(
    ("distinct", "said"), [(0.0, ""), (0.2, ""), (0.25, "75%"), (0.78, "22%"), (0.96, ""), (1.0, "")]
)
def test_copies_that_nothing_marks_are_told(
    capsys: pytest.CaptureFixture[str], distinct: float, said: str
) -> None:
    """Not where nothing is known of them, nor where fragments lie alike by design."""
    warn_of_copies(replace(usual_profile(), distinct_fragments=distinct))
    shown = " ".join(capsys.readouterr().err.split())
    assert (f"{said} of the fragments lie exactly as another" in shown) == bool(said)
    assert ("samtools markdup" in shown) == bool(said)
