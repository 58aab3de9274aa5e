"""How deep each contig of a read set is sequenced, and where that leaves the truth whole and the reads present."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dvplug.genome.bed import read_bed
from dvplug.simulate.depths import SHOULDER, DepthBlocks, capture_blocks, depth_blocks, ripple
from dvplug.simulate.genome import Codes, known_intervals
from dvplug.simulate.learn.context import ContextProfile
from dvplug.simulate.learn.profile import Profile
from dvplug.simulate.sample import duplicated, subtract
from dvplug_lab.read_sets import CONFIDENT, NEVER, REAL_END, TUNE, ReadSet


@dataclass(frozen=True)
class Plan:
    """How deep a contig is sequenced."""

    blocks: DepthBlocks
    waves: NDArray[np.float64]  # [bp // 1000 + 1], a factor per 1000 bp


def plan_depths(
    contigs: dict[str, Codes], chosen: ReadSet, stretch: tuple[str, int, int] | None, rng: np.random.Generator
) -> dict[str, Plan]:
    """Draw each contig's depths; 0 in blocks left out for the scale, but never in the tuning slice.

    With a ``stretch``, and beyond the end of chr20's real variants, nothing is sequenced elsewhere.
    """
    plans = {}
    for name, codes in contigs.items():
        if chosen.captured:
            starts, depths = capture_blocks(len(codes), rng, chosen.depths, chosen.typical_depth)
        else:
            starts, depths = depth_blocks(len(codes), rng, chosen.depths)
        left_out = rng.random(len(starts)) >= chosen.scale
        if chosen.tune_only:
            left_out = (starts < TUNE[1]) | (starts >= TUNE[2])
        elif name == TUNE[0]:
            left_out &= (starts < TUNE[1] - 100_000) | (starts >= TUNE[2])
        depths = np.where(left_out, 0.0, depths)
        if stretch and name == stretch[0]:
            starts, depths = np.array([0, *stretch[1:]]), np.array([0.0, chosen.depths[0], 0.0])
        elif name == "chr20":
            before = starts < REAL_END
            starts, depths = np.append(starts[before], REAL_END), np.append(depths[before], 0.0)
        plans[name] = Plan(DepthBlocks(starts, depths), ripple(len(codes), rng))
    return plans


def not_sequenced(
    name: str, length: int, plan: Plan, edge: int, shift: int = 0
) -> list[tuple[str, int, int]]:
    """Return the blocks without reads, widened by the stretch where depth falls off, and shifted."""
    starts, depths = plan.blocks
    ends = np.append(starts[1:], length)
    return [
        (name, max(int(a) + shift - edge, 0), int(b) + shift + edge)
        for a, b, d in zip(starts, ends, depths, strict=True)
        if d == 0
    ]


def labelled(shared: Path, contigs: dict[str, Codes]) -> list[tuple[str, int, int]]:
    """Return where the truth is whole: the confident regions of chr20, all known sequence elsewhere."""
    intervals: list[tuple[str, int, int]] = []
    for name, codes in contigs.items():
        if name == "chr20":
            intervals += read_bed(shared / CONFIDENT, {name: len(codes)})
        else:
            intervals += known_intervals(name, codes)
    return subtract(intervals, NEVER)


def ends(lengths: dict[str, int], size: int = 2000) -> list[tuple[str, int, int]]:
    """Return both ends of all contigs: fragments begin and end there, so hardly any reach the last bases."""
    return [(name, *end) for name, n in lengths.items() for end in ((0, size), (n - size, n))]


def confident(
    shared: Path,
    contigs: dict[str, Codes],
    chosen: ReadSet,
    profile: Profile | ContextProfile,
    plans: dict[str, Plan],
) -> list[tuple[str, int, int]]:
    """Return where the truth is whole and reads are: where variants are labelled and counted."""
    shift = 0
    if chosen.captured:
        # Blocks say where fragments start: what they cover lies half a fragment further on. Exomes are measured
        # within their targets; the shoulders serve for training alone.
        assert isinstance(profile, Profile)
        edge, shift = SHOULDER if chosen.held_out else 0, int(profile.fragment.mean()) // 2
    else:
        edge = 500 if isinstance(profile, Profile) else int(profile.length.mean())
    lengths = {name: len(codes) for name, codes in contigs.items()}
    holes = [hole for name, n in lengths.items() for hole in not_sequenced(name, n, plans[name], edge, shift)]
    if chosen.held_out:
        holes += duplicated(contigs) + ends(lengths)
    return subtract(labelled(shared, contigs), holes)
