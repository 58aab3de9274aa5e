"""The simulated data set: do its parts agree with each other and with independent programs?"""

import shutil
import subprocess

import numpy as np
import pysam
import pytest

from dvplug.errors import InputError
from dvplug.sequence.codes import encode_bases
from dvplug.simulate import simulate_dataset

needs_bcftools = pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")


LENGTH = 60_000


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return simulate_dataset(tmp_path_factory.mktemp("simulated"), length=LENGTH, depth=30, seed=5)


def test_reads_err_as_often_as_their_qualities_say(dataset):
    wrong, seen = np.zeros(64), np.zeros(64)
    with pysam.FastaFile(str(dataset.reference)) as fasta:
        reference = encode_bases(fasta.fetch("chrS").encode())
    with pysam.VariantFile(str(dataset.truth)) as truth:
        clean = np.ones(len(reference), dtype=bool)
        for record in truth:
            clean[record.start - 2 : record.stop + 2] = False
    with pysam.AlignmentFile(str(dataset.reads)) as reads:
        for read in reads:
            pairs = np.array(read.get_aligned_pairs(matches_only=True))
            pairs = pairs[clean[pairs[:, 1]]]
            quality = np.array(read.query_qualities)[pairs[:, 0]]
            np.add.at(seen, quality, 1)
            np.add.at(
                wrong,
                quality,
                encode_bases(read.query_sequence.encode())[pairs[:, 0]] != reference[pairs[:, 1]],
            )
    for q in np.flatnonzero(seen > 10_000):
        # seen errors may exceed the promised ones a little: gaps near read ends are aligned as mismatches
        expected = seen[q] * 10 ** (-q / 10)
        assert abs(wrong[q] - expected) < 5 * expected**0.5 + 2e-4 * seen[q]


def test_reads_are_evenly_deep_paired_and_partly_clipped(dataset):
    with pysam.AlignmentFile(str(dataset.reads)) as reads:
        depth = np.sum(reads.count_coverage("chrS", 1000, LENGTH - 1000, quality_threshold=0), axis=0)
        records = list(reads.fetch())
    clipped = np.mean([any(op == 4 for op, _ in read.cigartuples) for read in records])
    assert 27 < depth.mean() < 33
    assert 0.01 < clipped < 0.06
    assert records[0].get_tag("RG") == "simulated"
    by_name: dict[str, list] = {}
    for read in records:
        by_name.setdefault(read.query_name, []).append(read)
    for first, second in by_name.values():
        assert first.is_read1 != second.is_read1
        assert first.template_length == -second.template_length
        assert (first.next_reference_start, first.mate_is_reverse) == (
            second.reference_start,
            second.is_reverse,
        )


@needs_bcftools
def test_bcftools_calls_the_truth_from_the_reads(dataset, tmp_path):
    calls = tmp_path / "calls.vcf"
    script = 'bcftools mpileup -f "$1" "$2" | bcftools call -mv | bcftools norm -f "$1" -o "$3"'
    subprocess.run(
        ["sh", "-c", script, "sh", dataset.reference, dataset.reads, calls], check=True, capture_output=True
    )
    with pysam.VariantFile(str(calls)) as called, pysam.VariantFile(str(dataset.truth)) as truth:
        found = {(r.start, r.ref, alt): r.samples[0]["GT"] for r in called for alt in r.alts or ()}
        snps = [r for r in truth if len(r.ref) == len(r.alts[0]) == 1]
        agree = [set(found.get((r.start, r.ref, r.alts[0]), ())) == set(r.samples[0]["GT"]) for r in snps]
    assert len(agree) > 20
    assert np.mean(agree) > 0.95


def test_same_seed_same_files_and_another_seed_others(dataset, tmp_path):
    again = simulate_dataset(tmp_path / "again", length=LENGTH, depth=30, seed=5)
    other = simulate_dataset(tmp_path / "other", length=LENGTH, depth=30, seed=6)
    for name in ("reference", "reads", "truth", "confident"):
        assert getattr(again, name).read_bytes() == getattr(dataset, name).read_bytes()
    assert other.reads.read_bytes() != dataset.reads.read_bytes()
    assert sorted(p.name for p in (tmp_path / "again").iterdir()) == [
        "confident.bed", "reads.bam", "reads.bam.bai", "reference.fa", "reference.fa.fai",
        "truth.vcf.gz", "truth.vcf.gz.tbi",
    ]  # fmt: skip


def test_too_short_a_contig_is_refused(tmp_path):
    with pytest.raises(InputError, match="length 100 "):
        simulate_dataset(tmp_path, length=100)
