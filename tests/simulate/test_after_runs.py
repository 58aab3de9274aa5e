"""Reads behind repeats: they go on as reads of the profile did behind such, and before it as others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dvplug.sequence.codes import decode_bases
from dvplug.simulate.after_runs import ENOUGH, passed_none
from dvplug.simulate.fragments import Fragments
from dvplug.simulate.genome import COMPLEMENT, Codes
from dvplug.simulate.learn.profile import Profile
from dvplug.simulate.learn.states import BEHIND, RIGHT
from dvplug.simulate.machines import of_length
from dvplug.simulate.short_reads import fastq_batches, prepare
from helpers.short_profiles import QUIET, make_profile

SIZE, USUAL, LATER = 60, 30, 12
RUN = 14


def genome(units: int, unit: tuple[int, ...] = (3,)) -> Codes:
    """Sequence without any repeat but one, by default of T, from position 200 on."""
    other = np.random.default_rng(4).integers(0, 4, 200).astype(np.uint8)
    other[0], other[-1] = 1, 0
    return np.concatenate([other, np.tile(np.array(unit, np.uint8), units), other])


def profile(run: int = RUN, passes: int = ENOUGH, base: int = 20) -> Profile:
    """Reads of quality 30 and ``passes`` of quality 12 that show each base but the first as the one before.

    The latter passed a homopolymer of so many bp before their ``base``, from which on they do so.
    """
    made = make_profile(pairs=4 + passes, size=SIZE, fragment=150)
    quality, state = made.quality.copy(), made.state.copy()
    quality[4:, 0, base:] = LATER
    state[4:, 0, base + 1 :] = BEHIND
    rows = [(run, 4 + i, 0, base) for i in range(passes)]
    return replace(made, quality=quality, state=state, after_run=np.array(rows, np.int64).reshape(-1, 4))


def first_reads(codes: Codes, of: Profile, low: int, flip: bool) -> list[tuple[str, list[int]]]:
    """Sequences and qualities of the first reads of 50 fragments that begin at ``low`` of the strand that is read."""
    start = len(codes) - low - 150 if flip else low
    fragments = Fragments(np.full(50, start), np.full(50, 150), np.full(50, flip))
    texts = fastq_batches(prepare(codes, of, QUIET, 7), fragments, of, np.random.default_rng(3), 0, mates=1)
    lines = b"".join(text.tobytes() for text in texts).decode().splitlines()
    return [
        (bases, [ord(q) - 33 for q in quals]) for bases, quals in zip(lines[1::4], lines[3::4], strict=True)
    ]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("unit", [(3,), (3, 2)])
def test_a_read_goes_on_behind_a_repeat_as_another_did(flip: bool, unit: tuple[int, ...]) -> None:
    codes = genome(RUN, unit)
    strand = COMPLEMENT[codes][::-1] if flip else codes
    low = 185
    right, end = decode_bases(strand[low : low + SIZE]), 200 + RUN * len(unit) - low
    for bases, quality in first_reads(codes, profile(), low, flip):
        assert quality == [USUAL] * end + [LATER] * (SIZE - end)
        assert bases[: end + 1] == right[: end + 1]
        for shown, before, base in zip(bases[end + 1 :], right[end:-1], right[end + 1 :], strict=True):
            assert shown == before if before != base else shown != base


def test_reads_that_pass_none_are_as_ever() -> None:
    codes = genome(RUN)
    for low in (20, 205):  # beside the homopolymer, and begun within it
        for bases, quality in first_reads(codes, profile(), low, flip=False):
            assert bases == decode_bases(codes[low : low + SIZE])
            assert quality == [USUAL] * SIZE


@pytest.mark.parametrize("changes", [{"after_run_share": 0.0}, {"after_run": np.zeros((0, 4), np.int64)}])
def test_nothing_changes_where_there_is_no_share_or_nothing_known(changes: dict[str, object]) -> None:
    of = replace(profile(), **changes)  # type: ignore[arg-type]
    codes, found = genome(RUN), set()
    for _, quality in first_reads(codes, of, 185, flip=False):
        found |= set(quality[:15])
    assert found == {USUAL}


def test_a_share_of_the_homopolymers_changes_reads() -> None:
    fallen = [
        q[-1] == LATER
        for _, q in first_reads(genome(RUN), replace(profile(), after_run_share=0.5), 185, False)
    ]
    assert 10 < sum(fallen) < 40


def test_reads_are_taken_of_those_whose_homopolymer_was_as_long() -> None:
    short, long = profile(run=9), profile(run=18)
    quality, state = np.concatenate([short.quality, long.quality]), np.concatenate([short.state, long.state])
    quality[len(short.quality) :][long.quality == LATER] = 5
    rows = np.add(long.after_run, (0, len(short.quality), 0, 0))
    both = replace(
        short,
        quality=quality,
        state=state,
        length=np.concatenate([short.length, long.length]),
        fragment=np.concatenate([short.fragment, long.fragment]),
        after_run=np.concatenate([rows, short.after_run]),
    )
    assert set(passed_none(both)) == {0, 1, 2, 3, *range(len(short.quality), len(short.quality) + 4)}
    for run, later in ((9, LATER), (12, LATER), (15, 5), (25, 5)):
        for _, found in first_reads(genome(run), both, 185, flip=False):
            assert found[15 + run :] == [later] * (SIZE - 15 - run)


def test_those_are_taken_that_passed_as_late_in_the_read() -> None:
    early, of = 10, profile(passes=2 * ENOUGH, base=31)
    quality, after_run = of.quality.copy(), of.after_run.copy()
    after_run[::2, 3] = early
    quality[after_run[::2, 1], 0, early:] = 25
    of = replace(of, quality=quality, after_run=after_run)
    last = [q[-1] for _, q in first_reads(genome(RUN), of, 185, flip=False)]  # 29 bases are read before
    assert sum(found == 25 for found in last) == 50
    last = [q[-1] for _, q in first_reads(genome(RUN), of, 180, flip=False)]
    assert sum(found == LATER for found in last) > 45


@pytest.mark.parametrize("length", [36, 60, 151])
def test_lengths_of_other_reads_keep_the_place(length: int) -> None:
    of = of_length(profile(), length, np.random.default_rng(1))
    for _, pair, mate, base in of.after_run:
        assert (of.quality[pair, mate, base + 1 :] == LATER).all()
        assert (of.quality[pair, mate, : base - 4] == USUAL).all()  # errors are moved by up to 3 bases
        assert (of.state[pair, mate, : base - 4] == RIGHT).all()
        assert set(of.state[pair, mate].tolist()) == {RIGHT, BEHIND}
    assert (of.state[:4] == RIGHT).all()
