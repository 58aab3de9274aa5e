"""How reads go on behind repeats, learnt from alignments."""

from __future__ import annotations

import numpy as np
import pysam
import pytest

from dvplug.sequence.codes import decode_bases
from dvplug.simulate.genome import Codes, random_genome
from dvplug.simulate.learn.after_runs import RunsOf, passed_run, runs_of
from dvplug.simulate.learn.profile import learn_profile
from dvplug.simulate.learn.states import BEHIND, RANDOM, RIGHT, WRONG
from helpers.shared_data import SHARED, needs_shared

START, LOW, RUN = 5000, 300, 12
END = LOW + RUN


def sequence() -> Codes:
    """800 bp with one homopolymer of 8 bp or more: 12 T from `LOW` on, between two other bases."""
    codes = np.random.default_rng(6).integers(0, 4, 800).astype(np.uint8)
    codes[LOW:END] = 3
    codes[LOW - 1], codes[END] = 0, 2
    return codes


REFERENCE = sequence()


def found_runs(others: np.ndarray | None = None) -> RunsOf:
    none = np.zeros((len(REFERENCE), 4), np.int32)
    return runs_of(REFERENCE, none if others is None else others, np.full(len(REFERENCE), 30, np.int32))


def read_of(
    codes: Codes, place: int, cigar: str, *, reverse: bool = False, quality: int = 30
) -> pysam.AlignedSegment:
    read = pysam.AlignedSegment()
    read.query_sequence = decode_bases(codes)
    read.query_qualities = pysam.qualitystring_to_array(chr(33 + quality) * len(codes))
    read.reference_start = START + place
    read.cigarstring = cigar
    read.is_reverse = reverse
    return read


def other_than(*bases: int) -> int:
    return next(base for base in range(4) if base not in bases)


def test_the_homopolymer_is_found() -> None:
    runs = found_runs()
    assert (runs.start.tolist(), runs.end.tolist(), runs.variant.any()) == ([LOW], [END], False)


@pytest.mark.parametrize("reverse", [False, True])
def test_wrong_bases_behind_it_are_told_from_those_that_lag(reverse: bool) -> None:
    codes = REFERENCE[250:360].copy()
    wrong, behind, step = (LOW - 20, LOW - 9, 1) if reverse else (END + 20, END + 9, -1)
    before = REFERENCE[behind + step]
    if before == REFERENCE[behind]:
        behind -= step
        before = REFERENCE[behind + step]
    assert before != REFERENCE[behind]
    codes[behind - 250] = before
    codes[wrong - 250] = other_than(int(REFERENCE[wrong]), int(REFERENCE[wrong + step]))
    passed = passed_run(read_of(codes, 250, "110M", reverse=reverse), found_runs(), REFERENCE, START)
    assert passed is not None
    base = 360 - LOW if reverse else END - 250
    assert (passed.units, passed.base, len(passed.state)) == (RUN, base, 110 - base)
    expected = np.full(110 - base, RIGHT)
    first = LOW - 1 if reverse else END
    expected[abs(wrong - first)], expected[abs(behind - first)] = WRONG, BEHIND
    assert passed.state.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("place", "reverse"), [(LOW - 3, False), (LOW + 2, False), (END + 5, False), (200, True)]
)
def test_reads_that_begin_in_it_or_do_not_reach_it_pass_none(place: int, reverse: bool) -> None:
    size = LOW + 4 - place if reverse else 100
    read = read_of(REFERENCE[place : place + size], place, f"{size}M", reverse=reverse)
    assert passed_run(read, found_runs(), REFERENCE, START) is None


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shorter", [0, 2])
def test_a_clipped_end_is_laid_on_the_reference(reverse: bool, shorter: int) -> None:
    """The read shows the homopolymer ``shorter`` by so many bp, and every fourth base behind it wrong."""
    if reverse:
        codes = np.concatenate([REFERENCE[LOW - 40 : LOW], REFERENCE[LOW + shorter : END + 50]])
        beyond, place, cigar = slice(0, 40, 4), LOW, f"40S{RUN - shorter + 50}M"
    else:
        codes = np.concatenate([REFERENCE[LOW - 50 : END - shorter], REFERENCE[END : END + 40]])
        beyond, place = slice(len(codes) - 37, len(codes), 4), LOW - 50
        cigar = f"{50 + RUN - shorter}M40S"
    if reverse and shorter:
        place += shorter
    codes[beyond] = (codes[beyond] + 1) % 4
    passed = passed_run(read_of(codes, place, cigar, reverse=reverse), found_runs(), REFERENCE, START)
    assert passed is not None
    assert len(passed.state) == 40
    misread = np.isin(passed.state, (WRONG, BEHIND))
    assert misread.tolist() == [i % 4 == 3 for i in range(40)]


@pytest.mark.parametrize(("quality", "known"), [(5, True), (30, False)])
def test_an_end_that_is_alike_nowhere_is_noise_or_of_elsewhere(quality: int, known: bool) -> None:
    noise = random_genome(40, np.random.default_rng(9))
    codes = np.concatenate([REFERENCE[LOW - 50 : END + 5], noise])
    read = read_of(codes, LOW - 50, f"{55 + RUN}M40S", quality=quality)
    passed = passed_run(read, found_runs(), REFERENCE, START)
    assert (passed is not None) == known
    if passed is not None:
        assert passed.state.tolist() == [RIGHT] * 5 + [RANDOM] * 40


def test_what_runs_into_its_adapter_is_left_out() -> None:
    read = read_of(REFERENCE[250:360], 250, "110M")
    read.template_length = 90
    assert passed_run(read, found_runs(), REFERENCE, START) is None


def test_variants_are_no_errors() -> None:
    codes = REFERENCE[250:360].copy()
    place = END + 10
    codes[place - 250] = (REFERENCE[place] + 1) % 4
    others = np.zeros((len(REFERENCE), 4), np.int32)
    for count, errs in ((8, True), (12, False)):
        others[place, codes[place - 250]] = count
        passed = passed_run(read_of(codes, 250, "110M"), found_runs(others), REFERENCE, START)
        assert passed is not None
        assert (passed.state != RIGHT).any() == errs


@needs_shared
def test_real_reads_are_worse_the_longer_the_homopolymer() -> None:
    """Both machines; most of the wrong bases behind it are the one before."""
    for bam in (
        "illumina/HG002_b37.chr20_slices.2x150.60-96x.bam",
        "illumina/NA12878_b37.chr20_10.0-10.1M.2x101.50x.bam",
    ):
        profile = learn_profile(SHARED / bam, SHARED / "reference/b37.chr20_regions.fa.gz")
        means, states = [], np.zeros(5)
        for low, high in ((8, 9), (10, 13), (17, 30)):
            rows = profile.after_run[(profile.after_run[:, 0] >= low) & (profile.after_run[:, 0] <= high)]
            parts = [profile.quality[t, m, b : profile.length[t, m]] for _, t, m, b in rows]
            means.append(np.concatenate(parts).mean())
            if low > 8:
                for _, t, m, b in rows:
                    states += np.bincount(profile.state[t, m, b : profile.length[t, m]], minlength=5)
        assert means[0] > means[1] + 2
        assert means[1] > means[2] + 3
        assert states[BEHIND] > states[WRONG] * 0.8
