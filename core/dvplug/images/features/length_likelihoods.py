"""Features of homopolymers that say how likely the reads are under each genotype, given how a sequencer errs there.

A sequencer that misreads long runs misreads those of some bases, in some reads, more than others. A table of that
(`LengthErrors`), which a technology's plugin ships, turns the lengths that the reads show into the odds of no, one and
two copies of an image's alts, with all other lengths as possible alleles beside them. Repeats are genotyped so by
HipSTR (Willems et al. 2017, doi:10.1038/nmeth.4267); here the network weighs the odds with all else that it sees.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dvplug.images.features.length_changes import UNSPANNED, length_changes
from dvplug.images.features.length_errors import LengthErrors
from dvplug.kernel import kernel, subkernel
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.image_batch import NO_ALT
from dvplug.line.read_batch import REVERSE, ReadBatch
from dvplug.line.scene import Scene
from dvplug.sequence.arrays import Bools, Float32s, Float64s, Int32s, Int64s, UInt8s
from dvplug.sequence.codes import UNKNOWN_BASE
from dvplug.sequence.repeats import measure_runs

LIKELIHOOD_FEATURES = (
    "is_run",  # every alt of the image is a homopolymer a little longer or shorter; else the others are 0
    # ln of odds, of 10: one copy of the image's alts against none, two against none, no variant against any
    "one_copy_odds",
    "two_copies_odds",
    "reference_odds",
    "one_copy_odds_unphased",  # the same, as if no read had a haplotype
    "two_copies_odds_unphased",
    "reference_odds_unphased",
    "read_surprise",  # mean of -ln P(read | the best genotype), of 5: how unlike the table the reads are
)
ODDS_SCALE, MOST_ODDS, SURPRISE_SCALE = 10.0, 3.0, 5.0
MISPHASED = 0.03
"""Of the reads with a haplotype, those that are of the other one."""
PRODUCT_READS = 64  # whose probabilities are multiplied before the logarithm is taken
# Where in a row the odds begin.
_PHASED, _UNPHASED = (LIKELIHOOD_FEATURES.index(name) for name in ("one_copy_odds", "one_copy_odds_unphased"))
_SURPRISE = LIKELIHOOD_FEATURES.index("read_surprise")


class Runs(NamedTuple):
    """The homopolymer after each site."""

    base: UInt8s  # [s]: code, `UNKNOWN_BASE` where there is none
    length: Int64s  # [s]: bp


def runs(scene: Scene) -> Runs:
    """Measure the homopolymer after each site."""
    return Runs(*measure_runs(scene.reference, scene.starts + 1))


def run_changes(candidates: CandidateBatch, base: UInt8s) -> Bools:
    """Whether each alt, site by site, is nothing but a longer or shorter run after the site, bool[alts of all sites].

    Parameters
    ----------
    base
        uint8[s], of the run, as `runs` gives it.
    """
    found = [
        code != UNKNOWN_BASE and _is_run_change(ref, alt, "ACGT"[code])
        for ref, alts, code in zip(candidates.refs, candidates.alts, base.tolist(), strict=True)
        for alt in alts
    ]
    return np.array(found, np.bool_)


def _is_run_change(ref: str, alt: str, base: str) -> bool:
    if len(ref) == len(alt):
        return False
    shorter, longer = (ref, alt) if len(ref) < len(alt) else (alt, ref)
    return longer == shorter[:1] + base * (len(longer) - len(shorter)) + shorter[1:]


class _Shown(NamedTuple):
    """What the reads over the sites show, by entry: site ``i`` has those from ``offset[i]`` up to ``offset[i + 1]``."""

    offset: Int64s  # [s + 1]
    change: Int32s  # [entries]: bp, or `UNSPANNED`
    haplotype: UInt8s  # [entries]: 0 unknown
    is_reverse: Bools  # [entries]
    read_class: Int64s  # [entries]: index into the table


class _Images(NamedTuple):
    """What each image stands for."""

    site: Int32s  # [n]
    is_pair: Bools  # [n]
    change: Int64s  # [n, 2]: bp by which the first and the second alt differ from REF
    covered: Bools  # [n]: every alt is a run that the table knows


class _Table(NamedTuple):
    """A `LengthErrors` as the kernel takes it."""

    places: Float64s  # [k, classes, 4, longest + 1, alleles]: P(change), by kind of place
    weight: Float64s  # [k]: of each kind
    prior: Float64s  # [longest + 1, alleles, alleles]: ln P(genotype), up to a constant


def run_likelihood_features(scene: Scene) -> Float32s:
    """Features float32[n, len(LIKELIHOOD_FEATURES)] of each image, by what the run's own reads show of such tracts."""
    return likelihood_features(scene, LengthErrors.of_run(scene.run))


