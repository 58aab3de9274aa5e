"""The training-read simulator under tools/: does it write what its profile says?"""

import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest

from build_training_reads import Plan, not_sequenced
from dvplug.simulate.drawn_variants import VariantModel, drawn_variants
from dvplug.simulate.genome import COMPLEMENT, N, decode, encode, find_tracts, random_genome
from dvplug.simulate.learn.profile import FOREIGN, LONGEST_TRACT, RIGHT, WRONG, Profile
from dvplug.simulate.sample import (
    around_runs,
    decoys,
    duplicated,
    mutated,
    real_variants,
    subtract,
    within,
)
from dvplug.simulate.short_reads import (
    ADAPTERS,
    LocusNoise,
    capture_blocks,
    depth_blocks,
    fastq_batches,
    fragment_starts,
    prepare,
)
from dvplug.simulate.variants import Event, Variant, apply_variants, draw_events, place_events

QUIET = LocusNoise(indel_sd=0, short_indel_sd=0, site_p=0)


def make_profile(pairs=4, size=50, fragment=120, wrong=0, slip=0.0) -> Profile:
    """A profile of ``pairs`` equal templates that misread their first ``wrong`` bases."""
    state = np.full((pairs, 2, size), RIGHT, dtype=np.uint8)
    state[:, :, :wrong] = WRONG
    always_next = np.array([[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1], [1, 1, 1, 1]], dtype=float)
    return Profile(
        quality=np.full((pairs, 2, size), 30, dtype=np.uint8),
        state=state,
        length=np.full((pairs, 2), size),
        fragment=np.full(pairs, fragment),
        substitution=always_next,
        deletion_p=np.full((5, LONGEST_TRACT + 1), slip),
        insertion_p=np.zeros((5, LONGEST_TRACT + 1)),
        recurrent_q=np.array([20], dtype=np.uint8),
        discordant_p=0.0,
    )


def write_reads(codes, profile, starts, noise=QUIET, seed=1):
    """Return (sequence, qualities) per read, two for each start."""
    source = prepare(codes, profile, noise, salt=7)
    batches = fastq_batches(source, np.asarray(starts), profile, np.random.default_rng(seed), 0, batch=100)
    lines = b"".join(batch.tobytes() for batch in batches).decode().splitlines()
    assert all(name.startswith("@r") for name in lines[::4])
    return list(zip(lines[1::4], lines[3::4], strict=True))


@pytest.fixture(scope="module")
def genome():
    return random_genome(50_000, np.random.default_rng(2))


def expected_pair(codes, start, fragment, size, mate_forward):
    """What both mates of an error-free fragment read, in plain Python."""
    piece = decode(codes[start : start + fragment])
    other = decode(COMPLEMENT[codes[start : start + fragment]])[::-1]
    tails = [decode(ADAPTERS[mate]) for mate in (0, 1)]
    ends = (piece, other) if mate_forward else (other, piece)
    return [(end + tail)[:size] for end, tail in zip(ends, tails, strict=True)]


@pytest.mark.parametrize("fragment", [120, 30])
def test_error_free_reads_are_the_ends_of_fragments_then_adapter(genome, fragment):
    starts = np.arange(200, 40_000, 997)
    reads = write_reads(genome, make_profile(fragment=fragment), starts)
    forward = 0
    for k, start in enumerate(starts):
        got = [reads[2 * k][0], reads[2 * k + 1][0]]
        options = [expected_pair(genome, start, fragment, 50, f) for f in (True, False)]
        assert got in options
        forward += got == options[0]
    assert 0.2 < forward / len(starts) < 0.8


def test_misread_bases_follow_the_template_and_the_spectrum(genome):
    starts = np.arange(200, 40_000, 997)
    reads = write_reads(genome, make_profile(wrong=5), starts)
    turned = str.maketrans("ACGT", "CGTA")
    for k, start in enumerate(starts):
        options = [expected_pair(genome, start, 120, 50, f) for f in (True, False)]
        misread = [[end[:5].translate(turned) + end[5:] for end in ends] for ends in options]
        assert [reads[2 * k][0], reads[2 * k + 1][0]] in misread
        assert reads[2 * k][1] == "?" * 50


