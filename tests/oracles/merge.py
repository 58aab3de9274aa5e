"""The twin of the genotypes of `dvplug.records.merge`: every ordered pair of alleles."""

import math
from itertools import product


def q(p):
    return min(99.0, max(0.0, -10 * math.log10(max(p, 1.25e-10))))


def slow_genotypes(n_alts, images, prune_qual):
    """Enumerate ordered pairs of alleles; `images` maps frozensets of 1-based alts to their probabilities."""
    floored = {}
    for alleles, image in images.items():
        image = [float(p) for p in image]
        floored[alleles] = [max(p / sum(image), 1e-12) for p in image]
    own = {alt: q(floored[frozenset([alt])][0]) for alt in range(1, n_alts + 1)}
    kept = [alt for alt in own if own[alt] >= prune_qual] or [max(own, key=lambda alt: own[alt])]
    weights = {}
    for a, b in product([0, *kept], repeat=2):
        weights[tuple(sorted((a, b)))] = math.prod(
            image[(a in alleles) + (b in alleles)]
            for alleles, image in floored.items()
            if alleles <= set(kept)
        )
    total = sum(weights.values())
    ordered = sorted(weights, key=lambda gt: (gt[1], gt[0]))
    return kept, {gt: weights[gt] / total for gt in ordered}
