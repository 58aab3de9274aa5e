"""Begins of reads that are of the other strand nearby: where strands fold, and what the reads then show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dvplug.sequence.codes import decode_bases, encode_bases
from dvplug.simulate.fragments import Fragments
from dvplug.simulate.genome import COMPLEMENT, Codes, random_genome
from dvplug.simulate.joined_ends import LONGEST_STEM, MISMATCH, REACH, fold
from dvplug.simulate.learn.profile import Profile
from dvplug.simulate.learn.states import FOREIGN
from dvplug.simulate.short_reads import fastq_batches, prepare
from helpers.short_profiles import QUIET, make_profile

SIZE, OWN, NEAR = 150, 75, 12


@pytest.fixture(scope="module")
def genome() -> Codes:
    return random_genome(50_000, np.random.default_rng(5))


def stem(codes: Codes, own: int, other: int, step: int) -> tuple[int, int]:
    """Bases that read alike up to ``own``, and beyond one that does not, by text."""
    size = LONGEST_STEM
    own_side = codes[own - size + 1 : own + 1][::-1] if step == 1 else codes[own : own + size]
    beyond = codes[other + 1 : other + 1 + size] if step == 1 else codes[other - size : other][::-1]
    text = "".join("=" if alike else "x" for alike in own_side == COMPLEMENT[beyond]) + "x"
    near, *more = text.split("x")
    return len(near), len(more[0]) if more and len(near) < size else 0


def weight(found: tuple[int, int]) -> int:
    return found[0] + max(0, found[1] - MISMATCH)


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("outward", [-40, 25, 300])
def test_strands_fold_where_most_bases_read_alike(genome: Codes, step: int, outward: int) -> None:
    for own in range(1000, 40_000, 1777):
        shift, other = fold(genome, own, step, outward, (NEAR, NEAR, NEAR), False)
        reach = range(-NEAR, NEAR + 1)
        assert abs(shift) <= NEAR
        assert abs(other - (own + step * outward)) <= NEAR
        assert weight(stem(genome, own + step * shift, other, step)) == max(
            weight(stem(genome, own + step * s, own + step * (outward + more), step))
            for s in reach
            for more in reach
        )


def test_a_fold_stays_within_its_limits(genome: Codes) -> None:
    shifts = {fold(genome, own, 1, 30, (2, 1, 12), False)[0] for own in range(1000, 3000, 7)}
    assert shifts == {-2, -1, 0, 1}


def test_strands_drawn_side_by_side_fold_at_the_same_place() -> None:
    genome = random_genome(2000, np.random.default_rng(6))
    stem = encode_bases(b"GATTGCCATGCA")
    genome[1000:1012], genome[1040:1052] = stem, COMPLEMENT[stem][::-1]
    places = {(own + fold(genome, own, 1, 28, (NEAR, NEAR, NEAR), False)[0]) for own in range(1004, 1018)}
    assert places == {1011}


def test_what_does_not_read_alike_within_a_stem_is_the_other_strand() -> None:
    genome = random_genome(2000, np.random.default_rng(6))
    own, other = encode_bases(b"GATTGCCATGCA"), encode_bases(b"TGCATGACAATC")
    # Alike but for one base, at 1005.
    genome[1000:1012], genome[1040:1052] = own, other
    kept, mended = (fold(genome, 1008, 1, 28, (NEAR, NEAR, NEAR), one) for one in (False, True))
    assert (1008 + kept[0], kept[1]) == (1011, 1039)
    assert (1008 + mended[0], mended[1]) == (1004, 1046)


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


def test_reads_begin_on_the_other_strand_nearby(genome: Codes) -> None:
    profile = make_profile(size=SIZE, fragment=200)
    profile.state[:, :, :OWN] = FOREIGN
    profile = replace(profile, fold_share=1.0, fold_distance=np.array([40]))
    strands = decode_bases(genome), decode_bases(COMPLEMENT[genome])[::-1]
    for read in _reads(genome, profile, list(range(2000, 40_000, 1500))):
        size = _split(read, "|".join(strands))
        parts = read[:size], read[size:]
        assert min(map(len, parts)) >= SIZE - OWN - REACH - 2 * LONGEST_STEM
        before, own = (next(strand for strand in strands if part in strand) for part in parts)
        assert before is not own
        # Of the last base before and the first one of the read's own place, both along the own strand.
        last, first = len(genome) - 1 - (before.index(parts[0]) + size - 1), own.index(parts[1])
        assert abs(first - last - 40) <= 2 * REACH + 2 * LONGEST_STEM


def test_molecules_share_hairpins(genome: Codes) -> None:
    """Of reads whose own parts begin within 30 bp, many begin at the very same base, where one hairpin is the best."""
    codes = genome.copy()
    stem = encode_bases(b"GGACTTGCCATGCACC")
    codes[20_000:20_016] = stem
    codes[20_036:20_052] = COMPLEMENT[stem][::-1]
    profile = make_profile(size=SIZE, fragment=400)
    profile.state[:, :, :OWN] = FOREIGN
    profile = replace(profile, fold_share=1.0, fold_distance=np.array([300]))
    # Own parts of first reads of the forward strand begin around the second half of the stem.
    starts = [place - OWN for place in range(20_020, 20_060)] * 5
    text, found = decode_bases(codes), []
    for read in _reads(codes, profile, starts):
        size = _split(read, text + "|" + decode_bases(COMPLEMENT[codes])[::-1])
        place = text.find(read[size:])
        if abs(place - 20_040) < 60:
            found.append(place)
    commonest = max(found.count(place) for place in found)
    assert commonest > 0.15 * len(found)


def test_the_end_of_a_read_folds_nowhere(genome: Codes) -> None:
    profile = make_profile(size=SIZE, fragment=200)
    profile.state[:, :, OWN:] = FOREIGN
    assert _far(genome, replace(profile, fold_share=1.0, fold_distance=np.array([40])), slice(OWN, None))


def test_no_begin_folds_where_none_was_learnt(genome: Codes) -> None:
    profile = make_profile(size=SIZE, fragment=200)
    profile.state[:, :, :OWN] = FOREIGN
    assert _far(genome, profile, slice(OWN))


def _far(genome: Codes, profile: Profile, part: slice) -> bool:
    """Whether that part of nearly all reads is from beyond 1 kb around them."""
    starts, far = list(range(2000, 40_000, 1500)), 0
    for start, read in zip(starts, _reads(genome, profile, starts)[::2], strict=True):
        near = genome[start - 1000 : start + 1200]
        far += read[part] not in decode_bases(near) + "|" + decode_bases(COMPLEMENT[near])[::-1]
    return far >= len(starts) - 2
