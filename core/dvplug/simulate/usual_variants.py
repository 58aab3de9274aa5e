"""How a person's genome varies where no truth set says it: constants of a human genome.

All are of HG002 (Genome in a Bottle v4.2.1, GRCh38 chr20:1-8,900,000, 14,516 variants in 8.48 Mb of confident regions),
as `VariantModel.learn` finds them, and smoothed: about one variant per 600 bp, a seventh of them indels, two
heterozygotes to one homozygote, and tandem repeats that vary the more often the longer they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from dvplug.simulate.drawn_variants import VariantModel
from dvplug.simulate.variants import Event

GAPS = (
    (0.0, 1), (0.05, 11), (0.1, 29), (0.25, 98), (0.5, 297), (0.75, 752), (0.9, 1565), (0.95, 2335), (0.99, 5830),
    (1.0, 8000),
)  # fmt: skip
"""Quantiles of bp from one variant to the next, those of repeats left out."""
SNP_SHARE = 0.959
"""Of the variants that change no repeat."""
HETEROZYGOUS = 0.633
INSERTION_SHARE = 0.56
"""Of indels that change no repeat."""
SIZES = ((1, 0.41), (2, 0.55), (3, 0.635), (4, 0.725), (5, 0.77), (10, 0.88), (20, 0.96), (45, 1.0))
"""bp of such indels up to which there are so many of them; between two, all are alike."""
REPEATS: dict[int, tuple[float, ...]] = {
    1: (0.0, 0.0, 0.0009, 0.006, 0.055, 0.16, 0.27, 0.35, 0.44, 0.52),
    2: (0.0, 0.0008, 0.0067, 0.064, 0.26, 0.48, 0.55, 0.6, 0.83, 0.88, 0.9),
    3: (0.0, 0.0017, 0.018, 0.084),
    4: (0.0, 0.011, 0.061, 0.32, 0.75, 0.85),
    5: (0.0, 0.003, 0.07),
    6: (0.0, 0.008),
}
"""Share of tandem repeats that vary, by the unit in bp, then for each two more copies; longer ones as the longest."""
ONE_UNIT = {1: 0.75, 2: 0.5}
"""Share of the changes of a repeat that are of one unit: each further one is so much rarer; .62 for longer units."""
LONGER_SHARE = 0.45
"""Of the changes of a repeat; some deletions do not fit and are dropped."""
TWO_ALLELES = {1: 0.11, 2: 0.26}
"""Share of the repeats that vary whose alleles both differ from the reference, if that fits; .1 for longer units."""
REPEAT_HETEROZYGOUS = 0.6
"""Of the others."""
_EVENTS, _OF_CLASS = 6_000, 60


@cache
def usual_variants() -> VariantModel:
    """Return the model; the same each time."""
    rng = np.random.default_rng(20)
    repeats = {
        (unit, step): (share, [_of_repeat(unit, step, rng) for _ in range(_OF_CLASS)])
        for unit, shares in REPEATS.items()
        for step, share in enumerate(shares)
        if share
    }
    return VariantModel(repeats, list(_others(rng)))


def _others(rng: np.random.Generator) -> Iterator[Event]:
    p, gaps = np.array(GAPS).T
    sizes, shares = np.array(SIZES).T
    for _ in range(_EVENTS):
        gap = int(np.exp(np.interp(rng.random(), p, np.log(gaps))))
        genotype = (0, 1) if rng.random() < HETEROZYGOUS else (1, 1)
        change = 0
        if rng.random() >= SNP_SHARE:
            at = int(np.searchsorted(shares, rng.random()))
            size = int(rng.integers(int(sizes[at - 1]) + 1 if at else 1, int(sizes[at]) + 1))
            change = size if rng.random() < INSERTION_SHARE else -size
        yield Event(max(gap, 1), (change,), genotype)


def _of_repeat(unit: int, step: int, rng: np.random.Generator) -> Event:
    units = int(rng.geometric(ONE_UNIT.get(unit, 0.62)))
    units = min(units, max(2 * step - 1, 1))  # one copy stays
    change = unit * (units if rng.random() < LONGER_SHARE else -units)
    length = 2 * unit * step
    if rng.random() < TWO_ALLELES.get(unit, 0.1):
        other = change + (unit if change > 0 or change == -unit else -unit)
        if other and length + min(change, other) >= unit:
            return Event(1, (change, other), (1, 2), unit, length)
    return Event(1, (change,), (0, 1) if rng.random() < REPEAT_HETEROZYGOUS else (1, 1), unit, length)
