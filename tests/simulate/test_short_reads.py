"""Paired reads: are they what their profile says?"""

import re
from dataclasses import replace

import numpy as np
import pytest

from dvplug.sequence.codes import decode_bases
from dvplug.simulate.depths import DepthBlocks
from dvplug.simulate.fragments import Fragments, fragment_starts
from dvplug.simulate.genome import COMPLEMENT, N, random_genome
from dvplug.simulate.learn.states import FOREIGN, RIGHT
from dvplug.simulate.locus_noise import LocusNoise
from dvplug.simulate.short_reads import ADAPTERS, fastq_batches, prepare
from dvplug.simulate.variants import apply_variants
from helpers.short_profiles import QUIET, make_profile

COMPLEMENT_TEXT = str.maketrans("ACGT", "TGCA")


def write_reads(codes, profile, starts, noise=QUIET, seed=1):
    """Return (sequence, qualities) per read, two for each start."""
    source = prepare(codes, profile, noise, salt=7)
    batches = fastq_batches(
        source, Fragments(np.asarray(starts)), profile, np.random.default_rng(seed), 0, batch=100
    )
    lines = b"".join(batch.tobytes() for batch in batches).decode().splitlines()
    assert all(name.startswith("@r") for name in lines[::4])
    return list(zip(lines[1::4], lines[3::4], strict=True))


@pytest.fixture(scope="module")
def genome():
    return random_genome(50_000, np.random.default_rng(2))


def expected_pair(codes, start, fragment, size, mate_forward):
    """What both mates of an error-free fragment read, in plain Python."""
    piece = decode_bases(codes[start : start + fragment])
    other = decode_bases(COMPLEMENT[codes[start : start + fragment]])[::-1]
    tails = [decode_bases(ADAPTERS[mate]) for mate in (0, 1)]
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


def overlapping(genome, **profile):
    """Both reads of whole fragments, each as the first read's strand has it."""
    starts = np.arange(200, 40_000, 97)
    reads = write_reads(genome, make_profile(fragment=50, **profile), starts)
    first, second = ([read for read, _ in reads[mate::2]] for mate in (0, 1))
    return list(zip(first, (read.translate(COMPLEMENT_TEXT)[::-1] for read in second), strict=True)), starts


@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
def test_reads_of_a_fragment_share_its_slips(genome, shared):
    pairs, starts = overlapping(genome, slip=0.001, shared=shared)
    right = [expected_pair(genome, start, 50, 50, True)[0] for start in starts]
    either_strand = [{text, text.translate(COMPLEMENT_TEXT)[::-1]} for text in right]
    slipped = [(a not in text, b not in text) for (a, b), text in zip(pairs, either_strand, strict=True)]
    assert sum(a for a, _ in slipped) == pytest.approx(sum(b for _, b in slipped), rel=0.7)
    alike = 2 * sum(a and b for a, b in slipped) / sum(a + b for a, b in slipped)
    assert alike == pytest.approx(shared, abs=0.25)


def test_reads_of_a_fragment_are_misread_alike(genome):
    pairs, starts = overlapping(genome, wrong=3, shared=1.0)
    assert all(a == b for a, b in pairs)
    alone, _ = overlapping(genome, wrong=3, shared=0.0)
    assert not any(a == b for a, b in alone)
    for (a, _), start in zip(pairs, starts, strict=True):
        whole = expected_pair(genome, start, 50, 50, True)[0]
        options = (whole, whole.translate(COMPLEMENT_TEXT)[::-1])
        assert 3 in {sum(x != y for x, y in zip(a, text, strict=True)) for text in options}


def test_copies_of_a_molecule_share_what_is_wrong_with_it(genome):
    profile = make_profile(pairs=1, slip=0.005, shared=1.0)
    source = prepare(genome, profile, QUIET, salt=7)
    fragments = Fragments(
        np.full(200, 5000), np.full(200, 120), np.zeros(200, bool), molecule=np.arange(200) // 2
    )
    texts = fastq_batches(source, fragments, profile, np.random.default_rng(3), 0)
    reads = b"".join(text.tobytes() for text in texts).decode().splitlines()[1::4]
    first = reads[::2]
    assert first[::2] == first[1::2]
    assert len(set(first)) > 5


def test_copies_of_a_molecule_are_misread_alike_and_join_the_same_elsewhere(genome):
    profile = make_profile(pairs=40, wrong=3, shared=1.0)
    state = profile.state.copy()
    state[::2, :, :3] = RIGHT
    state[::4, 0, 30:] = FOREIGN
    profile = replace(profile, state=state)
    fragments = Fragments(
        np.full(400, 5000), np.full(400, 120), np.zeros(400, bool), molecule=np.arange(400) // 2
    )
    texts = fastq_batches(
        prepare(genome, profile, QUIET, salt=7), fragments, profile, np.random.default_rng(3), 0
    )
    reads = b"".join(text.tobytes() for text in texts).decode().splitlines()[1::4]
    for first, copy in zip(reads[::4], reads[2::4], strict=True):
        assert first == copy
    first, second = expected_pair(genome, 5000, 120, 50, True)
    assert {sum(a != b for a, b in zip(read, second, strict=True)) for read in reads[1::2]} == {0, 3}
    assert len({read[30:] for read in reads[::4]}) > 20
    assert sum(read == first for read in reads[::4]) > 20


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
    both = decode_bases(genome) + "|" + decode_bases(COMPLEMENT[genome])[::-1]
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
    blocks = DepthBlocks(np.array([0, 200_000]), np.array([20.0, 60.0]))
    starts = fragment_starts(haplotype, profile, blocks, np.ones(500), rng)
    assert not np.any((starts > 100_000 - 200) & (starts < 120_000))
    low = np.sum(starts < 200_000) * 200 / 180_000
    high = np.sum(starts >= 200_000) * 200 / 200_000
    assert high / low == pytest.approx(3, rel=0.05)
    assert (low * 180 + high * 200) / 380 == pytest.approx((10 * 180 + 30 * 200) / 380, rel=0.05)
