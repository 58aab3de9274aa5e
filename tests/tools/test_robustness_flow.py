"""Flow reads err in the lengths of runs alone, at the rate that was asked for."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.simulate.genome import random_genome, write_fasta
from dvplug_lab.robustness import flow_reads
from dvplug_lab.robustness.flow_reads import fastq, make_flow_set, sequence


def _runs(codes: np.ndarray) -> list[tuple[int, int]]:
    return [(int(base), len(list(group))) for base, group in itertools.groupby(codes.tolist())]


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.1])
def test_runs_of_two_or_more_are_read_wrong_at_the_rate(rate: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_reads, "SUBSTITUTED", 0.0)
    rng = np.random.default_rng(3)
    wrong = runs = 0
    for _ in range(600):
        # Runs of two to five, so that none can vanish and join its neighbours.
        bases = np.cumsum(rng.integers(1, 4, 60)) % 4
        codes = np.repeat(bases, rng.integers(2, 6, 60)).astype(np.uint8)
        read = sequence(codes, rate, [], rng)
        assert len(read.quality) == len(read.codes)
        for (base, length), (told, told_length) in zip(_runs(codes), _runs(read.codes), strict=True):
            assert base == told
            assert abs(length - told_length) <= 1
            wrong += length != told_length
            runs += 1
    assert wrong / runs == pytest.approx(rate, abs=0.007)


def test_qualities_of_the_panel_are_taken_as_they_are() -> None:
    panel = [np.full(30, 17, np.uint8), np.full(90, 33, np.uint8)]
    rng = np.random.default_rng(4)
    codes = random_genome(80, rng)
    for _ in range(20):
        read = sequence(codes, 0.05, panel, rng)
        assert set(read.quality.tolist()) in ({17}, {33})
        assert len(read.quality) == len(read.codes)


def test_wrong_flows_have_lower_own_qualities() -> None:
    rng = np.random.default_rng(6)
    wrong, told = np.zeros(4000, bool), np.ones(4000, np.int64)
    wrong[::2] = True
    quality = flow_reads.own_qualities(told, wrong, rng)
    assert quality[::2].mean() < quality[1::2].mean() - 6


def test_fastq_lines() -> None:
    read = flow_reads.FlowRead(np.array([0, 1, 2, 3], np.uint8), np.array([0, 10, 20, 40], np.uint8))
    assert fastq("a", read) == b"@a\nACGT\n+\n!+5I\n"


@pytest.mark.skipif(
    not (shutil.which("bwa") and shutil.which("samtools")), reason="bwa or samtools is missing"
)
def test_a_set_has_its_variants_in_its_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("FROM", 1_000), ("LENGTH", 8_000), ("DEPTH", 30)):
        monkeypatch.setattr(flow_reads, name, value)
    fasta = tmp_path / "extra.fa"
    write_fasta(fasta, {flow_reads.CONTIG: random_genome(12_000, np.random.default_rng(1))})
    made = make_flow_set(tmp_path / "made", fasta, 0.0, [])
    checked = 0
    with (
        pysam.AlignmentFile(str(made / "reads.bam")) as reads,
        pysam.VariantFile(str(made / "truth.vcf.gz")) as truth,
    ):
        for record in truth:
            if len(record.ref) == len(record.alts[0]) == 1 and 500 < record.start < 7_500:
                counts = reads.count_coverage(record.contig, record.start, record.stop, quality_threshold=0)
                share = counts["ACGT".index(record.alts[0])][0] / sum(column[0] for column in counts)
                expected = sum(record.samples[0]["GT"]) / 2
                assert share == pytest.approx(expected, abs=0.35)
                checked += 1
        assert checked
        assert {read.is_paired for read in reads.fetch()} == {False}
