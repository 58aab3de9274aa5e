"""Worlds for reads that a user has: every second one as those reads are, the others drawn from ranges.

So a network knows best what it will be given, and has met other libraries of the same machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dvplug.errors import InputError
from dvplug.simulate.learn.profile import Profile
from dvplug.simulate.learn.reads import LearntReads
from dvplug.simulate.mapping import Aligner, program_of
from dvplug.simulate.world import (
    LONGEST_BACKTRACKED,
    Library,
    MappingWorld,
    QualityWorld,
    Range,
    World,
    Worlds,
    draw_world,
)
from dvplug.simulate.world_ranges import kind_of

AS_LEARNT = QualityWorld(
    shift=0.0, stretch=1.0, cycle_fall=0.0, bins="none", low=12, high=30, cap=93, recalibrated=0.0, absent=False
)  # fmt: skip
"""Base qualities as they were learnt."""
SHORTEST_OF_MINIMAP2 = 75
"""bp of the shortest single reads that minimap2 maps here: reads of 50 bp it places less surely, and none of 30 bp."""
SHORTEST_DRAWN = 45
"""bp that single reads of drawn worlds have at the least, unless those learnt from are shorter: of still shorter ones
aligners map those alone that do not differ."""
SPLICED_ALIGNERS: tuple[Aligner, ...] = ("hisat2",)
LENGTHS = (0.6, 1.3)
"""Times the length of pairs in drawn worlds."""


def ranges_for(
    learnt: LearntReads,
    libraries: Sequence[Library],
    depths: Range | None,
    programs: Sequence[str],
) -> Worlds:
    """Return the ranges of worlds of these reads.

    Parameters
    ----------
    libraries
        How they are prepared, in equal shares.
    depths
        Of the worlds; None for what is usual for such reads.
    programs
        The aligners that may be run: ``bwa``, ``minimap2``.

    Raises
    ------
    InputError
        None of the programs maps such reads, or they cannot be of such a library.
    """
    worlds, pairs = kind_of(learnt.profile).worlds, isinstance(learnt.profile, Profile)
    aligners = _aligners(learnt, worlds, programs)
    _require_possible(learnt, libraries)
    longest, (shortest, most) = learnt.read_length, worlds.length_factors
    return worlds.model_copy(
        update={
            "kinds": tuple(libraries),
            "depths": depths or worlds.depths,
            "single_p": 0.0 if pairs else 1.0,
            "length_factors": (max(shortest, min(SHORTEST_DRAWN / longest, 1.0)), most),
            "read_lengths": (longest * LENGTHS[0], longest * LENGTHS[1]),
            "pair_aligners": aligners if pairs else (),
            "single_aligners": aligners,
            "linked": learnt.linked,
            "spliced": learnt.spliced,
        }
    )


def _aligners(learnt: LearntReads, worlds: Worlds, programs: Sequence[str]) -> tuple[Aligner, ...]:
    """Return those of the programs that map such reads; raises InputError where there is none."""
    pairs = isinstance(learnt.profile, Profile)
    of_kind = worlds.pair_aligners if pairs else worlds.single_aligners
    if learnt.spliced is not None:
        of_kind = SPLICED_ALIGNERS
    elif not pairs and learnt.read_length < SHORTEST_OF_MINIMAP2:
        of_kind = tuple(one for one in of_kind if program_of(one) != "minimap2")
    aligners = tuple(one for one in of_kind if program_of(one) in programs)
    if not aligners:
        wanted = " or ".join(dict.fromkeys(map(program_of, of_kind)))
        raise InputError(
            f"reads of {learnt.read_length:,.0f} bp cannot be mapped with {' or '.join(programs)}",
            cause=f"such reads are mapped with {wanted} here",
            repair=f"Install {wanted}, and leave --aligner out or name it there.",
        )
    return aligners


def _require_possible(learnt: LearntReads, libraries: Sequence[Library]) -> None:
    """Raise InputError where such reads cannot be of such a library."""
    pairs = isinstance(learnt.profile, Profile)
    if not pairs and "captured" in libraries:
        raise InputError(
            "--library captured is for short reads in pairs",
            cause="no captured library of single reads is simulated",
            repair="Take whole or amplicons.",
        )
    if learnt.linked is not None and "amplicons" in libraries:
        raise InputError(
            "--library amplicons is not for linked reads",
            cause="an amplicon is no part of a longer molecule",
            repair="Take whole or captured.",
        )
    if learnt.spliced is not None and set(libraries) != {"whole"}:
        raise InputError(
            f"--library {' '.join(libraries)} is not for reads of transcripts",
            cause="what is captured of transcripts, or amplified, is not simulated",
            repair="Take whole.",
        )


def own_world(worlds: Worlds, learnt: LearntReads, seed: int, number: int) -> World:
    """Draw the world of a number: with an even one the reads are as those learnt from, but for depth and aligner."""
    world = draw_world(worlds, seed)
    return _as_learnt(world, learnt) if is_as_learnt(number) else world


def is_as_learnt(number: int) -> bool:
    """Whether the reads of this world are as those learnt from."""
    return number % 2 == 0


def _as_learnt(world: World, learnt: LearntReads) -> World:
    profile, length = learnt.profile, round(learnt.read_length)
    machine = world.machine.model_copy(
        update={
            "read_length": length,
            "length_factor": 1.0,
            "uneven_share": 0.0,
            "substitution_factor": 1.0,
            "run_factor": 1.0,
            "other_indel_factor": 1.0,
            "site_factor": 1.0,
            "after_run_share": 1.0,
            "quality": AS_LEARNT,
        }
    )
    own: dict[str, Any] = {}
    if isinstance(profile, Profile):
        own = {
            "fragment_mean": float(np.mean(profile.fragment)),
            "fragment_sd": float(np.std(profile.fragment)),
            "chimera_p": profile.discordant_p,
            "duplicate_share": profile.copies,  # those that were not marked
            "duplicates_marked": False,
        }
    library = world.library.model_copy(
        update={
            "adapters_trimmed": False,
            "clip_factor": 1.0,
            "tail_share": 0.0,
            "duplicate_share": 0.0,
            "alt_share": 0.5,
            "site_sd": 0.0,
            "skewed_share": 0.0,
            "reverse_kept": 1.0,
            "linked": learnt.linked,
        }
        | own
    )
    aligner: Aligner = world.mapping.aligner
    if aligner == "bwa-aln" and length > LONGEST_BACKTRACKED:
        aligner = "bwa-mem"
    mapping = MappingWorld(aligner=aligner, scale="as-mapped", top=60)
    return world.model_copy(update={"machine": machine, "library": library, "mapping": mapping})
