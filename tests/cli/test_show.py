"""`dvplug show`: what it prints and draws, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pysam
import pytest

from dvplug.cli.show import _nothing
from dvplug.line.region import Region
from dvplug.show.sites import NoCandidate
from dvplug.simulate import SimulatedDataset
from dvplug.technology import CandidateThresholds
from helpers.command import run


def arguments(data: SimulatedDataset, *more: object) -> list[object]:
    return ["show", "--tech", "illumina-wgs", "--ref", data.reference, "--reads", data.reads, *more]


def test_the_command_prints_the_call_and_draws(
    dataset: SimulatedDataset, called: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pysam.VariantFile(str(called)) as records:
        record = next(record for record in records if "PASS" in record.filter)
    picture = tmp_path / "picture.png"
    assert run(*arguments(dataset, "--at", f"{record.chrom}:{record.pos:,}", "--out", picture)) == 0
    printed = capsys.readouterr().out
    sample = record.samples[0]
    assert f"{record.chrom}:{record.pos:,} {record.ref}>{','.join(record.alts)}" in printed
    assert f"GT {'/'.join(map(str, sample['GT']))}  PASS  GQ {sample['GQ']}" in printed
    assert f"AD {','.join(map(str, sample['AD']))}" in printed
    assert len(re.findall(r"P\(no copy\) [01]\.\d+", printed)) == 1
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--at", "chrS:100-200"], "is 101 bases long"),
        (["--at", "chrX:100"], "Unknown contig 'chrX'"),
        (["--at", "chrS:100", "--out", "picture.jpg"], "has an unknown format"),
        (["--at", "chrS:100", "--out", "nowhere/picture.png"], "Folder nowhere of --out does not exist"),
        (["--at", "chrS:100", "--out", "picture.png"], "no position has a candidate"),
    ],
)
def test_mistakes_are_named(
    more: list[str], message: str, dataset: SimulatedDataset, capsys: pytest.CaptureFixture[str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(*arguments(dataset, *more)) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())


def test_what_a_longer_indel_needs_is_said_where_that_is_less() -> None:
    usual, lowered = (
        _nothing(
            NoCandidate(
                Region("c", 4, 5), "A", 9, 9, {"A>T": 1},
                CandidateThresholds(min_fraction_indels=0.15, further_indels=further), (),
            )
        )
        for further in (1, 0.6)
    )  # fmt: skip
    assert lowered == [*usual, "  an indel of 2 bp or more needs 3 and 9.0%"]
