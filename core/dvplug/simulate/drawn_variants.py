"""Variants for sequence without a truth: as many and as varied as where a real truth is whole.

Indels of tandem repeats are drawn repeat by repeat, since how often one varies depends on its length: of homopolymers
of 7 bp 1 % do, of 15 bp more than a third. All else is drawn along the sequence in runs of successive real variants.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dvplug.sequence.tracts import find_tracts
from dvplug.simulate.genome import Codes, N
from dvplug.simulate.variants import Event, PhasedVariant, place_events, repeat_variant

RUN = 20
"""Successive real variants that are drawn together, so that clusters and blocks of homozygotes stay."""
LONGEST_GAP = 8000
FEWEST_TRACTS = 20
"""Repeats of a length that are rarer than this are taken to vary as the next shorter ones."""
LONGEST_CLASS = 60

Class = tuple[int, int]


@dataclass(frozen=True)
class VariantModel:
    """How a person's genome varies.

    ``repeats`` maps a class of tandem repeats, by unit and length, to the share of them that vary and to the events
    that are seen in them; ``others`` are all other events, in order, with the gaps between them.
    """

    repeats: dict[Class, tuple[float, list[Event]]]
    others: list[Event]

    @classmethod
    def learn(
        cls, codes: Codes, variants: list[PhasedVariant], confident: list[tuple[int, int]] | None = None
    ) -> VariantModel:
        """Learn from variants of a contig that are whole within the confident intervals (everywhere without)."""
        outside = np.zeros(len(codes) + 1, np.int64)
        if confident is not None:
            outside[1:] = 1
            for start, end in confident:
                outside[start + 1 : end + 1] = 0
        outside = np.cumsum(outside)  # positions before that are not confident
        tracts = find_tracts(codes)
        ends = np.minimum(tracts.start + tracts.length + 1, len(codes))
        whole = outside[ends] == outside[np.maximum(tracts.start - 1, 0)]
        seen = Counter(
            _class(unit, length)
            for unit, length in zip(tracts.unit[whole].tolist(), tracts.length[whole].tolist(), strict=True)
        )
        events = as_events(codes, variants)
        varied: dict[Class, list[Event]] = defaultdict(list)
        others: list[Event] = []
        gap = 0
        for variant, event in zip(variants, events, strict=True):
            gap += event.gap
            if event.unit:
                if outside[variant.end] == outside[variant.start]:
                    varied[_class(event.unit, event.tract)].append(event)
            else:
                others.append(Event(gap, event.changes, event.genotype))
                gap = 0
        rates = {
            key: (min(len(varied[key]) / count, 1.0), varied[key])
            for key, count in seen.items()
            if count >= FEWEST_TRACTS and varied[key]
        }
        return cls(rates, others)

    def of_repeat(self, unit: int, length: int) -> tuple[float, list[Event]]:
        """Share that varies, and the events, of repeats like this one or of the next shorter ones that are known."""
        unit, step = _class(unit, length)
        while step >= 0 and (unit, step) not in self.repeats:
            step -= 1
        return self.repeats.get((unit, step), (0.0, []))


def _class(unit: int, length: int) -> Class:
    return unit, min(length, LONGEST_CLASS) // (2 * unit)


def as_events(codes: Codes, variants: list[PhasedVariant]) -> list[Event]:
    """Describe variants by gap, length change, genotype and the tandem repeat that they lie in."""
    tracts = find_tracts(codes)
    events, before = [], 0
    for variant in variants:
        changes = tuple(len(alt) - len(variant.ref) for alt in variant.alts)
        unit, length = 0, 0
        if any(changes):
            high = int(np.searchsorted(tracts.start, variant.start + 2, side="right"))
            inside = [
                i
                for i in range(max(high - 12, 0), high)
                if tracts.start[i] + tracts.length[i] > variant.start
                and all(change % tracts.unit[i] == 0 for change in changes)
            ]
            if inside:
                best = max(inside, key=lambda i: tracts.length[i])
                unit, length = int(tracts.unit[best]), int(tracts.length[best])
        else:
            changes = (0,)
        if 0 in changes and len(changes) > 1:  # a SNP beside an indel: only the indel is drawn anew
            changes = tuple(change for change in changes if change)[:1]
        genotype = variant.genotype if max(variant.genotype) <= len(changes) else (0, 1)
        events.append(Event(max(variant.start - before, 1), changes, genotype, unit, length))
        before = variant.start
    return events


def drawn_variants(codes: Codes, model: VariantModel, rng: np.random.Generator) -> list[PhasedVariant]:
    """Draw variants of a model on another sequence, sorted, none touching another."""
    in_repeats = list(_in_repeats(codes, model, rng))
    taken = np.zeros(len(codes) + 1, bool)
    for variant in in_repeats:
        taken[variant.start - 1 : variant.end + 1] = True
    others = [
        variant
        for variant in place_events(codes, _resampled(model.others, rng), rng)
        if not taken[variant.start : variant.end].any()
    ]
    return sorted([*in_repeats, *others], key=lambda variant: variant.start)


def _in_repeats(codes: Codes, model: VariantModel, rng: np.random.Generator) -> Iterator[PhasedVariant]:
    tracts = find_tracts(codes)
    taken = 10
    for start, length, unit in zip(
        *(x.tolist() for x in (tracts.start, tracts.length, tracts.unit)), strict=True
    ):
        share, events = model.of_repeat(unit, length)
        if rng.random() >= share or codes[start - 1] == N:
            continue
        event = events[int(rng.integers(len(events)))]
        if length < unit - min(*event.changes, 0):
            continue
        variant = repeat_variant(codes, start, _turned(event, rng))
        if variant is not None and variant.start > taken and variant.end < len(codes) - 10:
            taken = variant.end
            yield variant


def _resampled(events: list[Event], rng: np.random.Generator) -> Iterator[Event]:
    """Yield runs of real events in random order, without end; longer gaps (no calls) are shortened."""
    while True:
        first = int(rng.integers(0, len(events) - RUN))
        swap = rng.random() < 0.5
        for event in events[first : first + RUN]:
            gap = event.gap if event.gap <= LONGEST_GAP else int(rng.integers(1, LONGEST_GAP))
            genotype = event.genotype[::-1] if swap else event.genotype
            yield Event(gap, event.changes, genotype)


def _turned(event: Event, rng: np.random.Generator) -> Event:
    """Put an event's alleles on the haplotypes at random."""
    genotype = event.genotype[::-1] if rng.random() < 0.5 else event.genotype
    return Event(event.gap, event.changes, genotype, event.unit, event.tract)
