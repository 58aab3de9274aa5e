"""`dvplug report`: reports that are refused or written whole."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from dvplug.simulate import SimulatedDataset
from helpers.bcftools import HEADER
from helpers.command import run


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"chr1\t1\n", "is not a VCF"),
        (b"", "is not a VCF"),
        (HEADER.replace("\tS", "").encode(), "has 0 samples"),
        (HEADER.replace("\tS", "\tS\tT").encode(), "has 2 samples"),
        (HEADER.encode() + b"chr1\t5\t.\tA\n", "Record 1 of .* is not one of a VCF of one sample"),
        (gzip.compress(HEADER.encode() * 100, mtime=0)[:-20], "cannot be read"),
    ],
)
def test_what_is_no_vcf_is_refused_and_leaves_nothing(
    content: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vcf, out = tmp_path / "calls.vcf.gz", tmp_path / "report.html"
    vcf.write_bytes(content)
    assert run("report", vcf, "--out", out) == 2
    assert re.search(message, " ".join(capsys.readouterr().err.split()))
    assert not out.exists()


@pytest.mark.parametrize(
    ("out", "report", "message"),
    [
        ("-", "report.html", "cannot be made of a VCF on stdout"),
        ("calls.vcf", "report.pdf", "has an unknown format"),
        ("calls.vcf", "nowhere/report.html", "Folder nowhere of --report does not exist"),
    ],
)
def test_a_report_that_cannot_be_is_refused_before_calling(
    out: str, report: str, message: str, dataset: SimulatedDataset, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    words = ["call", "--tech", "illumina-wgs", "--ref", dataset.reference, "--reads", dataset.reads]
    assert run(*words, f"--out={out}", "--report", report) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())


def test_an_empty_vcf_has_a_report(tmp_path: Path) -> None:
    vcf = tmp_path / "none.vcf"
    vcf.write_text(HEADER)
    assert run("report", vcf, "--out", tmp_path / "report.html") == 0
    assert (tmp_path / "report.html").stat().st_size < 100_000
