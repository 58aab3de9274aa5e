"""Ends of reads that are of the other strand nearby: where strands fold, and what the reads then show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dvplug.sequence.codes import decode_bases, encode_bases
from dvplug.simulate.fragments import Fragments
from dvplug.simulate.genome import COMPLEMENT, Codes, random_genome
from dvplug.simulate.joined_ends import LONGEST_STEM, REACH, fold
from dvplug.simulate.learn.profile import FOREIGN, Profile
from dvplug.simulate.short_reads import fastq_batches, prepare
from helpers.short_profiles import QUIET, make_profile

SIZE, OWN = 100, 50


@pytest.fixture(scope="module")
def genome() -> Codes:
    return random_genome(50_000, np.random.default_rng(5))


def longest_stem(codes: Codes, own: int, other: int, step: int) -> int:
    """The same by text: what lies up to ``own``, and the reverse complement of what lies before ``other``."""
    own_side = codes[own - LONGEST_STEM + 1 : own + 1][::-1] if step == 1 else codes[own : own + LONGEST_STEM]
    beyond = (
        codes[other + 1 : other + 1 + LONGEST_STEM] if step == 1 else codes[other - LONGEST_STEM : other][::-1]
    )
    alike = own_side == COMPLEMENT[beyond]
    return LONGEST_STEM if alike.all() else int(np.argmin(alike))


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("outward", [-40, 25, 300])
def test_strands_fold_where_most_bases_read_alike(genome: Codes, step: int, outward: int) -> None:
    for own in range(1000, 40_000, 1777):
        shift, other = fold(genome, own, step, outward, (-50, 50))
        found = longest_stem(genome, own + step * shift, other, step)
        reach = range(-REACH, REACH + 1)
        assert abs(shift) <= REACH
        assert abs(other - (own + step * outward)) <= REACH
        assert found == max(
            longest_stem(genome, own + step * s, own + step * (outward + more), step)
            for s in reach
            for more in reach
        )


def test_a_fold_stays_within_its_limits(genome: Codes) -> None:
    shifts = {fold(genome, own, 1, 30, (-3, 2))[0] for own in range(1000, 3000, 7)}
    assert shifts == {-3, -2, -1, 0, 1, 2}


def test_strands_drawn_side_by_side_fold_at_the_same_place() -> None:
    genome = random_genome(2000, np.random.default_rng(6))
    stem = encode_bases(b"GATTGCCATGCA")
    genome[1000:1012], genome[1040:1052] = stem, COMPLEMENT[stem][::-1]
    places = {(own + fold(genome, own, 1, 28, (-50, 50))[0]) for own in range(1004, 1018)}
    assert places == {1011}


def _reads(codes: Codes, profile: Profile, starts: list[int]) -> list[str]:
    texts = fastq_batches(
        prepare(codes, profile, QUIET, salt=7),
        Fragments(np.asarray(starts)),
        profile,
        np.random.default_rng(1),
        0,
    )
    return b"".join(text.tobytes() for text in texts).decode().splitlines()[1::4]


def _split(read: str, both: str) -> int:
    """bp of the longest beginning of a read that is of the genome, on either strand."""
    return max(size for size in range(1, len(read) + 1) if read[:size] in both)


@pytest.mark.parametrize("at_end", [True, False])
def test_reads_go_on_or_begin_on_the_other_strand_nearby(genome: Codes, at_end: bool) -> None:
    profile = make_profile(size=SIZE, fragment=200)
    profile.state[:, :, OWN:] = FOREIGN
    if not at_end:
        profile.state[:] = profile.state[:, :, ::-1]
    folds = {"folds_first": np.array([40]), "folds_last": np.array([-80])}
    starts = list(range(2000, 40_000, 1500))
    text = decode_bases(genome)
    other = decode_bases(COMPLEMENT[genome])[::-1]
    for read in _reads(genome, replace(profile, fold_share=1.0, **folds), starts):
        size = _split(read, text + "|" + other)
        parts = read[:size], read[size:]
        assert min(map(len, parts)) >= OWN - REACH - LONGEST_STEM
        (own, strand), (joined, opposite) = (
            next((part, one) for one in (text, other) if part in one) for part in parts
        )
        assert strand is not opposite
        # Positions on the strand of the first part: the end of the one, the begin of the other.
        first, second = strand.index(own) + len(own) - 1, len(text) - 1 - opposite.index(joined)
        wanted = -80 if at_end else -40
        assert abs(second - first - wanted) <= 2 * REACH + 2 * LONGEST_STEM


def test_no_end_folds_where_none_was_learnt(genome: Codes) -> None:
    profile = make_profile(size=SIZE, fragment=200)
    profile.state[:, :, OWN:] = FOREIGN
    starts, far = list(range(2000, 40_000, 1500)), 0
    for start, read in zip(starts, _reads(genome, profile, starts)[::2], strict=True):
        near = genome[start - 1000 : start + 1200]
        far += read[OWN:] not in decode_bases(near) + decode_bases(COMPLEMENT[near])[::-1]
    assert far >= len(starts) - 2
