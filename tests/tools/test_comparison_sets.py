"""Validation sets: found by name or folder, called in stretches, thinned by fragments."""

from __future__ import annotations

from pathlib import Path

import pysam
import pytest

from dvplug.errors import InputError
from dvplug.line.region import Region
from dvplug.simulate import SimulatedDataset
from dvplug_lab.comparison.sets import find_set, mean_depth, stretches, thinned


def test_near_intervals_are_called_together_and_widened_within_the_contig() -> None:
    confident = [Region("1", 500, 900), Region("1", 5_000, 6_000), Region("1", 40_000, 49_900)]
    assert stretches([*confident, Region("2", 10, 20)], {"1": 50_000, "2": 800}) == [
        Region("1", 0, 7_000),
        Region("1", 39_000, 50_000),
        Region("2", 0, 800),
    ]


def test_thinning_reaches_the_depth_and_keeps_mates_together(
    dataset: SimulatedDataset, tmp_path: Path
) -> None:
    contig = pysam.FastaFile(str(dataset.reference)).references[0]
    where = [Region(contig, 1_000, 59_000)]
    assert mean_depth(dataset.reads, where) == pytest.approx(30, rel=0.1)
    thin = thinned(dataset.reads, 0.5, where, tmp_path / "thin.bam")
    assert mean_depth(thin, where) == pytest.approx(15, rel=0.15)
    names = [read.query_name for read in pysam.AlignmentFile(str(thin)).fetch(contig, 2_000, 58_000)]
    assert len(names) > 1.9 * len(set(names))


def test_sets_are_folders_or_beds_in_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="hg002_illumina"):
        find_set("hg002_ilumina", tmp_path)
    for name in ("ref.fa", "reads.bam", "truth.vcf.gz", "tune.bed"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"lacks .*confident\.bed"):
        find_set(str(tmp_path), tmp_path)
    assert find_set(str(tmp_path / "tune.bed"), tmp_path).confident == tmp_path / "tune.bed"
