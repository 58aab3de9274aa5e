"""Which repeats rather vary in the sample than are misread, so that they tell nothing of errors.

Where a third of the reads show a repeat of 8 bp and more at one other length, its reads may err, or the sample may have
a second allele. Which is likelier is told by how the other repeats of such a length are misread. Among many those that
vary are always as many, and networks have learnt what then looks like errors; of a small file a single one can be all
that there is of its length.
"""

from __future__ import annotations

import numpy as np

from dvplug.line.run_profile import HOMOPOLYMERS, MOST_CHANGE, USUAL_CHANGES
from dvplug.sequence.arrays import Bools, Float64s, Int64s
from dvplug.sequence.error_rates import MOST_P, NEIGHBOUR, PSEUDO_ERRORS

MANY = 10
"""Repeats of one kind and length, of which some may vary."""
VARYING = 0.1
"""Of repeats of 8 bp and more, those that a person has two lengths of: of homopolymers in GIAB's truth of HG002
(v4.2.1) 3 % at 8 bp, and about half at 20 bp."""
_NODES, _WEIGHTS = np.sqrt(3.0) * np.array([-1.0, 0.0, 1.0]), np.array([1.0, 4.0, 1.0]) / 6
"""Gauss-Hermite quadrature of the standard normal distribution, of three nodes."""
_BALANCE_SD = 0.3
"""Of the log-odds that a read is of either allele: reads that span the longer one are fewer."""


def varying(places: Int64s, counts: Int64s, usual: Float64s, spread: float) -> Bools:
    """Tell which repeats rather vary, among few of their kind and length, bool[n].

    Parameters
    ----------
    places
        int64[n, 2 + 7]: kind, units, and reads by change of length, each among ``counts``.
    counts
        int64[4, 21, 7], of all repeats of a kind and number of units, as of `RunProfile.length_counts`.
    usual
        P(change of length), float64[4, 21, 7], that is believed without them.
    spread
        SD, from place to place, of the log-odds that a repeat is misread.
    """
    kind, units, changes = places[:, 0], places[:, 1], places[:, 2:]
    p = _misread_elsewhere(kind, units, changes, counts, usual)
    others = changes.copy()
    others[:, MOST_CHANGE] = 0
    other = others.argmax(axis=1)
    reads, as_reference = others.max(axis=1), changes[:, MOST_CHANGE]
    odds = np.log(p * USUAL_CHANGES[other] / (1 - p))
    by_error = _of_places(odds, spread, reads, as_reference)
    by_alleles = _of_places(np.zeros(len(p)), _BALANCE_SD, reads, as_reference)
    like = np.zeros(counts.shape[:2], np.int64)
    np.add.at(like, (kind, units), 1)
    return np.asarray((np.log(VARYING / (1 - VARYING)) + by_alleles > by_error) & (like[kind, units] < MANY))


def _misread_elsewhere(
    kind: Int64s, units: Int64s, changes: Int64s, counts: Int64s, usual: Float64s
) -> Float64s:
    """P(misread) of each place, float64[n], by all others: as `smoothed_rates`, homopolymers of all bases together."""
    trials = counts.sum(axis=-1)
    wrong = trials - counts[..., MOST_CHANGE]
    prior = 1 - usual[..., MOST_CHANGE]
    for table in (trials, wrong):
        table[:HOMOPOLYMERS] = table[:HOMOPOLYMERS].sum(axis=0)
    at = np.arange(trials.shape[1])
    near = NEIGHBOUR ** np.abs(at[:, None] - at)
    own, own_wrong = changes.sum(axis=1), changes.sum(axis=1) - changes[:, MOST_CHANGE]
    claimed = prior[kind, units]
    expected = (trials * prior) @ near
    times = ((wrong @ near)[kind, units] - own_wrong + PSEUDO_ERRORS) / (
        expected[kind, units] - own * claimed + PSEUDO_ERRORS
    )
    weight = trials[kind, units] - own + PSEUDO_ERRORS / np.minimum(claimed * times, MOST_P)
    return np.minimum((wrong[kind, units] - own_wrong + PSEUDO_ERRORS) / weight, MOST_P)


def _of_places(odds: Float64s, sd: float, successes: Int64s, failures: Int64s) -> Float64s:
    """ln P, up to a constant: float64[n], of two outcomes, whose log-odds scatter by ``sd`` around those given."""
    shifted = odds + sd * _NODES[:, None]
    each = -successes * np.log1p(np.exp(-shifted)) - failures * np.log1p(np.exp(shifted))
    return np.asarray(np.logaddexp.reduce(each + np.log(_WEIGHTS)[:, None], axis=0))
