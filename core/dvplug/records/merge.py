"""From probabilities per image to probabilities per genotype of a site.

An image stands for a set of one or two alternate alleles and its three probabilities for zero, one or two
copies of alleles of that set (DeepVariant's scheme for multi-allelic sites).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from dvplug.errors import ModelError
from dvplug.line.image_batch import NO_ALT, ImageBatch
from dvplug.line.scene import ImageAlts
from dvplug.sequence.arrays import Float32s, Float64s, Int64s

MAX_Q = 99
SMALLEST_P = 1.25e-10
"""Probabilities are kept this far from 0 and 1 (DeepVariant), which makes phred values end at 99."""
SUM_TOLERANCE = 0.05
"""How far from 1 three probabilities may sum; a quantised network rounds each of them."""
_FACTOR_P = 1e-12
"""Least factor of a product: images that exclude each other must not leave every genotype at 0."""


def genotype_probabilities(
    n_alts: Int64s,
    images: ImageBatch | ImageAlts,
    probabilities: Float32s,
    prune_qual: float,
    proposed: Sequence[tuple[int, ...]],
) -> tuple[list[tuple[int, ...]], Float64s]:
    """Merge the images of each site.

    Parameters
    ----------
    n_alts
        int64[s], alts of each site.
    probabilities
        float32[n, 3], of each image, for zero, one and two copies of its alts.
    prune_qual
        phred; alts whose own image gives less are dropped, except the best.
    proposed
        Indexes of the alts of each site that stay whatever their image gives.

    Returns
    -------
    kept
        The alts of each site that were not pruned.
    p
        float64[s, g]: probability per genotype of the kept alts in VCF order; rows sum to 1, zeros fill up.
    """
    images_p = probabilities.astype(np.float64)
    images_p /= images_p.sum(axis=1, keepdims=True)
    first = np.searchsorted(images.site, np.arange(len(n_alts) + 1))
    largest = int(n_alts.max(initial=1))
    p = np.zeros((len(n_alts), len(genotypes(largest))))
    single = n_alts == 1
    p[single, :3] = images_p[first[:-1][single]]
    kept: list[tuple[int, ...]] = [(0,)] * len(n_alts)
    alt_q = phred(images_p[:, 0])
    factors = np.maximum(images_p, _FACTOR_P)
    for index in np.flatnonzero(~single).tolist():
        start, end = first[index], first[index + 1]
        kept[index] = _unpruned(alt_q[start : start + n_alts[index]].tolist(), prune_qual, proposed[index])
        merged = _product(kept[index], images.alt_set[start:end].tolist(), factors[start:end].tolist())
        p[index, : len(merged)] = merged
    return kept, p


def with_lapses(p: Float64s, n_alts: Int64s, lapses: Float64s) -> Float64s:
    """Mix each site's genotypes with even odds, so that no call is surer than the network is ever right.

    A network meets reads that none of its examples had, and is then as sure as ever. The share of such answers is
    what psychometrics calls the lapse rate (Wichmann and Hill 2001, doi:10.3758/BF03194544).

    Parameters
    ----------
    p
        float64[s, g] of genotypes over ``n_alts`` int64[s] alts.
    lapses
        float64[s], the rate at each site.
    """
    possible = (n_alts + 1) * (n_alts + 2) // 2
    even = np.where(np.arange(p.shape[1]) < possible[:, None], 1 / possible[:, None], 0.0)
    return (1 - lapses[:, None]) * p + lapses[:, None] * even


def without_heterozygotes(p: Float64s) -> Float64s:
    """Zero float64[s, g] where the two alleles differ, and scale the rest to 1."""
    possible = genotypes(round((2 * p.shape[1] + 0.25) ** 0.5 - 1.5))  # g = (n + 1)(n + 2) / 2
    same = np.array([a == b for a, b in possible])
    left = np.where(same, np.maximum(p, SMALLEST_P), 0.0)
    left[:, 3:][p[:, 3:] == 0] = 0  # alts that the site lacks
    return np.asarray(left / left.sum(axis=1, keepdims=True))


@lru_cache
def genotypes(n_alts: int) -> tuple[tuple[int, int], ...]:
    """Return the diploid genotypes in VCF order: 0/0, 0/1, 1/1, 0/2, 1/2, 2/2, ..."""
    return tuple((a, b) for b in range(n_alts + 1) for a in range(b + 1))


def doubts(p: Float64s) -> Float64s:
    """P(any but the most probable genotype), float64[s], of float64[s, g]; summed, as 1 - p would be rounded."""
    others = p.copy()
    others[np.arange(len(p)), p.argmax(axis=1)] = 0
    return np.asarray(others.sum(axis=1))


def phred(p: Float64s) -> Float64s:
    """Return -10 log10(p), between 0 and 99."""
    return np.clip(-10 * np.log10(np.maximum(p, SMALLEST_P)), 0, MAX_Q)


def _unpruned(alt_q: list[float], prune_qual: float, proposed: tuple[int, ...]) -> tuple[int, ...]:
    """Return the alts to keep; `alt_q` is phred of each alt's P(no copy) in its own image."""
    kept = [alt for alt, q in enumerate(alt_q) if q >= prune_qual or alt in proposed]
    return tuple(kept or [alt_q.index(max(alt_q))])


def _product(kept: tuple[int, ...], alt_sets: list[list[int]], factors: list[list[float]]) -> list[float]:
    """Multiply, for each genotype, what each image of kept alts says of its number of copies; normalise.

    This is DeepVariant's `product` mode. Images share reads, so several agreeing images overstate their
    certainty; with one alt left it is the image's own answer.
    """
    p = [1.0] * len(genotypes(len(kept)))
    for (a, b), factor in zip(alt_sets, factors, strict=True):
        if a in kept and (b < 0 or b in kept):
            members = (1 + kept.index(a),) if b < 0 else (1 + kept.index(a), 1 + kept.index(b))
            p = [so_far * factor[n] for so_far, n in zip(p, _copies(len(kept), members), strict=True)]
    total = sum(p)
    return [product / total for product in p]


@lru_cache
def _copies(n_alts: int, alleles: tuple[int, ...]) -> tuple[int, ...]:
    """Return, for each genotype, how many of its two alleles are among `alleles`."""
    return tuple((a in alleles) + (b in alleles) for a, b in genotypes(n_alts))


def require_images(n_alts: Int64s, images: ImageBatch | ImageAlts, probabilities: Float32s) -> None:
    """Refuse broken probabilities (a fault of the model) and images that do not stand for the alts."""
    good = (probabilities >= 0).all(axis=1) & (abs(probabilities.sum(axis=1) - 1) < SUM_TOLERANCE)
    if not good.all():  # NaN is not good either
        raise ModelError(
            f"The model gave the probabilities {probabilities[~good][0].tolist()}",
            cause="they are no distribution: the model or the device that ran it is broken",
            repair="Run it with another --device, or use another version of the model.",
        )
    site, alt_set = images.site, images.alt_set
    first = np.searchsorted(site, np.arange(len(n_alts)))
    rank = np.arange(len(site)) - first[site]
    is_single = rank < n_alts[site]
    fits = np.where(
        is_single,
        (alt_set[:, 0] == rank) & (alt_set[:, 1] == NO_ALT),
        (alt_set[:, 0] >= 0) & (alt_set[:, 0] < alt_set[:, 1]) & (alt_set[:, 1] < n_alts[site]),
    )
    singles = np.bincount(site[is_single], minlength=len(n_alts))
    if (np.diff(site) < 0).any() or not fits.all() or not np.array_equal(singles, n_alts):
        raise ValueError("every site needs one image per alt, in order, and then images of pairs")
