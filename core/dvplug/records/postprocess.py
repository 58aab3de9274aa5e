"""From the network's probabilities per image to one VCF record per site.

An image stands for a set of one or two alternate alleles and its three probabilities for zero, one or two
copies of alleles of that set (DeepVariant's scheme for multi-allelic sites).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dvplug.errors import ModelError
from dvplug.line.record import NO_CALL, REF_CALL, VcfRecord
from dvplug.sequence.alleles import trim

if TYPE_CHECKING:
    from dvplug_registry.manifest import Manifest

MAX_Q = 99
SMALLEST_P = 1.25e-10
"""Probabilities are kept this far from 0 and 1 (DeepVariant), which makes phred values end at 99."""
SUM_TOLERANCE = 0.05
"""How far from 1 three probabilities may sum; a quantised network rounds each of them."""
_FACTOR_P = 1e-12
"""Least factor of a product: images that exclude each other must not leave every genotype at 0."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PostprocessSettings:
    """Thresholds, phred.

    Attributes
    ----------
    min_qual
        A variant below this QUAL is LowQual (DeepVariant's qual_filter).
    min_gq
        A variant below this GQ is LowGQ. Below 3 its genotype is more likely wrong than right.
    prune_qual
        At a multi-allelic site, alts whose own image gives less are dropped, except the best
        (DeepVariant's multi_allelic_qual_filter).
    snp_lapses, indel_lapses
        Share of sites at which the network's answer tells nothing, as the model's manifest says.
    """

    min_qual: float = 1.0
    min_gq: int = 3
    prune_qual: float = 1.0
    snp_lapses: float = 0.0
    indel_lapses: float = 0.0

    @classmethod
    def of(cls, manifest: Manifest, min_qual: float = 1.0, min_gq: int = 3) -> PostprocessSettings:
        """Those of a model."""
        rates = manifest.lapse_rates
        return cls(min_qual, min_gq, snp_lapses=rates.snp, indel_lapses=rates.indel)


def call_sites(
    contig: str,
    starts: npt.NDArray[np.integer],
    refs: Sequence[str],
    alts: Sequence[tuple[str, ...]],
    depth: npt.NDArray[np.int32],
    allele_depths: npt.NDArray[np.int32],
    site: npt.NDArray[np.int32],
    alt_set: npt.NDArray[np.int8],
    probabilities: npt.NDArray[np.float32],
    settings: PostprocessSettings = PostprocessSettings(),
    haploid: npt.NDArray[np.bool_] | None = None,
    proposed: Sequence[tuple[int, ...]] | None = None,
) -> list[VcfRecord]:
    """Return one record per site, sorted by start, ref and alts.

    A call of 0/0 stays 0/0 with FILTER RefCall, however low its GQ; DeepVariant writes ``./.`` when GQ < 20.
    Alts that were not pruned stay in the record even if the called genotype lacks them.

    Parameters
    ----------
    contig
        Contig of all sites.
    starts, refs, alts
        int[s] 0-based positions, reference alleles and alternate alleles of the s sites.
    depth, allele_depths
        int32[s] reads at each site, and int32[s, 1 + max alts] of them that support ref and each alt.
    site
        int32[n] index of the site of each image, ascending; every site has an image for each single alt.
    alt_set
        int8[n, 2] the 0-based alts of each image: [a, -1] one, [a, b] a pair.
    probabilities
        float32[n, 3] for zero, one, two copies of alleles of the set.
    settings
        Thresholds.
    haploid
        bool[s]; None when no site is. There heterozygotes are impossible: what is left is scaled to 1 (DeepVariant).
    proposed
        Indexes of the alts of each site that the user proposed, which stay however unlikely they are.

    Raises
    ------
    ModelError
        The probabilities of an image are no distribution.
    ValueError
        An alt has no image, or two sites became the same record.
    """
    n_alts = np.fromiter(map(len, alts), np.int64, len(alts))
    _require_images(n_alts, site, alt_set, probabilities)
    proposed = proposed or [()] * len(n_alts)
    kept, genotype_p = genotype_probabilities(
        n_alts, site, alt_set, probabilities, settings.prune_qual, proposed
    )
    lapses = [
        settings.snp_lapses if all(len(alt) == len(ref) for alt in site_alts) else settings.indel_lapses
        for ref, site_alts in zip(refs, alts, strict=True)
    ]
    genotype_p = with_lapses(genotype_p, np.array([len(k) for k in kept], np.int64), np.array(lapses))
    if haploid is None:
        haploid = np.zeros(len(n_alts), np.bool_)
    genotype_p[haploid] = _without_heterozygotes(genotype_p[haploid])
    rows = zip(
        starts.tolist(),
        refs,
        alts,
        kept,
        map(bool, proposed),
        haploid.tolist(),
        *_calls(genotype_p),
        depth.tolist(),
        allele_depths.tolist(),
        strict=True,
    )
    records = sorted(_record(contig, settings, *row) for row in rows)
    for one, other in pairwise(records):
        if one[:4] == other[:4]:
            raise ValueError(f"two candidates became one record: {one[:4]}")
    return records


