"""Variants of people and of other species, drawn: at the density of a person, or at another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from dvplug.genome.bed import read_bed
from dvplug.sequence.codes import encode_bases
from dvplug.simulate.drawn_variants import VariantModel
from dvplug.simulate.genome import Codes
from dvplug.simulate.sample import read_fasta, real_variants
from dvplug.simulate.variants import Event, PhasedVariant, draw_events, place_events
from dvplug_lab.read_sets import CONFIDENT, MAIN, TRUTH

HUMAN = 0.0013
"""Variants per bp of `draw_events`."""
ATTEMPTS, NEAR = 8, 0.03
"""At a diversity: how often it is tried, and how near it has to come."""


@cache
def variant_model(shared: Path) -> VariantModel:
    """Learn how HG002's chr20 varies."""
    chr20 = encode_bases(read_fasta(shared / MAIN)["chr20"].encode())
    real = real_variants(shared / TRUTH, "chr20", np.random.default_rng(0))
    whole = [(start, end) for _, start, end in read_bed(shared / CONFIDENT, {"chr20": len(chr20)})]
    return VariantModel.learn(chr20, real, whole)


def at_diversity(codes: Codes, share: float, rng: np.random.Generator) -> list[PhasedVariant]:
    """Draw variants of the types and genotypes of a person, so close that there are ``share`` of them per bp.

    Repeats that can vary are only so many: what they lack of their part, others have more.
    """
    wanted = share * len(codes)
    factor = HUMAN / share
    in_repeats = place_events(codes, _spaced(draw_events(rng), True, factor), rng)
    for _ in range(ATTEMPTS):
        others = place_events(codes, _spaced(draw_events(rng), False, factor), rng)
        found = _apart(in_repeats, others)
        if abs(len(found) / wanted - 1) < NEAR:
            break
        factor *= (len(found) - len(in_repeats)) / (wanted - len(in_repeats))
    return found


def _spaced(events: Iterator[Event], in_repeats: bool, factor: float) -> Iterator[Event]:
    """Yield the events in repeats, or all others, this many times as far apart."""
    gap = 0.0
    for event in events:
        gap += event.gap * factor
        if bool(event.unit) == in_repeats:
            yield replace(event, gap=max(1, round(gap)))
            gap = 0.0


def _apart(first: list[PhasedVariant], others: list[PhasedVariant]) -> list[PhasedVariant]:
    """Return all of the first, and those others that do not touch them, in order."""
    taken = {base for one in first for base in range(one.start - 1, one.end + 1)}
    kept = [one for one in others if taken.isdisjoint(range(one.start, one.end))]
    return sorted([*first, *kept], key=lambda one: one.start)