def likelihood_features(scene: Scene, errors: LengthErrors) -> Float32s:
    """Features float32[n, len(LIKELIHOOD_FEATURES)] of each image.

    A plugin makes a feature set of it with a function of its own that takes the scene alone and knows the table.
    """
    reads, entry, (site, alt_set) = scene.reads, scene.candidates.read_index, scene.images
    out = np.zeros((len(site), len(LIKELIHOOD_FEATURES)), np.float32)
    of_sites = runs(scene)
    known = (np.abs(scene.alt_changes) <= errors.most).all(axis=1) & (of_sites.length[site] > 0)
    images = _Images(
        site, alt_set[:, 1] != NO_ALT, scene.alt_changes, known & _are_runs(scene, of_sites.base)
    )
    wanted = np.zeros(len(reads), np.bool_)
    wanted[entry] = True
    read_class = np.searchsorted(errors.edges, mean_errors(reads, wanted), side="right").astype(np.int64)
    is_reverse = (reads.flag & REVERSE) != 0
    shown = _Shown(
        scene.candidates.read_offset,
        length_changes(scene),
        scene.haplotypes,
        is_reverse[entry],
        read_class[entry],
    )
    _weigh(out, images, of_sites, shown, _Table(*errors.by_place, errors.prior))
    return out


def _are_runs(scene: Scene, base: UInt8s) -> Bools:
    """Whether every alt of each image is nothing but a longer or shorter run, bool[n]; base as of `run_changes`."""
    site, alt_set = scene.images
    is_change = run_changes(scene.candidates, base)
    first = np.concatenate(([0], np.cumsum([len(alts) for alts in scene.candidates.alts]))).astype(np.int64)
    found = is_change[first[site] + alt_set[:, 0]]
    pair = alt_set[:, 1] != NO_ALT
    found[pair] &= is_change[(first[site] + alt_set[:, 1])[pair]]
    return found


def mean_errors(reads: ReadBatch, wanted: Bools) -> Float64s:
    """Mean error probability of each read by its base qualities, float64[reads]; 0 unless wanted, bool[reads]."""
    return _mean_errors(10 ** (-np.arange(256) / 10), reads.qual, reads.base_offset, wanted)


@kernel(vectorised=True)
def _mean_errors(p: Float64s, qual: UInt8s, offset: Int64s, wanted: Bools) -> Float64s:
    """Mean of float64[256] over the qualities of each read, float64[r]; 0 for a read without bases.

    Parameters
    ----------
    qual, offset
        uint8[b] phred, int64[r + 1]: read ``i`` has ``qual[offset[i] : offset[i + 1]]``.
    wanted
        bool[r]: the others have 0.
    """
    out = np.zeros(len(offset) - 1)
    for read in range(len(out)):
        if wanted[read]:
            total = 0.0
            for k in range(offset[read], offset[read + 1]):
                total += p[qual[k]]
            out[read] = total / max(offset[read + 1] - offset[read], 1)
    return out


class _LnLikelihoods(NamedTuple):
    """ln P(reads | pair of alleles) of one site, by change of length of each, from the most negative on."""

    phased: Float64s  # [alleles, alleles]
    unphased: Float64s  # [alleles, alleles]: as if no read had a haplotype


@kernel(vectorised=True)
def _weigh(out: Float32s, images: _Images, of_sites: Runs, shown: _Shown, table: _Table) -> None:
    """Write float32[n, len(LIKELIHOOD_FEATURES)], which are 0: the rows of the images that are covered."""
    alleles = table.places.shape[-1]
    most = alleles // 2
    told = _LnLikelihoods(np.zeros((alleles, alleles)), np.zeros((alleles, alleles)))
    weighed, spanning = -1, 0
    for image in range(len(images.site)):
        site = images.site[image]
        if not images.covered[image]:
            continue
        if site != weighed:
            spanning = _weigh_site(told, site, of_sites, shown, table)
            weighed = site
        row = out[image]
        row[0] = 1
        if spanning == 0:
            continue
        one = images.change[image, 0] + most
        other = images.change[image, 1] + most if images.is_pair[image] else -1
        usual = table.prior[min(of_sites.length[site], table.prior.shape[0] - 1)]
        _put_odds(row, _PHASED, told.phased, usual, one, other)
        _put_odds(row, _UNPHASED, told.unphased, usual, one, other)
        best = -np.inf
        for a in range(alleles):
            for b in range(alleles):
                best = max(best, told.unphased[a, b])
        row[_SURPRISE] = min(-best / spanning / SURPRISE_SCALE, 1)


@subkernel
def _weigh_site(told: _LnLikelihoods, site: int, of_sites: Runs, shown: _Shown, table: _Table) -> int:
    """Weigh the reads of one site over all kinds of places; return how many of them span the run."""
    for one in range(len(told.phased)):
        for other in range(len(told.phased)):
            told.phased[one, other] = told.unphased[one, other] = -np.inf
    spanning = 0
    for kind in range(len(table.places)):
        spanning = _add_likelihoods(
            told, np.log(table.weight[kind]), table.places[kind], site, of_sites, shown
        )
    return spanning


