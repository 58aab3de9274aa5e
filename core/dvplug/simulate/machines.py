"""The machine of a world: a profile learnt from real reads, with other lengths, error rates and qualities.

How often reads err is changed before their qualities are, and by other draws: in no world do the qualities that a file
tells say how the errors of that world differ from those of another.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dvplug.simulate.learn.context import ContextProfile
from dvplug.simulate.learn.error_counts import MOST_CHANGE
from dvplug.simulate.learn.profile import Profile
from dvplug.simulate.learn.states import RANDOM, RIGHT, WRONG, is_misread
from dvplug.simulate.locus_noise import LocusNoise
from dvplug.simulate.reported import LEAST, MOST, cycle_changes, reported_qualities
from dvplug.simulate.world import LibraryWorld, MachineWorld, World

SHORT_RUN = 4
"""Homopolymers of fewer bp count as sequence: that they change in length is an indel like others."""
FRAGMENTS = (40, 1500)
"""bp of the shortest and the longest fragment."""
TAIL_QUALITY = (2, 12)
SHORTEST_CUT = 30
"""bp that are left of a read that is cut."""
MOST_FREQUENT = 0.35
"""No repeat is deleted from, or inserted into, more often than this (`dvplug.simulate.short_reads`)."""


def world_noise(noise: LocusNoise, machine: MachineWorld) -> LocusNoise:
    """Return how places differ in a world: its own spread of repeats, and more or fewer places where reads err."""
    return noise._replace(
        indel_sd=machine.indel_sd,
        site_p=min(noise.site_p * machine.site_factor, 0.1),
    )


def short_machine(
    profile: Profile, world: World, rng: np.random.Generator, *, own_lengths: bool = False
) -> Profile:
    """Return the profile of a world's short reads: length, errors, ends, then qualities as the file is to tell them.

    With ``own_lengths`` reads and fragments are as long as in the profile.
    """
    machine, library = world.machine, world.library
    profile = profile.scaled(clip=library.clip_factor, indel=1.0, rng=rng)
    if not own_lengths:
        profile = replace(
            of_length(profile, machine.read_length, rng),
            fragment=fragment_lengths(library, len(profile.fragment), rng),
        )
    profile = replace(
        profile,
        deletion_p=_scaled_rates(profile.deletion_p, machine),
        insertion_p=_scaled_rates(profile.insertion_p, machine),
        discordant_p=library.chimera_p,
        after_run_share=machine.after_run_share,
    )
    profile = _with_errors(profile, machine.substitution_factor, rng)
    if library.tail_share:
        profile = _with_tails(profile, library.tail_share, rng)
    if machine.uneven_share:
        profile = _cut(profile, machine.uneven_share, rng)
    return _told(profile, world)


def fragment_lengths(library: LibraryWorld, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw log-normal lengths of fragments, bp, int64[count], with the mean and the SD of the library."""
    spread = np.log1p((library.fragment_sd / library.fragment_mean) ** 2)
    log = rng.normal(np.log(library.fragment_mean) - spread / 2, np.sqrt(spread), count)
    return np.clip(np.rint(np.exp(log)), *FRAGMENTS).astype(np.int64)


