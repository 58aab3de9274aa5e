"""A person's genome: decoys, duplications, intervals, and the phase of real variants."""

from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.sequence.codes import decode_bases, encode_bases
from dvplug.simulate.genome import N, random_genome
from dvplug.simulate.sample import around_runs, decoys, duplicated, mutated, real_variants, subtract, within


@pytest.fixture(scope="module")
def genome():
    return random_genome(50_000, np.random.default_rng(2))


def test_decoys_hold_what_was_asked_for(genome):
    rng = np.random.default_rng(1)
    shown, of_sample, hidden = decoys({"c": np.tile(genome, 20)}, 0.05, 0.02, rng)
    assert 0.08 < (shown < N).sum() / 1_000_000 < 0.12  # duplications, and two members of each family
    assert 0.02 < (hidden < N).sum() / 1_000_000 < 0.08  # one member and its surroundings
    assert len(of_sample) == pytest.approx(len(shown), rel=0.01)


def test_mutated_copies_diverge_as_asked(genome):
    copy = mutated(genome, 0.02, np.random.default_rng(1))
    same = sum(decode_bases(copy[i : i + 20]) in decode_bases(genome) for i in range(0, 49_000, 20)) / 2450
    assert same == pytest.approx(0.98**20, abs=0.04)


def test_interval_arithmetic():
    intervals = [("a", 0, 100), ("b", 0, 50)]
    assert subtract(intervals, [("a", 10, 20), ("a", 90, 200)]) == [("a", 0, 10), ("a", 20, 90), ("b", 0, 50)]
    assert within(intervals, ("a", 40, 500)) == [("a", 40, 100)]


def test_duplications_are_found_and_short_repeats_are_not() -> None:
    rng = np.random.default_rng(21)
    codes = rng.integers(0, 4, 60_000).astype(np.uint8)
    codes[40_000:45_000] = mutated(codes[10_000:15_500], 0.01, rng)[:5_000]
    codes[52_000:52_200] = codes[20_000:20_200]
    other = rng.integers(0, 4, 8_000).astype(np.uint8)
    other[3_000:5_000] = codes[30_000:32_000]
    found = duplicated({"a": codes, "b": other})
    windows = {(name, start) for name, start, _ in found}
    expected = {
        ("a", start) for start in (*range(10_000, 15_000, 1000), *range(40_000, 45_000, 1000), 30_000, 31_000)
    }
    assert windows == expected | {("b", 3_000), ("b", 4_000)}


def test_around_runs_are_the_confident_bases_within_2_bp_of_a_long_run() -> None:
    contigs = {
        "one": encode_bases(("CG" + "A" * 10 + "CGTCGC" + "T" * 9 + "GC").encode()),
        "two": encode_bases(("N" * 20 + "C" * 12).encode()),
    }
    confident = [("one", 1, 6), ("one", 8, 27), ("two", 0, 31)]
    assert around_runs(confident, contigs, 10) == [("one", 1, 6), ("one", 8, 14), ("two", 18, 31)]
    assert around_runs(confident, contigs, 9)[2] == ("one", 16, 27)
    assert around_runs(confident, contigs, 13) == []


def heterozygotes(path: Path, starts: list[int], gt: str) -> Path:
    """A truth VCF of SNPs that all have one genotype."""
    text = "##fileformat=VCFv4.2\n##contig=<ID=c,length=100000000>\n"
    text += '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    text += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n"
    path.write_text(text + "".join(f"c\t{at + 1}\t.\tA\tC\t50\tPASS\t.\tGT\t{gt}\n" for at in starts))
    return Path(pysam.tabix_index(str(path), preset="vcf", force=True))


def test_neighbouring_heterozygotes_share_a_haplotype_and_distant_ones_need_not(tmp_path):
    starts = [10 + 2_000_000 * i + at for i in range(40) for at in range(0, 5000, 50)]
    found = real_variants(heterozygotes(tmp_path / "t.vcf", starts, "0/1"), "c", np.random.default_rng(5))
    assert [variant.start for variant in found] == starts
    carrier = np.array([variant.genotype[1] for variant in found]).reshape(40, 100)
    assert 0.92 < (carrier[:, 1:] == carrier[:, :-1]).mean() < 0.96
    assert 0.25 < (carrier.mean(axis=1) > 0.5).mean() < 0.75


@pytest.mark.parametrize(("gt", "expected"), [("1|0", (1, 0)), ("0|1", (0, 1)), ("1/1", (1, 1))])
def test_a_known_phase_stays(tmp_path, gt, expected):
    found = real_variants(
        heterozygotes(tmp_path / "t.vcf", [*range(10, 3000, 30)], gt), "c", np.random.default_rng(5)
    )
    assert {variant.genotype for variant in found} == {expected}
