"""The twin of `dvplug.images.features.length_likelihoods`: one read, one pair of alleles at a time."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from dvplug.images.features.length_errors import UNTOLD, LengthErrors
from dvplug.images.features.length_likelihoods import MISPHASED

MOST, LONGEST = 2, 6


def twin_p(
    errors: LengthErrors, place: tuple[float, float], of: tuple[int, int], true: int, change: int
) -> float:
    """P(a read shows a run of ``true`` bp so much longer) at a place where reads err more, and rather one way."""
    slip, tilt = place
    table = errors.p[(*of, min(max(true, 0), LONGEST))] * [math.exp(tilt * d) for d in range(-MOST, MOST + 1)]
    table /= table.sum()
    right = table[MOST]
    odds = (1 - right) / right * math.exp(right * slip)
    wrong = odds / (1 + odds)
    change = max(-MOST, min(MOST, change))
    p = 1 - wrong if change == 0 else table[MOST + change] * wrong / (1 - right)
    return (1 - UNTOLD) * p + UNTOLD / (2 * MOST + 1)


def twin_likelihood(
    errors: LengthErrors, seen: list[tuple[int, int, tuple[int, int]]], length: int, one: int, other: int
) -> float:
    """P(reads | alleles of both haplotypes), whichever haplotype has which; reads are (change, haplotype, kind)."""
    total = 0.0
    nodes = ((-math.sqrt(3), 1 / 6), (0, 2 / 3), (math.sqrt(3), 1 / 6))
    for (slip, p_slip), (tilt, p_tilt) in product(nodes, nodes):
        for first, second in ((one, other), (other, one)):
            p = 1.0
            for change, haplotype, of in seen:
                share = {0: 0.5, 1: 1 - MISPHASED, 2: MISPHASED}[haplotype]
                p_first, p_second = (
                    twin_p(
                        errors,
                        (slip * errors.slip_sd, tilt * errors.tilt_sd),
                        of,
                        length + allele,
                        change - allele,
                    )
                    for allele in (first, second)
                )
                p *= share * p_first + (1 - share) * p_second
            total += p_slip * p_tilt / 2 * p
    return total


def twin_odds(
    errors: LengthErrors, seen: list[tuple[int, int, tuple[int, int]]], length: int, alts: list[int]
) -> list[float]:
    usual = np.exp(errors.prior)[min(length, LONGEST)]
    copies, reference = [1e-300] * 3, 1e-300
    alleles = range(-MOST, MOST + 1)
    for one in alleles:
        for other in range(one, MOST + 1):
            p = twin_likelihood(errors, seen, length, one, other) * usual[one + MOST, other + MOST]
            copies[(one in alts) + (other in alts)] += p
            reference += p * (one == other == 0)
    odds = [copies[1] / copies[0], copies[2] / copies[0], reference / max(sum(copies) - reference, 1e-300)]
    return [max(-3.0, min(3.0, math.log(o) / 10)) for o in odds]
