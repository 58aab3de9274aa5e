"""From the network's probabilities per image to one VCF record per site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.image_batch import ImageBatch
from dvplug.line.record import NO_CALL, REF_CALL, VcfRecord
from dvplug.line.scene import ImageAlts
from dvplug.records.linked import consistent_genotypes
from dvplug.records.merge import (
    doubts,
    genotype_probabilities,
    genotypes,
    phred,
    require_images,
    with_lapses,
    without_heterozygotes,
)
from dvplug.sequence.alleles import trim
from dvplug.sequence.arrays import Bools, Float32s, Float64s

if TYPE_CHECKING:
    from dvplug_registry.manifest import Lapses, Manifest


NO_LAPSES: Lapses = ((0.0, 0.0),)


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
        Of answers that claim such a quality or more, the share that tells nothing, as the model's manifest says.
    """

    min_qual: float = 1.0
    min_gq: int = 3
    prune_qual: float = 1.0
    snp_lapses: Lapses = NO_LAPSES
    indel_lapses: Lapses = NO_LAPSES

    @classmethod
    def of(cls, manifest: Manifest, min_qual: float = 1.0, min_gq: int = 3) -> PostprocessSettings:
        """Those of a model."""
        rates = manifest.lapse_rates
        return cls(min_qual, min_gq, snp_lapses=rates.snp, indel_lapses=rates.indel)


class CalledSites(NamedTuple):
    """Records in order, and what each is of."""

    records: list[VcfRecord]
    site: list[int]  # index of its candidate
    alts: list[tuple[int, ...]]  # indexes of the candidate's alts that it has, in its order


def call_sites(
    candidates: CandidateBatch,
    images: ImageBatch | ImageAlts,
    probabilities: Float32s,
    settings: PostprocessSettings = PostprocessSettings(),
    haploid: Bools | None = None,
    proposed: Sequence[tuple[int, ...]] | None = None,
) -> list[VcfRecord]:
    """Return the records of `called_sites` alone."""
    return called_sites(candidates, images, probabilities, settings, haploid, proposed).records


