"""Shifted reads are the same reads but for what is shifted; libraries hold the variants that they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.errors import InputError
from dvplug.simulate import SimulatedDataset
from dvplug.simulate.genome import random_genome, write_fasta
from dvplug_lab.shifts import libraries
from dvplug_lab.shifts.reads import SHIFTS, shift_reads


def _reads(path: Path) -> dict[tuple[str | None, bool], pysam.AlignedSegment]:
    with pysam.AlignmentFile(str(path)) as reads:
        return {(read.query_name, read.is_reverse): read for read in reads}


@pytest.mark.parametrize("shift", sorted(set(SHIFTS) - {"length-36", "length-50", "length-75", "hard-clips"}))
def test_places_and_bases_stay(shift: str, dataset: SimulatedDataset, tmp_path: Path) -> None:
    before, after = _reads(dataset.reads), _reads(shift_reads(shift, dataset.reads, tmp_path / "out.bam"))
    assert len(after) > 0.4 * len(before)
    changed = 0
    for key, read in after.items():
        old = before[key]
        assert (read.reference_start, read.cigarstring, read.query_sequence) == (
            old.reference_start,
            old.cigarstring,
            old.query_sequence,
        )
        changed += read.to_string() != old.to_string()
    assert changed or len(after) < len(before) or shift in ("mapq-60", "no-haplotypes")


def test_single_reads_have_no_trace_of_a_mate(dataset: SimulatedDataset, tmp_path: Path) -> None:
    for read in _reads(shift_reads("single", dataset.reads, tmp_path / "out.bam")).values():
        assert not read.flag & 0xEB
        assert (read.template_length, read.next_reference_id) == (0, -1)


@pytest.mark.parametrize("shift", ["length-36", "hard-clips"])
def test_bases_that_stay_lie_where_they_lay(shift: str, dataset: SimulatedDataset, tmp_path: Path) -> None:
    before = _reads(dataset.reads)
    shorter = 0
    for key, read in _reads(shift_reads(shift, dataset.reads, tmp_path / "out.bam")).items():
        old = {p: before[key].query_sequence[i] for i, p in before[key].get_aligned_pairs(matches_only=True)}
        new = {p: read.query_sequence[i] for i, p in read.get_aligned_pairs(matches_only=True)}
        assert new.items() <= old.items()
        assert shift == "hard-clips" or read.query_length == 36
        shorter += read.query_length < before[key].query_length
    assert shorter


def test_an_unknown_shift_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no shift 'singel'"):
        shift_reads("singel", tmp_path / "a.bam", tmp_path / "b.bam")


def test_libraries(tmp_path: Path) -> None:
    fasta = tmp_path / "extra.fa"
    write_fasta(fasta, {"chr13_32M": random_genome(300_000, np.random.default_rng(1))})
    dense = libraries.dense(tmp_path / "dense", fasta, 40)
    places = [record.start for record in pysam.VariantFile(str(dense / "truth.vcf.gz"))]
    assert set(np.diff(places).tolist()) == {40}
    stretches = libraries.stretches(tmp_path / "stretches", fasta, 50)
    starts = [record.start for record in pysam.VariantFile(str(stretches / "truth.vcf.gz"))]
    assert {place - place % 1000 for place in starts if place % 50 or place % 10_000 >= 2_500} <= set(starts)
    assert sum(20_000 <= place < 30_000 for place in starts) == 50 + 7


def test_amplicons_have_their_depth_and_their_variants_are_read(tmp_path: Path) -> None:
    fasta = tmp_path / "extra.fa"
    write_fasta(fasta, {"chr13_32M": random_genome(300_000, np.random.default_rng(1))})
    for length, depth in ((150, 30), (250, 20), (400, 60)):
        made = libraries.amplicons(tmp_path / f"amplicons{length}", fasta, length, depth)
        bed = [line.split() for line in (made / "confident.bed").read_text().splitlines()]
        confident = {at for _, start, end in bed for at in range(int(start), int(end))}
        with pysam.AlignmentFile(str(made / "reads.bam")) as reads:
            ends = {(read.reference_start, read.reference_end) for read in reads}
            places = [record.start for record in pysam.VariantFile(str(made / "truth.vcf.gz"))]
            assert len(places) == len({start for start, _ in ends if start + length - 150 in dict(ends)})
            assert set(places) <= confident
            depths = [reads.count("chrS", at, at + 1) for at in sorted(confident)]
            assert np.mean(depths) == pytest.approx(depth, rel=0.15)
            assert min(depths) > 0


def test_deep_amplicons_are_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "MOST_PAIRS", 1_200)
    fasta = tmp_path / "extra.fa"
    write_fasta(fasta, {"chr13_32M": random_genome(300_000, np.random.default_rng(1))})
    made = libraries.amplicons(tmp_path / "made", fasta, 400, 400)
    assert len(list(pysam.VariantFile(str(made / "truth.vcf.gz")))) == 3
