"""The twin of `dvplug.images.features.read_odds`: likelihoods as products over lists of reads."""

from __future__ import annotations

import math

NODES = ((-math.sqrt(3), 1 / 6), (0.0, 2 / 3), (math.sqrt(3), 1 / 6))


def twin_odds(reads: list[tuple[bool, float, float, int]], spread: float | None) -> dict[str, float]:
    """The odds, as natural logarithms; a read is (shows the alts, P(false), P(missed), haplotype).

    ``spread`` is the SD of the log-odds of errors from place to place; None where places do not differ.
    """
    likelihood = [0.0, 0.0, 0.0]
    phased = 0.0
    for node, weight in NODES if spread is not None else [(0.0, 1.0)]:
        copies, one, other = [1.0, 1.0, 1.0], 1.0, 1.0
        for has, false, missed, haplotype in reads:
            if spread is not None:
                false, missed = (
                    1 / (1 + math.exp(-(math.log(p / (1 - p)) + spread * node))) for p in (false, missed)
                )
            of_none, of_alts = (false, 1 - missed) if has else (1 - false, missed)
            for c in range(3):
                copies[c] *= (c * of_alts + (2 - c) * of_none) / 2
            share = {0: 0.5, 1: 0.97, 2: 0.03}[haplotype]
            one *= share * of_alts + (1 - share) * of_none
            other *= (1 - share) * of_alts + share * of_none
        likelihood = [total + weight * new for total, new in zip(likelihood, copies, strict=True)]
        phased += weight * (one + other) / 2
    none, het, hom = map(math.log, likelihood)
    return {
        "one_to_none": het - none,
        "two_to_none": hom - none,
        "two_to_one": hom - het,
        "one_to_none_phased": math.log(phased) - none,
        "two_to_one_phased": hom - math.log(phased),
        "odds_surprise": -max(none, het, hom) / max(len(reads), 1) / 3,
    }
