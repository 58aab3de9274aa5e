"""Features of homopolymers that say how likely the reads are under each genotype, given how a sequencer errs there.

A sequencer that misreads long runs misreads those of some bases, in some reads, more than others. A table of that
(`LengthErrors`), which a technology's plugin ships, turns the lengths that the reads show into the odds of no, one and
two copies of an image's alts, with all other lengths as possible alleles beside them. Repeats are genotyped so by
HipSTR (Willems et al. 2017, doi:10.1038/nmeth.4267); here the network weighs the odds with all else that it sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from dvplug.images.features import length_shares, length_summary
from dvplug.images.features.length_summary import UNSPANNED
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.image_batch import NO_ALT, Channel, ImageBatch
from dvplug.line.read_batch import REVERSE, ReadBatch
from dvplug.sequence.codes import UNKNOWN_BASE
from dvplug.sequence.repeats import measure_runs
from dvplug.technology import ImageLayout

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
FEATURES = (*length_shares.FEATURES, *LIKELIHOOD_FEATURES)
ODDS_SCALE, MOST_ODDS, SURPRISE_SCALE = 10.0, 3.0, 5.0

# Of HG002's homopolymers of 20 bp and more in GIAB's benchmark v4.2.1 about half vary, at 12 bp a quarter, at 8 bp
# 3 %, at 6 bp 0.4 %; of the alleles three quarters differ by 1 bp, a fifth by 2 bp. A network need not take the odds
# as they are, so no more than their order of size matters.
MOST_VARIED, HALF_VARIED_BP, STEEPNESS_BP = 0.5, 11.5, 1.2
PER_BP = 0.25
"""How much rarer an allele is that is 1 bp farther from the reference."""
MISPHASED = 0.03
"""Of the reads with a haplotype, those that are of the other one."""
PRODUCT_READS = 64
UNTOLD = 0.01
"""Of the reads, those that show any length: what the table does not know of."""


@dataclass(frozen=True)
class LengthErrors:
    """How often reads show a homopolymer longer or shorter than it is.

    Parameters
    ----------
    p
        float64[classes, 4, longest + 1, 2 * most + 1]: P(change of length | class of the read, base as sequenced, bp
        of the true run). Longer runs count as the longest, larger changes as the largest.
    edges
        float64[classes - 1], ascending: mean error probability, by its base qualities, from which on a read is of the
        next class.
    slip_sd
        SD, from place to place, of the log-odds that a run is misread (where it always is, places cannot differ).
    tilt_sd
        SD, from place to place, of what a bp more adds to the log-odds of each length that reads show.
    """

    p: npt.NDArray[np.float64]
    edges: npt.NDArray[np.float64]
    slip_sd: float
    tilt_sd: float

    @property
    def most(self) -> int:
        """Largest change, bp."""
        return self.p.shape[-1] // 2

    def save(self, path: Path) -> None:
        """Write as .npz."""
        np.savez_compressed(
            path, p=self.p.astype(np.float32), edges=self.edges, slip_sd=self.slip_sd, tilt_sd=self.tilt_sd
        )

    @classmethod
    def load(cls, path: Path) -> LengthErrors:
        """Read what `save` wrote."""
        with np.load(path) as data:
            return cls(
                data["p"].astype(np.float64), data["edges"], float(data["slip_sd"]), float(data["tilt_sd"])
            )

    @cached_property
    def by_place(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Tables of places that differ in how often reads err, and in whether they are rather too long or too short.

        Returns
        -------
        float64[k, *p.shape], float64[k]
            One table for each pair of nodes of the quadratures of two normal distributions, and its weight.
        """
        nodes, p_node = _standard_normal()
        tables, p_slip = zip(*(self.at_tilt(tilt) for tilt in nodes * self.tilt_sd), strict=True)
        return np.concatenate(tables), (p_node[:, None] * p_slip).ravel()

    def at_tilt(self, tilt: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Tables of places where reads err less often than usual, as often, and more.

        Parameters
        ----------
        tilt
            What a bp more adds there to the log-odds of each length that reads show.

        Returns
        -------
        float64[3, *p.shape], float64[3]
            The tables and their weights.
        """
        tilted = self.p * np.exp(tilt * np.arange(-self.most, self.most + 1))
        tilted /= tilted.sum(axis=-1, keepdims=True)
        right = tilted[..., self.most]
        nodes, p_node = _standard_normal()
        tables = []
        for slip in nodes * self.slip_sd:
            wrong = (1 - right) / (1 - right + right * np.exp(-right * slip))
            table = tilted * (wrong / np.maximum(1 - right, 1e-12))[..., None]
            table[..., self.most] = 1 - wrong
            tables.append(table * (1 - UNTOLD) + UNTOLD / self.p.shape[-1])
        return np.array(tables), p_node

    @cached_property
    def prior(self) -> npt.NDArray[np.float64]:
        """ln P(genotype), up to a constant: float64[longest + 1, alleles, alleles], symmetric, by bp of the run.

        Alleles are changes of length from -most to +most. Of those that vary, heterozygotes with the reference are
        twice as many as homozygotes, as in HG002.
        """
        bp = np.arange(self.p.shape[2])
        varied = MOST_VARIED / (1 + np.exp((HALF_VARIED_BP - bp) / STEEPNESS_BP))
        distance = np.abs(np.arange(-self.most, self.most + 1))
        share = np.where(distance > 0, PER_BP**distance, 0.0)
        share /= share.sum()
        of_allele = varied[:, None] * share
        table = of_allele[:, :, None] * of_allele[:, None, :]  # two different alts
        allele = np.arange(2 * self.most + 1)
        table[:, allele, allele] = of_allele / 2
        table[:, self.most, :] = table[:, :, self.most] = of_allele
        table[:, self.most, self.most] = 1 - varied
        return np.log(table)


def _standard_normal() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Nodes and weights, float64[3], of the Gauss-Hermite quadrature of the normal distribution."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    return nodes, weights / weights.sum()


@dataclass(frozen=True)
class LikelihoodEncoder:
    """An image encoder (see `dvplug.hookspecs.Encode`): pileups with length shares and `LIKELIHOOD_FEATURES`.

    Parameters
    ----------
    table
        File of the technology's `LengthErrors`, read when it is first needed. A plugin whose table changes has to raise
        the version of its encoder.
    """

    table: Path

    @cached_property
    def errors(self) -> LengthErrors:
        """The table."""
        return LengthErrors.load(self.table)

    def __call__(
        self,
        reads: ReadBatch,
        candidates: CandidateBatch,
        reference: npt.NDArray[np.uint8],
        reference_start: int,
        layout: ImageLayout,
        channels: Sequence[Channel],
    ) -> ImageBatch:
        """Draw the images of `dvplug.images.features.length_shares.encode_pileups`, and add `LIKELIHOOD_FEATURES`."""
        drawn = length_shares.encode_pileups(reads, candidates, reference, reference_start, layout, channels)
        change = length_summary.spanning_changes(reads, candidates, reference, reference_start)
        base, length = runs(candidates, reference, reference_start)
        more = likelihood_features(
            change, reads, candidates, drawn.site, drawn.alt_set, base, length, self.errors
        )
        return replace(drawn, features=np.hstack([drawn.features, more]))


def runs(
    candidates: CandidateBatch, reference: npt.NDArray[np.uint8], reference_start: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Base code uint8[s], `UNKNOWN_BASE` where it is none of A, C, G, T, and bp int64[s] of the run after each site."""
    found: tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]] = measure_runs(
        reference, candidates.start.astype(np.int64) - reference_start + 1
    )
    return found


