"""Worlds for a user's reads: half as those are, half drawn around them, mapped with what is there."""

from __future__ import annotations

import numpy as np
import pytest

from dvplug.errors import InputError
from dvplug.simulate.learn.profile import LONGEST_TRACT, Profile
from dvplug.simulate.learn.reads import LearntReads
from dvplug.simulate.own_worlds import AS_LEARNT, own_world, ranges_for
from dvplug.simulate.world import World
from helpers.planted_reads import planted

BOTH = ("bwa", "minimap2")


def pairs(length: int = 120) -> LearntReads:
    rates = np.full((5, LONGEST_TRACT + 1), 0.001)
    base = np.full((9, 2, length), 30, np.uint8)
    fragments = np.arange(300, 309)
    spectrum = np.cumsum(np.full((4, 4), 0.25), axis=1)
    return LearntReads(
        Profile(
            base,
            base * 0,
            np.full((9, 2), length),
            fragments,
            spectrum,
            rates,
            rates,
            base[0, 0, :1],
            0.07,
            copies=0.2,
        )
    )


def worlds(learnt: LearntReads, count: int = 60, **options: object) -> list[World]:
    given: dict = {"libraries": ("whole",), "depths": None, "programs": BOTH} | options
    ranges = ranges_for(learnt, **given)
    return [own_world(ranges, learnt, 100 + number, number) for number in range(count)]


def test_every_second_world_is_as_learnt() -> None:
    for number, world in enumerate(worlds(pairs())):
        assert world.machine.paired
        if number % 2:
            assert 0.6 * 120 - 1 <= world.machine.read_length <= 1.3 * 120 + 1
            continue
        assert (world.machine.read_length, world.machine.quality) == (120, AS_LEARNT)
        assert world.machine.run_factor == world.machine.substitution_factor == 1
        assert (world.library.fragment_mean, world.library.chimera_p) == (304, 0.07)
        assert (world.library.duplicate_share, world.library.duplicates_marked) == (0.2, False)
        assert world.library.skewed_share == 0
        assert world.mapping.scale == "as-mapped"


def test_others_differ_in_all_there_is() -> None:
    drawn = worlds(pairs())[1::2]
    assert len({world.machine.quality.bins for world in drawn}) > 3
    assert len({world.mapping.scale for world in drawn}) > 3
    assert min(world.machine.run_factor for world in drawn) < 0.5
    assert max(world.machine.run_factor for world in drawn) > 2


def test_depths_and_libraries_are_those_asked_for() -> None:
    some = worlds(pairs(), depths=(20.0, 40.0), libraries=("captured",))
    assert all(20 <= world.library.depth <= 40 and world.library.kind == "captured" for world in some)
    kinds = {world.library.kind for world in worlds(pairs(), libraries=("whole", "amplicons"))}
    assert kinds == {"whole", "amplicons"}


@pytest.mark.parametrize(
    ("programs", "aligners"),
    [(BOTH, {"bwa-mem", "bwa-aln", "sr"}), (("bwa",), {"bwa-mem", "bwa-aln"}), (("minimap2",), {"sr"})],
)
def test_pairs_are_mapped_with_what_is_there(programs: tuple[str, ...], aligners: set[str]) -> None:
    assert {world.mapping.aligner for world in worlds(pairs(80), programs=programs)} == aligners


def test_long_pairs_are_not_backtracked() -> None:
    for world in worlds(pairs(140), count=200, programs=("bwa",)):
        assert world.mapping.aligner == "bwa-mem" or world.machine.read_length <= 110


def test_single_reads_are_never_paired() -> None:
    learnt = LearntReads(planted())
    found = worlds(learnt)
    assert not any(world.machine.paired for world in found)
    assert {world.mapping.aligner for world in found} == {"bwa-mem-single", "sr"}
    assert {world.machine.length_factor for world in found[::2]} == {1.0}


def test_what_cannot_be_is_refused() -> None:
    long = planted()
    long.length[:] = 8_000
    with pytest.raises(InputError, match=r"reads of 8,000 bp cannot be mapped with bwa: .* minimap2 here"):
        worlds(LearntReads(long), programs=("bwa",))
    with pytest.raises(InputError, match="--library captured is for short reads in pairs"):
        worlds(LearntReads(long), libraries=("captured",))