def called_sites(
    candidates: CandidateBatch,
    images: ImageBatch | ImageAlts,
    probabilities: Float32s,
    settings: PostprocessSettings = PostprocessSettings(),
    haploid: Bools | None = None,
    proposed: Sequence[tuple[int, ...]] | None = None,
) -> CalledSites:
    """Return one record per site, sorted by start, ref and alts.

    A call of 0/0 stays 0/0 with FILTER RefCall, however low its GQ; DeepVariant writes ``./.`` when GQ < 20.
    Alts that were not pruned stay in the record even if the called genotype lacks them, as a gVCF needs them.

    Parameters
    ----------
    images
        Which site and which of its alts each image stands for; every site has an image for each single alt.
    probabilities
        float32[n, 3] for zero, one, two copies of alts of the image.
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
    n_alts = np.fromiter(map(len, candidates.alts), np.int64, len(candidates))
    require_images(n_alts, images, probabilities)
    proposed = proposed or [()] * len(n_alts)
    kept, p = genotype_probabilities(n_alts, images, probabilities, settings.prune_qual, proposed)
    if haploid is None:
        haploid = np.zeros(len(n_alts), np.bool_)
    p = consistent_genotypes(candidates, kept, p, haploid)
    lapsed = with_lapses(p, np.array([len(k) for k in kept], np.int64), _lapses(candidates, p, settings))
    for each in (p, lapsed):
        each[haploid] = without_heterozygotes(each[haploid])
    sites = zip(
        candidates.start.tolist(),
        candidates.refs,
        candidates.alts,
        kept,
        proposed,
        haploid.tolist(),
        *_calls(p, lapsed),
        candidates.depth.tolist(),
        candidates.allele_depths.tolist(),
        strict=True,
    )
    return _in_order([_record(candidates.contig, _Site._make(site), settings) for site in sites], kept)


def _in_order(made: list[VcfRecord], kept: Sequence[tuple[int, ...]]) -> CalledSites:
    order = sorted(range(len(made)), key=made.__getitem__)
    records = [made[site] for site in order]
    for one, other in pairwise(records):
        if one[:4] == other[:4]:
            raise ValueError(f"two candidates became one record: {one[:4]}")
    return CalledSites(records, order, [kept[site] for site in order])


def _lapses(candidates: CandidateBatch, p: Float64s, settings: PostprocessSettings) -> Float64s:
    """Return the lapse rate of each site, float64[s]: that of SNPs where no alt changes the length.

    ``p`` is float64[s, g] of genotypes: the surer of one, the less often that is for nothing.
    """
    claimed = phred(doubts(p))
    snp = np.array(
        [
            all(len(alt) == len(ref) for alt in alts)
            for ref, alts in zip(candidates.refs, candidates.alts, strict=True)
        ],
        np.bool_,
    )
    return np.where(snp, _rate(settings.snp_lapses, claimed), _rate(settings.indel_lapses, claimed))


def _rate(lapses: Lapses, claimed: Float64s) -> Float64s:
    """Return the rate of answers that claim such phred qualities, float64[s] both."""
    qualities, rates = np.array(lapses).T
    return np.asarray(rates[np.searchsorted(qualities, claimed, side="right") - 1])


def _calls(told: Float64s, lapsed: Float64s) -> tuple[list[float], list[int], list[int], list[list[int]]]:
    """Return per site: QUAL, the called genotype, GQ and the phred likelihoods, the best 0.

    The posteriors stand for likelihoods, as the network learnt its prior from the examples. Lapses make all genotypes
    but the best equally unlikely; so the likelihoods are those that the network told, brought down to the GQ that
    the lapses leave: which one would be next best is kept, as joint genotyping needs it.

    Parameters
    ----------
    told, lapsed
        float64[s, g], without and with lapses.
    """
    best = lapsed.argmax(axis=1)  # of equals the first: fewer copies, then the better supported alt
    gq, claimed = phred(doubts(lapsed)), phred(doubts(told))
    share = np.where(claimed > gq, gq / np.maximum(claimed, 1e-9), 1.0)
    q = phred(told)
    more = np.maximum(q - q[np.arange(len(q)), best][:, None], 0)
    pl = np.rint(share[:, None] * more).astype(np.int64)
    qual = phred(lapsed[:, 0]).round(1)
    return qual.tolist(), best.tolist(), np.rint(gq).astype(np.int64).tolist(), pl.tolist()


class _Site(NamedTuple):
    """One site and what is called there."""

    start: int  # 0-based
    ref: str
    alts: tuple[str, ...]
    kept: tuple[int, ...]  # indexes of the alts that were not pruned
    proposed: tuple[int, ...]  # indexes of the alts that the user asked for
    haploid: bool
    qual: float
    genotype: int  # index of the called one among `genotypes`
    gq: int
    pl: list[int]  # phred per genotype of the kept alts, in VCF order; what follows is of none
    dp: int
    ad: list[int]  # reads of ref and of each alt


def _record(contig: str, site: _Site, settings: PostprocessSettings) -> VcfRecord:
    """Make the record of one site with only the kept alts."""
    start, ref, alts, kept, proposed, haploid, qual, genotype, gq, pl, dp, ad = site
    start, ref, alts = trim(start, ref, [alts[alt] for alt in kept])
    support = [ad[1 + alt] for alt in kept]
    possible = genotypes(len(kept))
    pl = pl[: len(possible)]
    if haploid:
        pl = [q for q, (a, b) in zip(pl, possible, strict=True) if a == b]
    gt: tuple[int, ...] = possible[genotype][:1] if haploid else possible[genotype]
    too_low = (("LowQual", qual < settings.min_qual), ("LowGQ", gq < settings.min_gq))
    low = [name for name, is_low in too_low if is_low]
    filter_ = REF_CALL if genotype == 0 else ";".join(low) or "PASS"
    if dp == 0 and proposed:  # the network has never seen an image without reads
        gt, filter_, qual, gq, pl = (), NO_CALL, 0.0, 0, [0] * len(pl)
    vaf = tuple([count / dp if dp else 0.0 for count in support])
    return VcfRecord(
        contig,
        start,
        ref,
        alts,
        qual,
        filter_,
        gt,
        gq,
        dp,
        (ad[0], *support),
        vaf,
        tuple(pl),
        tuple([kept.index(alt) for alt in proposed]),
    )