def run_changes(candidates: CandidateBatch, base: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
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
    shorter, longer = sorted((ref, alt), key=len)
    more = len(longer) - len(shorter)
    return more > 0 and longer == shorter[:1] + base * more + shorter[1:]


def likelihood_features(
    change: npt.NDArray[np.int32],
    reads: ReadBatch,
    candidates: CandidateBatch,
    site: npt.NDArray[np.int32],
    alt_set: npt.NDArray[np.int8],
    base: npt.NDArray[np.uint8],
    length: npt.NDArray[np.int64],
    errors: LengthErrors,
) -> npt.NDArray[np.float32]:
    """Features float32[n, len(LIKELIHOOD_FEATURES)] of ``n`` images given by their site and alts (see `ImageBatch`).

    Parameters
    ----------
    change
        Of each read of each site, as `dvplug.images.features.length_summary.spanning_changes` gives them.
    base, length
        As of `runs`.
    """
    out = np.zeros((len(site), len(LIKELIHOOD_FEATURES)), np.float32)
    own = length_summary.alt_changes(candidates, site, alt_set)
    is_change = run_changes(candidates, base)
    first = np.concatenate(([0], np.cumsum([len(alts) for alts in candidates.alts]))).astype(np.int64)
    covered = is_change[first[site] + alt_set[:, 0]] if len(site) else np.zeros(0, np.bool_)
    pair = alt_set[:, 1] != NO_ALT
    covered[pair] &= is_change[(first[site] + alt_set[:, 1])[pair]]
    covered &= (np.abs(own) <= errors.most).all(axis=1) & (length[site] > 0)
    known, weight = errors.by_place
    read_class = np.searchsorted(errors.edges, mean_errors(reads), side="right").astype(np.int64)
    _weigh(
        out, change, candidates.read_offset, candidates.read_index, reads.haplotype, (reads.flag & REVERSE) != 0,
        read_class, site, pair, own, covered, base, length, known, weight, errors.prior,
    )  # fmt: skip
    return out


def mean_errors(reads: ReadBatch) -> npt.NDArray[np.float64]:
    """Mean error probability of each read by its base qualities, float64[reads]."""
    return _mean_errors(10 ** (-np.arange(256) / 10), reads.qual, reads.base_offset)


@njit(cache=True)
def _mean_errors(p: Any, qual: Any, offset: Any) -> Any:
    out = np.zeros(len(offset) - 1)
    for read in range(len(out)):
        for k in range(offset[read], offset[read + 1]):
            out[read] += p[qual[k]]
        out[read] /= max(offset[read + 1] - offset[read], 1)
    return out


@njit(cache=True)
def _weigh(
    out: Any, change: Any, offset: Any, read_index: Any, haplotype: Any, is_reverse: Any, read_class: Any, site: Any,
    is_pair: Any, own: Any, covered: Any, base: Any, length: Any, known: Any, weight: Any, prior: Any,
) -> None:  # fmt: skip
    alleles = known.shape[-1]
    most = alleles // 2
    phased, unphased = np.zeros((alleles, alleles)), np.zeros((alleles, alleles))
    weighed, spanning = -1, 0
    for image in range(len(site)):
        of = site[image]
        if not covered[image]:
            continue
        if of != weighed:
            phased[:] = -np.inf
            unphased[:] = -np.inf
            for kind in range(len(known)):
                spanning = _add_likelihoods(
                    phased, unphased, np.log(weight[kind]), change, offset[of], offset[of + 1], read_index, haplotype,
                    is_reverse, read_class, base[of], length[of], known[kind],
                )  # fmt: skip
            weighed = of
        row = out[image]
        row[0] = 1
        if spanning == 0:
            continue
        one, other = own[image, 0] + most, own[image, 1] + most if is_pair[image] else -1
        usual = prior[min(length[of], prior.shape[0] - 1)]
        _put_odds(row, 1, phased, usual, one, other)
        _put_odds(row, 4, unphased, usual, one, other)
        row[7] = min(-unphased.max() / spanning / SURPRISE_SCALE, 1)


@njit(cache=True)
def _add_likelihoods(
    phased: Any, unphased: Any, weight: float, change: Any, first: int, last: int, read_index: Any, haplotype: Any,
    is_reverse: Any, read_class: Any, base: int, length: int, known: Any,
) -> int:  # fmt: skip
    """Add P(reads | alleles) of each pair of changes of length to its logarithm; return how many reads span the run."""
    alleles = known.shape[3]
    most, longest = alleles // 2, known.shape[2] - 1
    # Products of so many probabilities, none below UNTOLD / alleles, are far from the smallest double.
    apart, together = np.ones((alleles, alleles)), np.ones((alleles, alleles))
    ln_apart, ln_together = np.full((alleles, alleles), weight), np.full((alleles, alleles), weight)
    p = np.empty(alleles)
    spanning = 0
    for k in range(first, last):
        if change[k] == UNSPANNED:
            continue
        spanning += 1
        read = read_index[k]
        of = known[read_class[read], 3 - base if is_reverse[read] else base]
        for allele in range(alleles):
            true = length + allele - most
            seen = change[k] - (allele - most)
            p[allele] = of[min(max(true, 0), longest), min(max(seen, -most), most) + most]
        side = min(haplotype[read], 2)
        # of haplotype 1 the first allele, of haplotype 2 the second
        share = 0.5 if side == 0 else 1 - MISPHASED if side == 1 else MISPHASED
        for one in range(alleles):
            for other in range(alleles):
                apart[one, other] *= share * p[one] + (1 - share) * p[other]
                together[one, other] *= 0.5 * (p[one] + p[other])
        if spanning % PRODUCT_READS == 0:
            ln_apart += np.log(apart)
            ln_together += np.log(together)
            apart[:] = 1
            together[:] = 1
    ln_apart += np.log(apart)
    ln_together += np.log(together)
    for one in range(alleles):
        for other in range(alleles):
            both = np.logaddexp(ln_apart[one, other], ln_apart[other, one]) - np.log(2)
            phased[one, other] = np.logaddexp(phased[one, other], both)
            unphased[one, other] = np.logaddexp(unphased[one, other], ln_together[one, other])
    return spanning


@njit(cache=True)
def _put_odds(row: Any, column: int, told: Any, usual: Any, one: int, other: int) -> None:
    """Write the odds of one copy and two copies of the alts against none, and of no variant against any."""
    alleles = len(told)
    most = (told + usual).max()
    p_copies = np.full(3, 1e-300)
    p_reference = 1e-300
    for a in range(alleles):
        for b in range(a, alleles):
            p = np.exp(told[a, b] + usual[a, b] - most)
            p_copies[int(a in (one, other)) + int(b in (one, other))] += p
            if a == b == alleles // 2:
                p_reference += p
    odds = np.log(p_copies)
    row[column] = _scaled(odds[1] - odds[0])
    row[column + 1] = _scaled(odds[2] - odds[0])
    row[column + 2] = _scaled(np.log(p_reference) - np.log(max(p_copies.sum() - p_reference, 1e-300)))


@njit(cache=True)
def _scaled(odds: float) -> float:
    return min(max(odds / ODDS_SCALE, -MOST_ODDS), MOST_ODDS)
