"""Learning from files of either kind of reads: what they were made with is found again; what is kept on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.errors import InputError
from dvplug.simulate import SimulatedDataset
from dvplug.simulate.depths import DepthBlocks
from dvplug.simulate.fragments import Fragments, fragment_starts
from dvplug.simulate.genome import random_genome, write_fasta
from dvplug.simulate.learn.context import ContextProfile
from dvplug.simulate.learn.error_counts import MOST_CHANGE
from dvplug.simulate.learn.profile import LONGEST_TRACT, Profile, learn_profile
from dvplug.simulate.learn.reads import LearntReads, learn_reads, way_of
from dvplug.simulate.learn.states import RIGHT, WRONG
from dvplug.simulate.long_reads import long_fastq_batches, prepare_long, read_spans
from dvplug.simulate.mapping import mapping
from dvplug.simulate.short_reads import fastq_batches, prepare
from dvplug.simulate.variants import apply_variants
from dvplug.simulate.world_ranges import LONG, NOISY_LONG, PAIRS, SINGLE, error_rate, kind_of
from helpers.aligners import needs_aligners
from helpers.planted_reads import QUIET, SHORTER_P, planted

DEPTH = DepthBlocks(np.array([0]), np.array([30.0]))


def pairs_that_err(substitution_p: float, rng: np.random.Generator) -> Profile:
    """Pairs of 2 x 100 bp of quality 25; of the bases so many are misread, A always as C."""
    shape, no_slip = (2000, 2, 100), np.zeros((5, LONGEST_TRACT + 1))
    read_as = np.cumsum(np.array([[0, 1, 0, 0], [0.25, 0, 0.25, 0.5], [1, 0, 0, 0], [0, 0, 1, 0]]), axis=1)
    return Profile(
        np.full(shape, 25, np.uint8),
        np.where(rng.random(shape) < substitution_p, WRONG, RIGHT).astype(np.uint8),
        np.full(shape[:2], 100),
        np.full(shape[0], 300),
        read_as,
        no_slip,
        no_slip,
        np.array([25], np.uint8),
        0.0,
    )


@needs_aligners
def test_pairs_err_as_they_were_made_to(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    made = pairs_that_err(0.012, rng)
    haplotype = apply_variants(random_genome(60_000, rng), [], 0)
    reference = write_fasta(tmp_path / "ref.fa", {"x": haplotype.codes})
    starts = fragment_starts(haplotype, made, DEPTH, np.ones(61), rng)
    source = prepare(haplotype.codes, made, QUIET._replace(short_indel_sd=0.0), 1)
    with mapping("sr", reference, tmp_path / "r.bam", "s", "ILLUMINA", 1) as mapper:
        for text in fastq_batches(source, Fragments(starts), made, rng, 0):
            mapper.write(text)
    learnt = learn_reads(tmp_path / "r.bam", reference)
    assert (learnt.way, learnt.platform, learnt.read_length) == ("pairs", "ILLUMINA", 100)
    profile = learnt.profile
    assert isinstance(profile, Profile)
    assert (profile.state == WRONG).mean() == pytest.approx(0.012, rel=0.1)
    assert profile.fragment.mean() == pytest.approx(300, rel=0.02)
    read_as = np.diff(profile.substitution, axis=1, prepend=0)
    assert read_as[0, 1] > 0.95
    assert read_as[1] == pytest.approx([0.25, 0, 0.25, 0.5], abs=0.05)
    assert profile.deletion_p[1, 1:4].max() < 1e-4
    assert kind_of(profile) is PAIRS


@needs_aligners
def test_repeats_of_longer_units_slip_as_often_as_theirs_do_not_as_homopolymers(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    slipping = np.zeros((5, LONGEST_TRACT + 1))
    slipping[1, 8:] = 0.06
    made = replace(pairs_that_err(0.0, rng), deletion_p=slipping)
    codes = random_genome(60_000, rng).reshape(-1, 300)
    codes[:, 100:110] = [2, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    codes[:, 200:216] = [2] + [0, 1] * 7 + [3]
    haplotype = apply_variants(codes.ravel(), [], 0)
    reference = write_fasta(tmp_path / "ref.fa", {"x": haplotype.codes})
    starts = fragment_starts(haplotype, made, DEPTH, np.ones(61), rng)
    source = prepare(haplotype.codes, made, QUIET._replace(short_indel_sd=0.0), 1)
    with mapping("sr", reference, tmp_path / "r.bam", "s", "ILLUMINA", 1) as mapper:
        for text in fastq_batches(source, Fragments(starts), made, rng, 0):
            mapper.write(text)
    learnt = learn_profile(tmp_path / "r.bam", reference)
    assert learnt.deletion_p[1, 8] == pytest.approx(0.05, rel=0.2)  # of reads over it, not all span it
    assert (learnt.deletion_p + learnt.insertion_p)[2, 14] < 0.002


@needs_aligners
def test_single_reads_err_as_they_were_made_to(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    made = planted()
    haplotype = apply_variants(random_genome(120_000, rng), [], 0)
    reference = write_fasta(tmp_path / "ref.fa", {"x": haplotype.codes})
    spans = read_spans(haplotype, made, DEPTH, rng)
    with mapping("map-ont", reference, tmp_path / "r.bam", "s", "", 1) as mapper:
        for text in long_fastq_batches(prepare_long(haplotype.codes, QUIET, 1), spans, made, rng, 0):
            mapper.write(text)
    learnt = learn_reads(tmp_path / "r.bam", reference)
    assert (learnt.way, learnt.platform) == ("single", "")
    profile = learnt.profile
    assert isinstance(profile, ContextProfile)
    assert profile.substitution_p.mean() == pytest.approx(0.02, rel=0.15)
    assert (profile.insertion_p + profile.deletion_p).max() < 0.002
    change = np.diff(profile.run_change, axis=-1, prepend=0).mean(axis=(0, 1))
    assert change[3, MOST_CHANGE - 1] == pytest.approx(SHORTER_P, rel=0.2)
    assert change[1, MOST_CHANGE] > 0.99
    # 27 bases of 256 are homopolymers of 3 bp, 81 of 1024 * 3/4 of 4 bp
    assert error_rate(profile) == pytest.approx(0.02 + SHORTER_P * (9 / 256 + 9 / 1024), rel=0.15)


def test_the_kind_of_single_reads_is_told_by_length_and_errors() -> None:
    assert kind_of(planted()) is SINGLE
    long = planted()
    long.length[:] = 5_000
    assert kind_of(long) is NOISY_LONG
    few = planted(substitution_p=0.0005)
    few.length[:] = 5_000
    few.run_change[..., MOST_CHANGE:] = 1.0
    few.run_change[..., :MOST_CHANGE] = 0.0
    assert error_rate(few) == pytest.approx(0.0005)
    assert kind_of(few) is LONG


def test_a_profile_of_pairs_is_learnt_as_it_always_was(dataset: SimulatedDataset, tmp_path: Path) -> None:
    learnt = learn_reads(dataset.reads, dataset.reference)
    plain = learn_profile(dataset.reads, dataset.reference)
    learnt.save(tmp_path / "p.npz")
    again = LearntReads.load(tmp_path / "p.npz")
    assert again.platform == learnt.platform
    for name, value in vars(plain).items():
        np.testing.assert_array_equal(getattr(again.profile, name), value)
    plain.save(tmp_path / "plain.npz")  # without a platform
    assert LearntReads.load(tmp_path / "plain.npz").way == "pairs"


def test_numbers_of_a_profile_are_read_as_numbers(dataset: SimulatedDataset, tmp_path: Path) -> None:
    learn_reads(dataset.reads, dataset.reference).save(tmp_path / "p.npz")
    profile = LearntReads.load(tmp_path / "p.npz").profile
    assert isinstance(profile, Profile)
    assert {type(n) for n in (profile.discordant_p, profile.slips_shared, profile.wrong_shared)} == {float}


def test_single_reads_are_kept_whole(tmp_path: Path) -> None:
    LearntReads(planted(), "ONT").save(tmp_path / "p.npz")
    again = LearntReads.load(tmp_path / "p.npz")
    assert (again.way, again.platform) == ("single", "ONT")
    for name, value in vars(planted()).items():
        np.testing.assert_array_equal(getattr(again.profile, name), value)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 broken"])
def test_what_is_no_profile_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "p.npz").write_bytes(content)
    with pytest.raises(
        InputError, match=r"p\.npz' is no profile of reads: it is no \.npz file, or damaged\. Make one"
    ):
        LearntReads.load(tmp_path / "p.npz")


def test_other_arrays_are_no_profile(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", quality=np.zeros(3))
    with pytest.raises(InputError, match="it holds something else"):
        LearntReads.load(tmp_path / "p.npz")
    with pytest.raises(InputError, match=r"Profile '.*q\.npz' does not exist"):
        LearntReads.load(tmp_path / "q.npz")


def written(path: Path, reads: list[pysam.AlignedSegment], header: pysam.AlignmentHeader) -> Path:
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for read in reads:
            out.write(read)
    pysam.index(str(path))
    return path


def a_read(header: pysam.AlignmentHeader, length: int, flag: int) -> pysam.AlignedSegment:
    read = pysam.AlignedSegment(header)
    read.query_name, read.flag, read.query_sequence = "r", flag, "A" * length
    read.query_qualities = pysam.qualitystring_to_array("I" * length)
    if not read.is_unmapped:
        read.reference_id, read.reference_start, read.mapping_quality = 0, 10, 60
        read.cigartuples = [(pysam.CMATCH, length)]
    return read


def test_the_way_is_told_by_the_reads(tmp_path: Path) -> None:
    header = pysam.AlignmentHeader.from_dict({"SQ": [{"SN": "x", "LN": 50_000}]})
    pair, apart, plain = 0x3, 0x1, 0
    for name, flag, length, way in (
        ("pairs", pair, 150, "pairs"),
        ("mates that do not fit", apart, 150, "single"),
        ("short", plain, 150, "single"),
        ("long pairs", pair, 5_000, "single"),
    ):
        assert way_of(written(tmp_path / f"{name}.bam", [a_read(header, length, flag)] * 9, header)) == way


def test_unmapped_reads_teach_nothing(tmp_path: Path) -> None:
    header = pysam.AlignmentHeader.from_dict({"SQ": [{"SN": "x", "LN": 50_000}]})
    path = written(tmp_path / "u.bam", [a_read(header, 100, 0x4)] * 3, header)
    with pytest.raises(
        InputError, match=r"learnt from .*u\.bam: no read in it is mapped\. Map the reads first"
    ):
        learn_reads(path, tmp_path / "x.fa")


def test_few_single_reads_are_refused(dataset: SimulatedDataset, tmp_path: Path) -> None:
    few = tmp_path / "few.bam"
    pysam.view("-b", "-o", str(few), "-s", "1.002", str(dataset.reads), catch_stdout=False)
    pysam.index(str(few))
    with pytest.raises(InputError, match=r"no profile can be learnt from the \d+ reads of .*few\.bam"):
        learn_reads(few, dataset.reference, "single")
