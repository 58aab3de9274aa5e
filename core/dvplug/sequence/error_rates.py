"""Rates of errors, smoothed where little was seen: multiples of the rates that a prior claims, alike among neighbours.

Errors are taken as Poisson, and how many times the prior's rate a class has (a quality, a length) as Gamma: then what
is expected after the counts is that of errors plus pseudo-counts over trials plus pseudo-counts, as in GATK's base
quality recalibration, whose prior is the reported quality as well. The prior is moved first to what neighbours show,
the nearer the more; then the class's own counts have their say.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dvplug.sequence.arrays import Float64s, Int64s

PSEUDO_ERRORS = 2.0
"""Errors that a prior counts as."""
NEIGHBOUR = 0.7
"""What a class tells of the one beside it, as a share of what it tells of itself; of the next the square of it."""
MOST_P = 0.75
"""Of a mismatch: that of a guess."""


class Rates(NamedTuple):
    """Rates of classes in order.

    Attributes
    ----------
    p
        float64[n].
    weight
        float64[n]: trials that each rests on, those of the prior included.
    """

    p: Float64s
    weight: Float64s


def smoothed_rates(errors: Int64s, trials: Int64s, prior: Float64s) -> Rates:
    """Estimate the rates of classes in order.

    Parameters
    ----------
    errors, trials
        int64[n].
    prior
        float64[n], above 0: what is believed without them.
    """
    at = np.arange(len(errors))
    near = NEIGHBOUR ** np.abs(at[:, None] - at)
    times = (near @ errors + PSEUDO_ERRORS) / (near @ (trials * prior) + PSEUDO_ERRORS)
    weight = trials + PSEUDO_ERRORS / np.minimum(prior * times, MOST_P)
    return Rates(np.minimum((errors + PSEUDO_ERRORS) / weight, MOST_P), weight)


def falling(rates: Rates) -> Float64s:
    """Return the nearest rates that never rise from one class to the next, float64[n].

    By pooling adjacent violators (Ayer and others, 1955), which is least squares with the weights.
    """
    blocks: list[list[float]] = []  # rate, weight, classes
    for p, weight in zip(rates.p.tolist(), rates.weight.tolist(), strict=True):
        blocks.append([p, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
            later, earlier = blocks.pop(), blocks[-1]
            both = earlier[1] + later[1]
            earlier[0] = (earlier[0] * earlier[1] + later[0] * later[1]) / both
            earlier[1:] = [both, earlier[2] + later[2]]
    return np.repeat([block[0] for block in blocks], [int(block[2]) for block in blocks])
