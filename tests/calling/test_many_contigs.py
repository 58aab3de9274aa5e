"""Genomes of many small contigs: the same records for any number of workers as contig by contig, and resumed."""

import json
import shutil
from pathlib import Path

import pysam
import pytest

from dvplug.calling import journal
from dvplug_lab.speed.odd_genomes import many_contigs
from helpers.command import run

CONTIGS = 30
pytestmark = pytest.mark.skipif(shutil.which("samtools") is None, reason="samtools is absent")


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return many_contigs(
        tmp_path_factory.mktemp("contigs"), contigs=CONTIGS, length=1000, depth=12, seed=3, with_reads=15
    )


def called(genome: tuple[Path, Path], out: Path, *more: object, workers: int = 1) -> str:
    reference, reads = genome
    words = ["call", "--tech", "illumina-wgs", "--ref", reference, "--reads", reads, "--out", out, "--force"]
    words += ["--gvcf", out.with_suffix(".g.vcf"), "--device", "cpu", "--workers", workers, *more]
    assert run(*words) == 0
    return out.read_text() + out.with_suffix(".g.vcf").read_text()


def records(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_records_are_those_of_each_contig_alone(genome: tuple[Path, Path], tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    whole = called(genome, tmp_path / "whole.vcf", "--log-json", log)
    assert sum("PASS" in line for line in records(whole)) >= 10
    assert called(genome, tmp_path / "two.vcf", workers=2) == whole
    alone = [
        called(genome, tmp_path / f"{i}.vcf", "--regions", f"contig{i}") for i in (*range(6), CONTIGS - 1)
    ]
    few = [f"contig{i}\t" for i in (*range(6), CONTIGS - 1)]
    assert sorted(line for text in alone for line in records(text)) == sorted(
        line for line in records(whole) if line.startswith(tuple(few))
    )
    events = [json.loads(line) for line in log.read_text().splitlines()]
    told = [event["region"] for event in events if event["event"] == "partition"]
    assert told == [f"contig{i}:1-1000" for i in range(CONTIGS)]


def test_contigs_without_reads_are_passed_over(genome: tuple[Path, Path], tmp_path: Path) -> None:
    """But not in a gVCF, which says of every base what is known of it."""
    reference, reads = genome
    with pysam.AlignmentFile(str(reads)) as file:
        found = {read.reference_name for read in file.fetch(until_eof=True)}
    assert 0 < len(found) < CONTIGS
    out, log = tmp_path / "calls.vcf", tmp_path / "log.jsonl"
    words = [
        "call",
        "--tech",
        "illumina-wgs",
        "--ref",
        reference,
        "--reads",
        reads,
        "--force",
        "--device",
        "cpu",
    ]
    assert run(*words, "--out", out, "--log-json", log) == 0
    events = [json.loads(line) for line in log.read_text().splitlines()]
    regions = [event["region"] for event in events if event["event"] == "partition"]
    assert regions == [f"contig{i}:1-1000" for i in range(CONTIGS) if f"contig{i}" in found]
    with_gvcf = tmp_path / "whole.vcf"
    called(genome, with_gvcf)
    assert records(out.read_text()) == records(with_gvcf.read_text())
    empty = next(f"contig{i}" for i in range(CONTIGS) if f"contig{i}" not in found)
    assert run(*words, "--out", out, "--regions", empty) == 0
    assert records(out.read_text()) == []


def test_a_run_over_contigs_goes_on_where_it_was_stopped(
    genome: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = called(genome, tmp_path / "whole.vcf")
    out = tmp_path / "stopped.vcf"
    add, added = journal.Journal.add, []

    def stopping(self: journal.Journal, result: object) -> None:
        if len(added) == 7:
            raise KeyboardInterrupt
        added.append(result)
        add(self, result)  # type: ignore[arg-type]

    monkeypatch.setattr(journal.Journal, "add", stopping)
    with pytest.raises(AssertionError, match="130"):
        called(genome, out)
    monkeypatch.undo()
    assert called(genome, out, "--resume", workers=2).replace("stopped", "whole") == whole