def of_length(profile: Profile, length: int, rng: np.random.Generator) -> Profile:
    """Stretch the templates to reads of ``length`` bp: as good at their ends, and as many errors per base."""
    old = np.maximum(profile.length, 1)
    source = (np.arange(length) + 0.5) * old[:, :, None] / length
    source = np.minimum(source.astype(np.int64), old[:, :, None] - 1)
    quality = np.take_along_axis(profile.quality, source, axis=2)
    state = np.take_along_axis(profile.state, source, axis=2)
    # A template's error is found again at every base that is copied from it: so it is where reads grow, as often
    # as there are more bases. Bases are drawn anew one by one, so that errors do not follow on one another.
    misread = is_misread(state)
    wrong, shown = np.argwhere(misread), state[misread]
    state[misread] = RIGHT
    moved = np.clip(wrong[:, 2] + rng.integers(-3, 4, len(wrong)), 0, length - 1)
    room = state[wrong[:, 0], wrong[:, 1], moved] == RIGHT
    state[wrong[room, 0], wrong[room, 1], moved[room]] = shown[room]
    quality[wrong[room, 0], wrong[room, 1], moved[room]] = quality[tuple(wrong[room].T)]
    after_run = profile.after_run.copy()
    of_read = old[after_run[:, 1], after_run[:, 2]]
    after_run[:, 3] = np.minimum(-(-after_run[:, 3] * length // of_read), length - 1)
    return replace(
        profile,
        quality=quality,
        state=state,
        length=np.full_like(profile.length, length),
        after_run=after_run,
    )


def _scaled_rates(rates: NDArray[np.float64], machine: MachineWorld) -> NDArray[np.float64]:
    scaled = rates * machine.run_factor
    scaled[1, :SHORT_RUN] = rates[1, :SHORT_RUN] * machine.other_indel_factor
    return np.minimum(scaled, MOST_FREQUENT)


def _with_errors(profile: Profile, factor: float, rng: np.random.Generator) -> Profile:
    """Leave out errors, or add some where the profile's qualities say that they are likely."""
    state = profile.state.copy()
    wrong = is_misread(state)
    if factor < 1:
        state[wrong & (rng.random(state.shape) >= factor)] = RIGHT
        return replace(profile, state=state)
    more = rng.poisson((factor - 1) * wrong.sum())
    inside = np.arange(state.shape[2]) < profile.length[:, :, None]
    likely = np.cumsum(np.where(inside & (state == RIGHT), 10 ** (profile.quality / -10.0), 0.0).ravel())
    state.reshape(-1)[np.searchsorted(likely, rng.random(more) * likely[-1])] = WRONG
    return replace(profile, state=state)


def _with_tails(profile: Profile, share: float, rng: np.random.Generator) -> Profile:
    """Let a share of the reads end in noise, of 5 to 40 % of their length."""
    quality, state = profile.quality.copy(), profile.state.copy()
    tail = np.where(rng.random(profile.length.shape) < share, rng.uniform(0.05, 0.4, profile.length.shape), 0)
    first = np.rint(profile.length * (1 - tail))[:, :, None]
    noise = np.arange(state.shape[2]) >= first
    state[noise] = RANDOM
    quality[noise] = rng.integers(*TAIL_QUALITY, int(noise.sum()))
    return replace(profile, quality=quality, state=state)


def _cut(profile: Profile, share: float, rng: np.random.Generator) -> Profile:
    """Cut a share of the reads anywhere behind their first `SHORTEST_CUT` bases."""
    least = np.minimum(profile.length, SHORTEST_CUT)
    size = rng.integers(least, profile.length + 1)
    return replace(profile, length=np.where(rng.random(profile.length.shape) < share, size, profile.length))


def _told(profile: Profile, world: World) -> Profile:
    """Change the qualities; the states, which say where reads err, stay."""
    told = world.machine.quality
    inside = np.arange(profile.quality.shape[2]) < profile.length[:, :, None]
    mean = float(profile.quality[inside].mean())
    table = reported_qualities(told, mean)
    changes = cycle_changes(told, profile.quality.shape[2], world.seed)
    quality = np.clip(np.rint(profile.quality + changes), LEAST, MOST).astype(np.uint8)
    return replace(profile, quality=table[quality], recurrent_q=table[profile.recurrent_q])


def single_machine(profile: ContextProfile, machine: MachineWorld) -> ContextProfile:
    """Return the profile of a world's single reads: lengths and errors; their qualities are told when written."""
    factors = np.where(
        np.arange(profile.run_change.shape[2]) < SHORT_RUN, machine.other_indel_factor, machine.run_factor
    )
    length = np.maximum(np.rint(profile.length * machine.length_factor), SHORTEST_CUT).astype(np.int64)
    return replace(
        profile,
        length=length,
        substitution_p=profile.substitution_p * machine.substitution_factor,
        colour_p=profile.colour_p * machine.substitution_factor,
        insertion_p=profile.insertion_p * machine.other_indel_factor,
        deletion_p=profile.deletion_p * machine.other_indel_factor,
        run_change=_more_changes(profile.run_change, factors),
    )


def _more_changes(cumulative: NDArray[np.float64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply the odds that a homopolymer is read too long or too short; which of these stays as likely.

    ``cumulative`` is float64[..., lengths, changes], ``factors`` float64[lengths].
    """
    p = np.diff(cumulative, axis=-1, prepend=0.0)
    wrong = np.clip(1 - p[..., MOST_CHANGE], 0.0, 1.0)
    odds = wrong / np.maximum(1 - wrong, 1e-9) * factors
    more = odds / (1 + odds)
    p *= (more / np.maximum(wrong, 1e-12))[..., None]
    p[..., MOST_CHANGE] = 1 - more
    return np.cumsum(p, axis=-1)


def mean_quality(profile: ContextProfile) -> float:
    """Return the mean quality that the tables of a profile give, all of them alike: where shapes are centred."""
    p = np.diff(profile.quality, axis=-1, prepend=0.0)
    return float((p * np.arange(p.shape[-1])).sum(axis=-1).mean())