def test_reads_slip_in_homopolymers_as_often_as_the_table_says():
    rng = np.random.default_rng(4)
    unit = np.concatenate([np.tile([0, 1, 2, 3, 1, 3], 17), np.zeros(10), [2], np.tile([3, 1, 0, 2], 25)])
    codes = np.tile(unit.astype(np.uint8), 60)
    profile = make_profile(size=100, fragment=300)
    profile.deletion_p[1, 10] = 0.2
    starts = rng.integers(200, len(codes) - 600, 3000)
    reads = write_reads(codes, profile, starts)
    runs = [len(run) for sequence, _ in reads for run in _long_runs(sequence)]
    shortened = np.mean([length < 10 for length in runs])
    assert len(runs) > 1000
    assert shortened == pytest.approx(0.2, abs=0.03)


def _long_runs(sequence):
    """Runs of A or T of 7 and more that lie inside the read."""
    return re.findall(r"(?<=[^A])A{7,}(?=[^A])|(?<=[^T])T{7,}(?=[^T])", sequence)


def test_sites_where_reads_err_alike_are_the_same_in_every_batch(genome):
    noise = LocusNoise(indel_sd=0, short_indel_sd=0, site_p=0.05, site_median=0.3, site_sd=0.1)
    profile = make_profile(size=50, fragment=120)
    starts = np.full(400, 10_000)
    reads = write_reads(genome, profile, starts, noise)
    clean = expected_pair(genome, 10_000, 120, 50, True)
    counts = np.zeros(50, dtype=int)
    quality = set()
    for sequence, qualities in reads:
        if sum(a != b for a, b in zip(sequence, clean[0], strict=True)) < 20:
            errors = [i for i in range(50) if sequence[i] != clean[0][i]]
            counts[errors] += 1
            quality |= {qualities[i] for i in errors}
    assert 0 < (counts > 20).sum() < 20
    assert counts[counts <= 20].sum() == 0
    assert quality == {chr(33 + 20)}


def test_clips_are_copied_from_elsewhere(genome):
    profile = make_profile(size=50)
    profile.state[:, :, 30:] = FOREIGN
    reads = write_reads(genome, profile, [10_000] * 10)
    heads = {sequence[:30] for sequence, _ in reads}
    assert len(heads) == 2
    assert len({sequence[30:] for sequence, _ in reads}) == 20
    both = decode(genome) + "|" + decode(COMPLEMENT[genome])[::-1]
    assert all(sequence[30:] in both for sequence, _ in reads)


def test_fewer_clips_and_slips_when_scaled():
    profile = make_profile(pairs=500, slip=0.1)
    profile.state[:, :, 30:] = FOREIGN
    less = profile.scaled(clip=0.25, indel=0.5, rng=np.random.default_rng(1))
    assert (less.state == FOREIGN).any(axis=2).mean() == pytest.approx(0.25, abs=0.05)
    assert np.allclose(less.deletion_p, 0.05)
    assert (profile.state == FOREIGN).any(axis=2).all()


def test_depth_is_the_planned_one_by_block_and_none_on_unknown_sequence(genome):
    codes = np.tile(genome, 8)
    codes[100_000:120_000] = N
    profile = make_profile(size=100, fragment=300)
    rng = np.random.default_rng(1)
    haplotype = apply_variants(codes, [], 0)
    blocks = (np.array([0, 200_000]), np.array([20.0, 60.0]))
    starts = fragment_starts(haplotype, profile, blocks, np.ones(500), rng)
    assert not np.any((starts > 100_000 - 200) & (starts < 120_000))
    low = np.sum(starts < 200_000) * 200 / 180_000
    high = np.sum(starts >= 200_000) * 200 / 200_000
    assert high / low == pytest.approx(3, rel=0.05)
    assert (low * 180 + high * 200) / 380 == pytest.approx((10 * 180 + 30 * 200) / 380, rel=0.05)


def test_depths_of_blocks_span_the_asked_range():
    starts, depths = depth_blocks(50_000_000, np.random.default_rng(1), (8, 100))
    assert np.all((np.diff(starts) >= 50_000) & (np.diff(starts) < 100_000))
    assert depths.min() < 9
    assert depths.max() > 90
    assert np.median(depths) == pytest.approx((8 * 100) ** 0.5, rel=0.15)


