"""The maintainers' scripts: what they run and how they count, not how fast anything is."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pysam
import pytest

from compare_callers import Compared, difference
from dvplug.errors import DvplugError, InputError
from dvplug.evaluate import ClassCounts, Evaluation
from dvplug.line.region import Region
from dvplug.simulate import SimulatedDataset
from dvplug_lab.comparison import peers
from dvplug_lab.comparison.errors import observed_alleles
from dvplug_lab.comparison.sets import find_set, mean_depth, stretches, thinned
from dvplug_lab.read_sets import sets_of
from dvplug_lab.speed.processes import measure
from evaluate_model import is_made


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


def test_observed_alleles_name_the_bases_that_follow_and_deletions(tmp_path: Path) -> None:
    path = tmp_path / "x.bam"
    header = pysam.AlignmentHeader.from_dict({"SQ": [{"SN": "1", "LN": 100}]})
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for cigar, bases, quality in (
            ("10M", "ACGTACGTAC", 30),
            ("5M2I5M", "ACGTAGGCGTAC", 30),
            ("5M2D5M", "ACGTATACGT", 30),
            ("3M4D3M", "ACGCGT", 30),
            ("10M", "ACGTTCGTAC", 5),
        ):
            read = pysam.AlignedSegment(header)
            read.query_name, read.query_sequence, read.cigarstring = cigar, bases, cigar
            read.reference_id, read.reference_start, read.mapping_quality = 0, 20, 60
            read.query_qualities = pysam.qualitystring_to_array(chr(33 + quality) * len(bases))
            out.write(read)
    pysam.index(str(path))
    with pysam.AlignmentFile(str(path)) as alignments:
        assert observed_alleles(alignments, "1", 24) == {"A": 1, "AGG": 1, "A-2": 1, "*": 1}


def test_ratio_is_to_the_better_peer() -> None:
    compared = Compared("x", 30.0)
    compared.of["bcftools"] = Evaluation(ClassCounts(fp=3, fn=2), ClassCounts(fp=4, fn=1))
    compared.of["freebayes"] = Evaluation(ClassCounts(fp=1, fn=1), ClassCounts(fp=1, fn=1))
    assert compared.ratio is None
    compared.of["dvplug"] = Evaluation(ClassCounts(fp=1), ClassCounts(fn=1))
    assert compared.ratio == 0.5


def test_counts_are_compared_with_vcfeval_by_class() -> None:
    line = {"class": "non_snp", "tp_baseline": "32", "fp": "8", "tp_call": "32", "fn": "4"}
    same = Evaluation(ClassCounts(), ClassCounts(32, 32, 8, 4))
    assert difference(line, same) == (0, "as vcfeval counted")
    largest, text = difference(line, Evaluation(ClassCounts(32, 32, 8, 4), ClassCounts(33, 32, 6, 4)))
    assert largest == 2
    assert "fp 8 is 6 here" in text
    assert "fn" not in text


def test_a_failure_within_a_pipeline_is_reported() -> None:
    bad = [sys.executable, "-c", "import sys; sys.exit('no such thing')"]
    good = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with pytest.raises(DvplugError, match="no such thing"):
        peers.run([bad, good])
    with pytest.raises(DvplugError, match="ended with 1"):
        measure([bad, good])


def test_absent_programs_are_named() -> None:
    with pytest.raises(DvplugError, match="no-such-caller cannot be found"):
        peers.require("no-such-caller")


def test_sets_are_folders_or_beds_in_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="hg002_illumina"):
        find_set("hg002_ilumina", tmp_path)
    for name in ("ref.fa", "reads.bam", "truth.vcf.gz", "tune.bed"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"lacks .*confident\.bed"):
        find_set(str(tmp_path), tmp_path)
    assert find_set(str(tmp_path / "tune.bed"), tmp_path).confident == tmp_path / "tune.bed"


def test_reads_made_by_another_recipe_are_refused(tmp_path: Path) -> None:
    (chosen, *_) = sets_of("ion")
    assert not is_made(chosen, tmp_path)
    (tmp_path / chosen.name).mkdir()
    done = tmp_path / chosen.name / "done.txt"
    done.write_text(f"{chosen}\n3 reads or pairs, 1 variants, 2 s\n")
    assert is_made(chosen, tmp_path)
    with pytest.raises(InputError, match="another recipe"):
        is_made(replace(chosen, seed=chosen.seed + 1), tmp_path)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="memory is read from /proc")
def test_memory_and_time_of_a_child_of_a_child_are_counted() -> None:
    inner = "import time; x = bytearray(90_000_000); t = time.process_time()\nwhile time.process_time() < t + .3: pass"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], check=True)"
    cost = measure([[sys.executable, "-c", outer]])
    assert cost.cpu_s > 0.3
    assert cost.peak_mb[0] > 90 > cost.peak_mb[1]
