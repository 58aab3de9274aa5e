"""The simulated data sets: do their parts agree with each other and with independent programs?"""

import shutil
import subprocess

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug.errors import InputError
from dvplug.simulate import simulate_dataset
from dvplug.simulate.aligned_reads import CLIPPED, INSERTED, cigar_of
from dvplug.simulate.genome import decode, encode, find_tracts, random_genome, write_fasta
from dvplug.simulate.variants import (
    Variant,
    apply_variants,
    draw_events,
    fits_both_haplotypes,
    place_events,
    write_truth,
)

needs_bcftools = pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")
LENGTH = 60_000


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return simulate_dataset(tmp_path_factory.mktemp("simulated"), length=LENGTH, depth=30, seed=5)


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    """A reference, its variants (over a hundred, of all kinds), and both as files."""
    folder = tmp_path_factory.mktemp("person")
    rng = np.random.default_rng(3)
    codes = random_genome(200_000, rng)
    variants = place_events(codes, draw_events(rng), rng)
    write_fasta(folder / "ref.fa", {"c": codes})
    write_truth(folder / "truth.vcf.gz", {"c": variants}, {"c": len(codes)}, "s")
    return folder, codes, variants


def brute_force_tracts(sequence: str, unit: int, least: int) -> set[tuple[int, int, int]]:
    found = set()
    for start in range(len(sequence)):
        if "N" in sequence[start : start + unit] or start + unit >= len(sequence):
            continue
        end = start + unit
        while end < len(sequence) and sequence[end] == sequence[end - unit] != "N":
            end += 1
        maximal = (
            start == 0 or sequence[start - 1] != sequence[start - 1 + unit] or sequence[start - 1] == "N"
        )
        word = sequence[start : start + unit]
        primitive = all(word != word[:k] * (unit // k) for k in range(1, unit) if unit % k == 0)
        if maximal and primitive and end - start >= least:
            found.add((start, end - start, unit))
    return found


@given(st.text("AACGTN", min_size=12, max_size=80))
def test_tracts_are_those_of_a_letter_by_letter_search(sequence):
    least = {1: 3, 2: 4, 3: 6, 4: 8}
    tracts = find_tracts(encode(sequence), least)
    found = set(zip(tracts.start.tolist(), tracts.length.tolist(), tracts.unit.tolist(), strict=True))
    assert found == set().union(*(brute_force_tracts(sequence, u, n) for u, n in least.items()))


def test_variants_are_of_all_kinds_and_in_human_proportions(person):
    _, codes, variants = person
    indels = [v for v in variants if len({len(v.ref), *map(len, v.alts)}) > 1]
    het = [v for v in variants if v.genotype[0] != v.genotype[1]]
    assert 0.0007 < len(variants) / len(codes) < 0.002
    assert 0.07 < len(indels) / len(variants) < 0.22
    assert 0.5 < len(het) / len(variants) < 0.75
    assert any(len(v.alts) == 2 for v in variants)


@needs_bcftools
def test_bcftools_consensus_makes_the_same_haplotypes(person):
    folder, codes, variants = person
    for which in (0, 1):
        command = ["bcftools", "consensus", "-s", "s", "-H", f"{which + 1}pIu", "-f", folder / "ref.fa"]
        run = subprocess.run([*command, folder / "truth.vcf.gz"], capture_output=True, text=True, check=True)
        assert "".join(run.stdout.splitlines()[1:]) == decode(apply_variants(codes, variants, which).codes)


@needs_bcftools
def test_bcftools_norm_finds_nothing_to_left_align(person):
    folder, _, variants = person
    command = [
        "bcftools",
        "norm",
        "-c",
        "e",
        "-f",
        folder / "ref.fa",
        folder / "truth.vcf.gz",
        "-o",
        "/dev/null",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{len(variants)}/0/0/0" in run.stderr


def test_haplotype_positions_lead_back_to_equal_bases(person):
    _, codes, variants = person
    indels = [v for v in variants if any(len(alt) != len(v.ref) for alt in v.alts)]
    haplotype = apply_variants(codes, indels, 0)
    positions = np.arange(len(haplotype.codes))
    back = haplotype.to_reference(positions)
    agree = codes[np.minimum(back, len(codes) - 1)] == haplotype.codes
    inserted = sum(max(len(v.alts[v.genotype[0] - 1]) - len(v.ref), 0) for v in indels if v.genotype[0])
    assert (~agree).sum() <= inserted
    assert np.all(np.diff(back) >= 0)
    assert back[-1] == len(codes) - 1


def test_overlapping_variants_stay_only_on_different_haplotypes():
    first = Variant(10, "ACGT", ("A",), (1, 0))
    clash = Variant(12, "G", ("T",), (1, 0))
    other = Variant(12, "G", ("C",), (0, 1))
    assert fits_both_haplotypes([first, clash, other]) == [first, other]


@pytest.mark.parametrize(
    ("where", "cigar"),
    [
        ([5, 6, 7], [(0, 3)]),
        ([5, 6, 9], [(0, 2), (2, 2), (0, 1)]),
        ([5, INSERTED, 6], [(0, 1), (1, 1), (0, 1)]),
        ([CLIPPED, CLIPPED, 8], [(4, 2), (0, 1)]),
    ],
)
def test_cigar_follows_reference_positions(where, cigar):
    assert cigar_of(np.array(where)) == cigar


def test_reads_err_as_often_as_their_qualities_say(dataset):
    wrong, seen = np.zeros(64), np.zeros(64)
    with pysam.FastaFile(str(dataset.reference)) as fasta:
        reference = encode(fasta.fetch("chrS"))
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
            np.add.at(wrong, quality, encode(read.query_sequence)[pairs[:, 0]] != reference[pairs[:, 1]])
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