@subkernel
def _add_likelihoods(
    told: _LnLikelihoods, ln_weight: float, known: Float64s, site: int, of_sites: Runs, shown: _Shown
) -> int:
    """Add P(reads | alleles) at one kind of place, times its weight; return how many reads span the run.

    Parameters
    ----------
    known
        float64[classes, 4, longest + 1, alleles]: P(change) there.
    """
    # Loops here, as each expression of whole arrays takes longer to compile than all else.
    alleles = known.shape[3]
    # Products of so many probabilities, none below UNTOLD / alleles, are far from the smallest double.
    apart, together = np.empty((alleles, alleles)), np.empty((alleles, alleles))
    ln_apart, ln_together = np.empty((alleles, alleles)), np.empty((alleles, alleles))
    for one in range(alleles):
        for other in range(alleles):
            apart[one, other] = together[one, other] = 1.0
            ln_apart[one, other] = ln_together[one, other] = ln_weight
    p = np.empty(alleles)
    spanning = 0
    for k in range(shown.offset[site], shown.offset[site + 1]):
        if shown.change[k] == UNSPANNED:
            continue
        spanning += 1
        base = 3 - of_sites.base[site] if shown.is_reverse[k] else of_sites.base[site]
        _put_p(p, known[shown.read_class[k], base], of_sites.length[site], shown.change[k])
        side = min(shown.haplotype[k], 2)
        # of haplotype 1 the first allele, of haplotype 2 the second; to the last bit alike, whichever is called so
        share = 0.5 if side == 0 else 1 - MISPHASED if side == 1 else MISPHASED
        rest = 0.5 if side == 0 else MISPHASED if side == 1 else 1 - MISPHASED
        for one in range(alleles):
            for other in range(alleles):
                apart[one, other] *= share * p[one] + rest * p[other]
                together[one, other] *= 0.5 * (p[one] + p[other])
        if spanning % PRODUCT_READS == 0:
            _take_logarithms(ln_apart, apart)
            _take_logarithms(ln_together, together)
    _take_logarithms(ln_apart, apart)
    _take_logarithms(ln_together, together)
    for one in range(alleles):
        for other in range(alleles):
            both = np.logaddexp(ln_apart[one, other], ln_apart[other, one]) - np.log(2)
            told.phased[one, other] = np.logaddexp(told.phased[one, other], both)
            told.unphased[one, other] = np.logaddexp(told.unphased[one, other], ln_together[one, other])
    return spanning


@subkernel
def _take_logarithms(sums: Float64s, products: Float64s) -> None:
    """Add the logarithms of products to sums, both float64[alleles, alleles], and begin the products anew."""
    for one in range(len(sums)):
        for other in range(len(sums)):
            sums[one, other] += np.log(products[one, other])
            products[one, other] = 1.0


@subkernel
def _put_p(p: Float64s, known: Float64s, length: int, change: int) -> None:
    """Write P(a read shows this change | allele) of each allele, float64[alleles].

    Parameters
    ----------
    known
        float64[longest + 1, alleles]: of the read's class and base.
    length, change
        bp of the reference's run, and what the read shows more.
    """
    most, longest = known.shape[1] // 2, known.shape[0] - 1
    for allele in range(len(p)):
        true = length + allele - most
        seen = change - (allele - most)
        p[allele] = known[min(max(true, 0), longest), min(max(seen, -most), most) + most]


@subkernel
def _put_odds(row: Float32s, column: int, told: Float64s, usual: Float64s, one: int, other: int) -> None:
    """Write the odds of one copy and two copies of the alts against none, and of no variant against any.

    Parameters
    ----------
    row, column
        float32[f], and where the three go.
    told, usual
        float64[alleles, alleles]: ln P(reads | pair of alleles) and ln P(pair).
    one, other
        Which alleles the alts are; -1 for no second.
    """
    alleles = len(told)
    most = -np.inf
    for a in range(alleles):
        for b in range(alleles):
            most = max(most, told[a, b] + usual[a, b])
    p_none = p_one = p_two = p_reference = 1e-300
    for a in range(alleles):
        for b in range(a, alleles):
            p = np.exp(told[a, b] + usual[a, b] - most)
            copies = int((a == one) | (a == other)) + int((b == one) | (b == other))
            if copies == 2:
                p_two += p
            elif copies == 1:
                p_one += p
            else:
                p_none += p
            if a == b == alleles // 2:
                p_reference += p
    ln_none = np.log(p_none)
    row[column] = _scaled(np.log(p_one) - ln_none)
    row[column + 1] = _scaled(np.log(p_two) - ln_none)
    others = max(p_none + p_one + p_two - p_reference, 1e-300)
    row[column + 2] = _scaled(np.log(p_reference) - np.log(others))


@subkernel
def _scaled(odds: float) -> float:
    """Odds, as a natural logarithm, as the network sees them."""
    return min(max(odds / ODDS_SCALE, -MOST_ODDS), MOST_ODDS)