def test_capture_leaves_gaps_and_spans_the_asked_range_at_targets() -> None:
    starts, depths = capture_blocks(2_000_000, np.random.default_rng(4), (3.0, 300.0))
    assert (np.diff(starts) > 0).all()
    assert starts[-1] < 2_000_000
    sizes, kind = np.diff(starts), np.arange(len(starts) - 1) % 4
    targets = depths[2::4]
    assert 3 <= targets.min() < 3.5
    assert 270 < targets.max() <= 300
    assert sizes[kind == 2].min() >= 250
    assert sizes[kind == 2].max() < 550
    assert (depths[::4] == 0).all()
    assert sizes[kind == 0].min() >= 100
    np.testing.assert_allclose(depths[1::4], 0.3 * targets)
    np.testing.assert_allclose(depths[3::4], 0.3 * targets)
    assert 0.3 < sizes[kind > 0].sum() / starts[-1] < 0.5


def test_an_exome_has_a_typical_depth() -> None:
    _, depths = capture_blocks(3_000_000, np.random.default_rng(5), (3.0, 300.0), 80.0)
    targets = depths[2::4]
    assert np.median(targets) == pytest.approx(80, rel=0.05)
    assert targets.mean() / np.quantile(targets, 0.2) == pytest.approx(2.0, rel=0.07)  # fold-80 base penalty
    assert targets.max() <= 300


def test_what_is_not_captured_is_not_labelled() -> None:
    blocks = np.array([0, 1_000, 1_400, 3_000]), np.array([0.0, 9.0, 0.0, 30.0])
    plan = Plan(blocks, np.ones(5))
    assert not_sequenced("x", 5_000, plan, 0, 150) == [("x", 150, 1_150), ("x", 1_550, 3_150)]
    assert not_sequenced("x", 5_000, plan, 500) == [("x", 0, 1_500), ("x", 900, 3_500)]


def test_drawn_variants_resemble_those_they_are_drawn_from() -> None:
    rng = np.random.default_rng(1)
    codes = random_genome(1_200_000, rng)
    model = place_events(codes[:600_000], draw_events(rng), rng)
    drawn = drawn_variants(codes[600_000:], VariantModel.learn(codes[:600_000], model), rng)
    share = [np.mean([len(v.ref) != len(v.alts[0]) for v in some]) for some in (model, drawn)]
    assert len(drawn) == pytest.approx(len(model), rel=0.15)
    assert share[1] == pytest.approx(share[0], abs=0.04)
    assert all(one.end < other.start for one, other in itertools.pairwise(drawn))


def test_repeats_vary_as_often_as_real_ones_of_their_length() -> None:
    """Half of the homopolymers of 12 bp and none of those of 6 vary, but only confident ones count."""
    rng = np.random.default_rng(2)

    def sequence(n: int) -> np.ndarray:
        pieces = []
        for size in rng.permutation([6, 12] * n):
            pieces += [rng.permutation(np.tile([1, 2, 3], 20)).astype(np.uint8), np.zeros(size, np.uint8)]
        return np.concatenate(pieces)

    codes, other = sequence(400), sequence(400)
    tracts = find_tracts(codes)
    long = tracts.start[(tracts.unit == 1) & (tracts.length == 12)].tolist()
    confident = [(0, len(codes) // 2)]
    varied = [start for start in long if start > confident[0][1] or rng.random() < 0.5]
    variants = [Variant(start - 1, "CA", ("C",), (0, 1)) for start in varied]
    model = VariantModel.learn(codes, variants, confident)
    drawn = drawn_variants(other, replace(model, others=[Event(10**9, (0,), (0, 1))] * 30), rng)
    assert len([v for v in drawn if len(v.ref) != len(v.alts[0])]) == pytest.approx(200, abs=40)
    assert {other[v.start + 1 : v.start + 13].max() for v in drawn if len(v.ref) == 2} == {0}
    assert {v.genotype for v in drawn} == {(0, 1), (1, 0)}


def test_decoys_hold_what_was_asked_for(genome):
    rng = np.random.default_rng(1)
    shown, of_sample, hidden = decoys({"c": np.tile(genome, 20)}, 0.05, 0.02, rng)
    assert 0.08 < (shown < N).sum() / 1_000_000 < 0.12  # duplications, and two members of each family
    assert 0.02 < (hidden < N).sum() / 1_000_000 < 0.08  # one member and its surroundings
    assert len(of_sample) == pytest.approx(len(shown), rel=0.01)


def test_mutated_copies_diverge_as_asked(genome):
    copy = mutated(genome, 0.02, np.random.default_rng(1))
    same = sum(decode(copy[i : i + 20]) in decode(genome) for i in range(0, 49_000, 20)) / 2450
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
    contigs = {"one": encode("CG" + "A" * 10 + "CGTCGC" + "T" * 9 + "GC"), "two": encode("N" * 20 + "C" * 12)}
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
