"""Features that say how likely the reads are under each genotype, given how this very run errs.

The numbers are odds by the run's own profile (`dvplug.line.run_profile`), not by what the sequencer says of its bases:
a quality means what it was found to mean, and a length is as doubtful as lengths of such tracts were found to be. The
genotype likelihoods are those of samtools (Li 2011, doi:10.1093/bioinformatics/btr509, equation 2): each read comes
from either copy alike. The network weighs them with all else that it sees, as reads of one place may err together.

Reads of one molecule, both of a fragment and those of its copies, tell of it alone: 9 of 10 slips and 7 to 8 of 10
misread bases of high quality were in it before (HiSeq reads, `dvplug.simulate.learn.mates`). Where several lie over a
site they count as one read together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dvplug.images.features.site import base_at
from dvplug.kernel import kernel, subkernel
from dvplug.line.candidate_batch import UNINFORMATIVE, ReadSupport
from dvplug.line.image_batch import NO_ALT
from dvplug.line.read_batch import ALONE, ReadArrays
from dvplug.line.run_profile import MOST_CHANGE, MOST_UNITS, NO_QUALITY, RunProfile
from dvplug.line.scene import Scene
from dvplug.sequence.arrays import Bools, Float32s, Float64s, Int8s, Int32s, Int64s, UInt8s
from dvplug.sequence.codes import decode_bases
from dvplug.sequence.tracts import tracts_after

ODDS_FEATURES = (
    # ln of odds, on a logarithmic scale that keeps the sign: copies of the image's alts that the sample has
    "one_to_none",
    "two_to_none",
    "two_to_one",
    "one_to_none_phased",  # the same, where reads with a haplotype are of that copy
    "two_to_one_phased",
    "odds_surprise",  # mean of -ln P(read | the best genotype), of 3: how unlike the profile the reads are
    "expected_errors",  # reads that show the alts by error, on a logarithmic scale
    "depth_to_usual",  # reads over the site, of the run's depth, ln, of ln 8
    "unknown_mapping_fraction",  # of the reads over the site, those whose mapping quality is not known
)
ODDS_SCALE = float(np.log1p(300.0))
MOST_SURPRISE, ERRORS_SCALE, DEPTH_SCALE = 3.0, float(np.log1p(10.0)), float(np.log(8.0))
LEAST_MISMAPPED, UNKNOWN_MISMAPPED = 1e-5, 1e-3
"""P(a read is of another place) at the highest mapping qualities, and where the aligner does not tell."""
MISPHASED = 0.03
"""Of the reads with a haplotype, those that are of the other one."""
LEAST_ERROR, MOST_ERROR = 1e-7, 0.45
_NODES = np.sqrt(3.0) * np.array([-1.0, 0.0, 1.0])
_WEIGHTS = np.array([1.0, 4.0, 1.0]) / 6
"""Gauss-Hermite quadrature of the standard normal distribution, of three nodes."""
_PLACES = len(_NODES)


class _Images(NamedTuple):
    """What each image stands for."""

    site: Int32s  # [n]
    alt_set: Int8s  # [n, 2]
    by_length: Bools  # [n]: an alt has another length than REF, so that lengths decide and not a base
    false_p: Float64s  # [n]: then P(a read shows the alts | its copy has none)
    missed_p: Float64s  # [n]: then P(a read does not show them | its copy has one)


class _Run(NamedTuple):
    """A `RunProfile` as the kernel takes it."""

    mismatch_p: Float64s  # [256]
    mismapped_p: Float64s  # [256]: by mapping quality
    length_spread: float


class _Shown(NamedTuple):
    """The reads over the sites, by entry of the support."""

    quality: UInt8s  # [entries]: of the base at the site
    mapping: UInt8s  # [entries]
    haplotype: UInt8s  # [entries]
    weight: Float64s  # [entries]: 1, less where other reads of the molecule tell of the site, too


def odds_features(scene: Scene) -> Float32s:
    """Features float32[n, len(ODDS_FEATURES)] of each image."""
    site, alt_set = scene.images
    out = np.zeros((len(site), len(ODDS_FEATURES)), np.float32)
    entry, run = scene.candidates.read_index, scene.run
    images = _Images(site, alt_set, *_length_errors(scene))
    quality = _base_qualities(scene.candidates.start, scene.candidates.support(), scene.reads.arrays())
    weight = molecule_weights(scene.candidates.support(), scene.reads.molecule)
    shown = _Shown(quality, scene.reads.mapping_quality[entry], scene.haplotypes, weight)
    _weigh(
        out,
        images,
        scene.candidates.support(),
        shown,
        _Run(run.mismatch_p, _mismapped_p(), run.length_spread),
        float(np.log1p(run.depth)),
    )
    return out


def molecule_weights(over: ReadSupport, molecule: Int64s) -> Float64s:
    """What each read counts at each of its sites, float64[entries]: those of a molecule count as one together.

    ``molecule`` int64[r] is that of `dvplug.line.read_batch.ReadBatch`.
    """
    weight = np.ones(len(over.read))
    own = molecule[over.read]
    known = np.flatnonzero(own != ALONE)
    if len(known):
        site = np.repeat(np.arange(len(over.offset) - 1), np.diff(over.offset))[known]
        order = np.lexsort((own[known], site))
        begins = (np.diff(own[known][order]) != 0) | (np.diff(site[order]) != 0)
        firsts = np.concatenate(([0], np.flatnonzero(begins) + 1))
        count = np.diff(np.append(firsts, len(known)))
        weight[known[order]] = np.repeat(1.0 / count, count)
    return weight


@kernel
def _base_qualities(site_start: Int32s, over: ReadSupport, reads: ReadArrays) -> UInt8s:
    """Quality of each read's base at each of its sites, uint8[entries]; of the base before where it is deleted.

    ``site_start`` int32[s] are the 0-based positions. A read that begins after the site has its first base's.
    """
    quality = np.zeros(len(over.read), np.uint8)
    for site in range(len(site_start)):
        for k in range(over.offset[site], over.offset[site + 1]):
            read = over.read[k]
            first = reads.base_offset[read]
            cigar = reads.cigar[reads.cigar_offset[read] : reads.cigar_offset[read + 1]]
            base = base_at(np.int64(reads.start[read]), cigar, np.int64(site_start[site]))
            if first < reads.base_offset[read + 1]:
                quality[k] = reads.qual[first + max(base, 0)]
    return quality


def _mismapped_p() -> Float64s:
    """P(a read is of another place) by its mapping quality, float64[256] (SAM, section 1.4.5)."""
    p = np.maximum(10.0 ** (-np.arange(256) / 10), LEAST_MISMAPPED)
    p[NO_QUALITY] = UNKNOWN_MISMAPPED
    return np.minimum(p, MOST_ERROR)


def _length_errors(scene: Scene) -> tuple[Bools, Float64s, Float64s]:
    """Fill `_Images.by_length`, ``false_p`` and ``missed_p``."""
    site, alt_set = scene.images
    n = len(site)
    by_length, false_p, missed_p = np.zeros(n, np.bool_), np.zeros(n), np.zeros(n)
    changes = scene.alt_changes
    chosen = np.flatnonzero((changes != 0).any(axis=1))
    if not len(chosen):
        return by_length, false_p, missed_p
    tracts = list(
        zip(*(column.tolist() for column in tracts_after(scene.reference, scene.starts)), strict=True)
    )
    by_length[chosen] = True
    letters = decode_bases(scene.reference)
    for image in chosen.tolist():
        i = int(site[image])
        first = int(scene.starts[i]) + 1
        own = [
            _Tract(kind, units, letters[first : first + period])
            for period, units, kind in (tracts[i][:3], tracts[i][3:])
            if units
        ]
        ref, alts = scene.candidates.refs[i], scene.candidates.alts[i]
        of_alts = [
            _errors_of(scene.run, ref, alts[alt], own) for alt in alt_set[image].tolist() if alt != NO_ALT
        ]
        false_p[image] = min(MOST_ERROR, sum(false for false, _ in of_alts))
        missed_p[image] = min(MOST_ERROR, sum(missed for _, missed in of_alts) / len(of_alts))
    return by_length, false_p, missed_p


class _Tract(NamedTuple):
    """A homopolymer or tandem repeat after a site."""

    kind: int  # index in `dvplug.line.run_profile.TRACTS`
    units: int
    unit: str


def _errors_of(run: RunProfile, ref: str, alt: str, tracts: Sequence[_Tract]) -> tuple[float, float]:
    """P(a read shows the alt | its copy is the reference), and P(it does not | its copy is the alt).

    Of the tracts the first counts that the alt makes longer or shorter: a homopolymer before a repeat, as in the run's
    profile.
    """
    more = len(alt) - len(ref)
    if more == 0:
        return LEAST_ERROR, LEAST_ERROR
    shorter, longer = (ref, alt) if more > 0 else (alt, ref)
    changed = longer[1 : 1 + abs(more)]
    if longer == shorter[:1] + changed + shorter[1:]:
        for kind, units, unit in tracts:
            steps = more // len(unit)
            if changed == unit * abs(steps) and units + steps >= 0:
                there = _change_p(run, kind, units, steps)
                return there, max(run.misread_p(kind, units + steps), LEAST_ERROR)
    rate = run.insertion_p if more > 0 else run.deletion_p
    return max(rate, LEAST_ERROR), max(run.insertion_p + run.deletion_p, LEAST_ERROR)


def _change_p(run: RunProfile, kind: int, units: int, steps: int) -> float:
    """P(a tract of so many units is read as so many more); beyond what the profile holds, rarer by half per unit."""
    within = max(-MOST_CHANGE, min(steps, MOST_CHANGE))
    p = float(run.length_p[kind, min(units, MOST_UNITS), within + MOST_CHANGE])
    return max(p * 0.5 ** abs(steps - within), LEAST_ERROR)


@kernel
def _weigh(
    out: Float32s, images: _Images, over: ReadSupport, shown: _Shown, run: _Run, usual_depth: float
) -> None:
    """Fill float32[n, len(ODDS_FEATURES)]; ``usual_depth`` is ln(1 + the run's depth)."""
    for image in range(len(images.site)):
        site = images.site[image]
        first, last = over.offset[site], over.offset[site + 1]
        kinds = _PLACES if images.by_length[image] else 1  # of places: bases err everywhere alike
        told = np.zeros((kinds, 3))
        phased = np.zeros((kinds, 2))  # one copy: the alts on haplotype 1, and on haplotype 2
        errors, told_by, unknown = 0.0, 0.0, 0
        for k in range(first, last):
            unknown += shown.mapping[k] == NO_QUALITY
            allele = over.allele[k]
            if allele == UNINFORMATIVE:
                continue
            told_by += shown.weight[k]
            has = allele > 0 and (
                allele - 1 == images.alt_set[image, 0] or allele - 1 == images.alt_set[image, 1]
            )
            errors += _add_read(told, phased, images, image, has, k, shown, run)
        row = out[image]
        _put_odds(row, told, phased, told_by)
        row[6] = np.log1p(errors) / ERRORS_SCALE
        row[7] = max(-1.0, min(1.0, (np.log1p(last - first) - usual_depth) / DEPTH_SCALE))
        if last > first:
            row[8] = unknown / (last - first)


@subkernel
def _add_read(
    told: Float64s,
    phased: Float64s,
    images: _Images,
    image: int,
    has: bool,
    k: int,
    shown: _Shown,
    run: _Run,
) -> float:
    """Add ln P(what a read shows | copies) to float64[places, 3] and, by haplotype, float64[places, 2].

    Returns P(it shows the alts by error), at a usual place.
    """
    by_chance, weight = 0.0, shown.weight[k]
    mismapped = run.mismapped_p[shown.mapping[k]]
    for place in range(len(told)):
        if images.by_length[image]:
            shift = run.length_spread * _NODES[place]
            false = _shifted(images.false_p[image], shift)
            missed = _shifted(images.missed_p[image], shift)
        else:
            missed = run.mismatch_p[shown.quality[k]]
            false = missed / 3
        false = min(MOST_ERROR, false + 0.5 * mismapped)
        missed = min(MOST_ERROR, missed + 0.5 * mismapped)
        of_none = false if has else 1 - false
        of_alts = 1 - missed if has else missed
        if place == len(told) // 2:
            by_chance = weight * false
        told[place, 0] += weight * np.log(of_none)
        told[place, 1] += weight * np.log(0.5 * (of_none + of_alts))
        told[place, 2] += weight * np.log(of_alts)
        one = other = 0.5
        if shown.haplotype[k] == 1:
            one, other = 1 - MISPHASED, MISPHASED
        elif shown.haplotype[k] > 1:
            one, other = MISPHASED, 1 - MISPHASED
        phased[place, 0] += weight * np.log(one * of_alts + other * of_none)
        phased[place, 1] += weight * np.log(other * of_alts + one * of_none)
    return by_chance


@subkernel
def _shifted(p: float, by: float) -> float:
    """A probability whose log-odds are greater by so much."""
    odds = p / (1 - p) * np.exp(by)
    return min(MOST_ERROR, max(LEAST_ERROR, odds / (1 + odds)))


@subkernel
def _put_odds(row: Float32s, told: Float64s, phased: Float64s, reads: float) -> None:
    """Write the first six features: the odds over all kinds of places, and the surprise."""
    ln_none, ln_one, ln_two = _over_places(told, 0), _over_places(told, 1), _over_places(told, 2)
    ln_phased = -np.inf
    for place in range(len(told)):
        both = np.logaddexp(phased[place, 0], phased[place, 1]) - np.log(2)
        ln_phased = np.logaddexp(ln_phased, _ln_weight(told, place) + both)
    row[0] = _scaled(ln_one - ln_none)
    row[1] = _scaled(ln_two - ln_none)
    row[2] = _scaled(ln_two - ln_one)
    row[3] = _scaled(ln_phased - ln_none)
    row[4] = _scaled(ln_two - ln_phased)
    if reads > 0:
        row[5] = min(1.0, -max(ln_none, max(ln_one, ln_two)) / reads / MOST_SURPRISE)


@subkernel
def _over_places(told: Float64s, copies: int) -> float:
    """The logarithm of P(reads | copies) over all kinds of places, of float64[places, 3]."""
    ln_p = -np.inf
    for place in range(len(told)):
        ln_p = np.logaddexp(ln_p, _ln_weight(told, place) + told[place, copies])
    return ln_p


@subkernel
def _ln_weight(told: Float64s, place: int) -> float:
    """The logarithm of what a kind of place weighs, of those of float64[places, 3]."""
    return np.log(_WEIGHTS[place]) if len(told) > 1 else 0.0


@subkernel
def _scaled(odds: float) -> float:
    """Odds, as a natural logarithm, as the network sees them."""
    return np.sign(odds) * min(np.log1p(abs(odds)) / ODDS_SCALE, 1.5)