def genotype_probabilities(
    n_alts: npt.NDArray[np.int64],
    site: npt.NDArray[np.int32],
    alt_set: npt.NDArray[np.int8],
    probabilities: npt.NDArray[np.float32],
    prune_qual: float,
    proposed: Sequence[tuple[int, ...]],
) -> tuple[list[tuple[int, ...]], Floats]:
    """Merge the images of each site.

    Returns
    -------
    kept
        The alts of each site that were not pruned.
    p
        float64[s, g]: probability per genotype of the kept alts in VCF order; rows sum to 1, zeros fill up.
    """
    images_p = probabilities.astype(np.float64)
    images_p /= images_p.sum(axis=1, keepdims=True)
    first = np.searchsorted(site, np.arange(len(n_alts) + 1))
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
        merged = _product(kept[index], alt_set[start:end].tolist(), factors[start:end].tolist())
        p[index, : len(merged)] = merged
    return kept, p


def with_lapses(p: Floats, n_alts: npt.NDArray[np.int64], lapses: Floats) -> Floats:
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


def _without_heterozygotes(p: Floats) -> Floats:
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


def phred(p: Floats) -> Floats:
    """Return -10 log10(p), between 0 and 99."""
    return np.clip(-10 * np.log10(np.maximum(p, SMALLEST_P)), 0, MAX_Q)


def _calls(genotype_p: Floats) -> tuple[list[float], list[int], list[int], list[list[int]]]:
    """Return per site: QUAL, the called genotype, GQ and the phred likelihoods, the best 0.

    The posteriors stand for likelihoods, as the network learnt its prior from the examples.
    """
    best = genotype_p.argmax(axis=1)  # of equals the first: fewer copies, then the better supported alt
    others_p = genotype_p.copy()
    others_p[np.arange(len(best)), best] = 0
    gq = np.rint(phred(others_p.sum(axis=1))).astype(np.int64)
    q = phred(genotype_p)
    pl = np.rint(q - q.min(axis=1, keepdims=True)).astype(np.int64)
    return q[:, 0].round(1).tolist(), best.tolist(), gq.tolist(), pl.tolist()


def _record(
    contig: str,
    settings: PostprocessSettings,
    start: int,
    ref: str,
    alts: tuple[str, ...],
    kept: tuple[int, ...],
    proposed: bool,
    haploid: bool,
    qual: float,
    call: int,
    gq: int,
    pl: list[int],
    dp: int,
    ad: list[int],
) -> VcfRecord:
    """Make the record of one site with only the kept alts."""
    start, ref, alts = trim(start, ref, [alts[alt] for alt in kept])
    support = [ad[1 + alt] for alt in kept]
    possible = genotypes(len(kept))
    of_genotypes = pl[: len(possible)]
    if haploid:
        of_genotypes = [q for q, (a, b) in zip(of_genotypes, possible, strict=True) if a == b]
    gt: tuple[int, ...] = possible[call][:1] if haploid else possible[call]
    too_low = (("LowQual", qual < settings.min_qual), ("LowGQ", gq < settings.min_gq))
    low = [name for name, is_low in too_low if is_low]
    filter_ = REF_CALL if call == 0 else ";".join(low) or "PASS"
    if dp == 0 and proposed:  # the network has never seen an image without reads
        gt, filter_, qual, gq, of_genotypes = (), NO_CALL, 0.0, 0, [0] * len(of_genotypes)
    vaf = tuple([count / dp if dp else 0.0 for count in support])
    return VcfRecord(
        contig, start, ref, alts, qual, filter_, gt, gq, dp, (ad[0], *support), vaf, tuple(of_genotypes), proposed
    )  # fmt: skip


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


def _require_images(
    n_alts: npt.NDArray[np.int64],
    site: npt.NDArray[np.int32],
    alt_set: npt.NDArray[np.int8],
    probabilities: npt.NDArray[np.float32],
) -> None:
    """Refuse broken probabilities (a fault of the model) and images that do not stand for the alts."""
    good = (probabilities >= 0).all(axis=1) & (abs(probabilities.sum(axis=1) - 1) < SUM_TOLERANCE)
    if not good.all():  # NaN is not good either
        raise ModelError(
            f"The model gave the probabilities {probabilities[~good][0].tolist()}",
            cause="they are no distribution: the model or the device that ran it is broken",
            repair="Run it with another --device, or use another version of the model.",
        )
    first = np.searchsorted(site, np.arange(len(n_alts)))
    rank = np.arange(len(site)) - first[site]
    is_single = rank < n_alts[site]
    fits = np.where(
        is_single,
        (alt_set[:, 0] == rank) & (alt_set[:, 1] == -1),
        (alt_set[:, 0] >= 0) & (alt_set[:, 0] < alt_set[:, 1]) & (alt_set[:, 1] < n_alts[site]),
    )
    singles = np.bincount(site[is_single], minlength=len(n_alts))
    if (np.diff(site) < 0).any() or not fits.all() or not np.array_equal(singles, n_alts):
        raise ValueError("every site needs one image per alt, in order, and then images of pairs")
