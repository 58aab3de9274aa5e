"""How the reads of a run err and what they are like, measured before the first region is called: a `RunProfile`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dvplug.genome.reference import Reference
from dvplug.images.features.differences import FEWEST_DIFFERENT, ONE_IN
from dvplug.inputs.run_sample import RunSample, measure_sample
from dvplug.inputs.sampled_reads import SampledReads
from dvplug.inputs.varying_tracts import varying
from dvplug.line.read_batch import LEFT_OUT, REVERSE, ReadBatch
from dvplug.line.region import Region
from dvplug.line.run_profile import (
    HOMOPOLYMERS,
    MOST_CHANGE,
    MOST_MISREAD,
    MOST_QUALITY,
    NO_QUALITY,
    PARTS,
    TRACTS,
    USUAL_CHANGES,
    RunProfile,
    claimed_p,
    usual_lengths,
    usual_profile,
)
from dvplug.reads.errors import WindowErrors, window_errors
from dvplug.reads.groups import ReadSource
from dvplug.reads.molecules import places
from dvplug.reads.same_bases import with_bases_of_reference
from dvplug.sequence.arrays import Bools, Float64s, Int64s, distinct, median
from dvplug.sequence.cigar import CODE_MASK, LENGTH_SHIFT, SOFT_CLIP
from dvplug.sequence.error_rates import falling, smoothed_rates
from dvplug.system.locations import Location
from dvplug.technology import TechnologyProfile, UsualErrors

MOST_READS, MOST_BASES = 50_000, 12_000_000
"""That are looked at."""
USUAL_MAPPING_QUALITY = 20
"""Reads below it, and below the run's median, are set apart."""
FEWEST_BASES, FEWEST_TRACTS = 100_000, 100_000
"""Bases, and reads of tracts, from which on a table is the run's own rather than the technology's."""
_FLANK = 200  # bp of the reference around a window, so that its tracts are whole
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_PAIRED, _MATE_UNMAPPED, _MATE_REVERSE = 0x1, 0x8, 0x20  # SAM flags
_MAD_TO_SD = 1.4826  # of a normal distribution
_FEWEST = 100  # positions, or fragments, of which something is told
_FEWEST_PLACES = 20  # at which a read or more errs, from which on their spread is told
_CHANGES_WEIGHT = 20.0  # changes that count as many as those that were seen


class _Seen(NamedTuple):
    """A window of the sample."""

    own: ReadBatch  # reads that start in it
    reads: int  # that reach into it
    errors: WindowErrors | None  # None where the reference is not known


def measure_run(
    sources: Sequence[ReadSource],
    reference: Location,
    technology: TechnologyProfile,
    keep_fraction: float = 1.0,
) -> tuple[RunSample, RunProfile]:
    """Measure the reads of a run that pass the technology's filter, the same whatever regions will be called.

    Parameters
    ----------
    sources
        Files of one sample, checked already.
    reference
        FASTA that they are aligned to.
    keep_fraction
        Fraction of the fragments that count, as of `dvplug.reads.fetch.fetch_reads`.

    Raises
    ------
    InputError
        A file breaks off or cannot be decoded.
    """
    read_filter = technology.read_filter
    with (
        SampledReads(sources, reference, read_filter, keep_fraction) as sampled,
        Reference.open(reference) as genome,
    ):
        sample = measure_sample(sampled, genome, read_filter.missing_base_quality)
        return sample, measure_profile(sampled, genome, technology.usual_errors)


def measure_profile(sampled: SampledReads, reference: Reference, usual: UsualErrors) -> RunProfile:
    """Measure the profile of a run.

    Parameters
    ----------
    usual
        What the technology's errors are like, where too little is seen.

    Raises
    ------
    InputError
        A file breaks off or cannot be decoded.
    """
    windows = list(sampled.windows(MOST_READS, MOST_BASES))
    least = _least_mapping_quality([batch for _, batch in windows])
    seen = [_seen(region, batch, least, reference) for region, batch in windows]
    left_out = (
        np.sum([batch.left_out for _, batch in windows], axis=0) if windows else np.zeros(len(LEFT_OUT))
    )
    whole = left_out.sum() + sum(one.reads for one in seen)
    shares = {
        why: round(float(n / whole), 6) for why, n in zip(LEFT_OUT, left_out.tolist(), strict=True) if n
    }
    own = [one.own for one in seen if len(one.own)]
    if not own:
        return usual_profile(**usual.model_dump())
    return RunProfile(
        **_errors([one.errors for one in seen if one.errors is not None], usual),
        **_reads(own, least),
        left_out=shares,
        places=len(windows),
    )


def _least_mapping_quality(batches: Sequence[ReadBatch]) -> int:
    """The mapping quality from which on reads count; 255 is unknown, and tells nothing."""
    counts = np.zeros(256, np.int64)
    for batch in batches:
        counts += np.bincount(batch.mapping_quality, minlength=256)
    counts[NO_QUALITY] = 0
    return min(USUAL_MAPPING_QUALITY, _median(counts)) if counts.any() else 0


def _seen(region: Region, batch: ReadBatch, least: int, reference: Reference) -> _Seen:
    """Count in one window."""
    first, last = np.searchsorted(batch.start, (region.start, region.end)).tolist()
    own = batch.part(first, last)
    length = reference.lengths.get(region.contig, 0)
    start, end = max(0, region.start - _FLANK), min(region.end + _FLANK, length)
    if not len(batch) or start >= end:
        return _Seen(own, len(batch), None)
    codes = reference.codes(region.contig, start, end)
    apart: Bools = batch.mapping_quality < least
    reads = with_bases_of_reference(batch, codes, start)
    return _Seen(own, len(batch), window_errors(reads, apart, codes, start, (region.start, region.end)))


def _errors(windows: Sequence[WindowErrors], usual: UsualErrors) -> dict[str, Any]:
    """What of a profile is told by differences from the reference, by its fields' names."""
    if not windows:
        profile = usual_profile(**usual.model_dump())
        names = (
            "mismatch_p", "base_counts", "length_p", "length_counts", "length_spread", "insertion_p", "deletion_p",
            "by_default",
        )  # fmt: skip
        return {name: getattr(profile, name) for name in names}
    bases, lengths, apart, indels = (
        np.sum([getattr(one, name) for one in windows], axis=0)
        for name in ("bases", "lengths", "apart", "indels")
    )
    long_tracts = np.concatenate([one.tracts for one in windows])
    claimed = usual_lengths(usual.length_error, usual.length_growth)
    varied = varying(long_tracts, lengths, claimed, usual.length_spread)
    kind, units = long_tracts[varied, :2].T
    np.subtract.at(lengths, (kind, units), long_tracts[varied, 2:])
    length_p = length_table(lengths, claimed)
    aligned, *gaps = indels.tolist()
    insertion_p, deletion_p = (
        float(smoothed_rates(*map(np.array, ([n], [aligned], [prior]))).p[0])
        for n, prior in zip(gaps, (usual.insertion, usual.deletion), strict=True)
    )
    depth = np.concatenate([one.depth[one.depth > 0] for one in windows])
    typical, spread = _middle(depth)
    differing = [float(share) for one in windows if (share := _differing(one)) is not None]
    few = (bases[:, 0].sum() < FEWEST_BASES, lengths.sum() < FEWEST_TRACTS, aligned < FEWEST_BASES)
    return {
        "mismatch_p": quality_table(bases),
        "base_counts": bases,
        "length_p": length_p,
        "length_counts": lengths,
        "length_spread": place_spread(long_tracts[~varied], length_p, usual.length_spread),
        "insertion_p": insertion_p,
        "deletion_p": deletion_p,
        "low_mapping_quality_mismatch_p": _share(apart[1], apart[0]),
        "depth": typical,
        "depth_spread": spread,
        "differing_positions": round(median(differing), 4) if differing else 0.0,
        "by_default": tuple(part for part, unknown in zip(PARTS, few, strict=True) if unknown),
    }


def quality_table(counts: Int64s) -> Float64s:
    """P(mismatch) by quality, float64[256] as of `RunProfile.mismatch_p`, of int64[256, 2]: bases, and mismatches.

    The prior is what the qualities claim: few bases leave it as it is.
    """
    prior = claimed_p()
    table = prior.copy()
    scale = slice(0, MOST_QUALITY + 1)
    table[scale] = falling(smoothed_rates(counts[scale, 1], counts[scale, 0], prior[scale]))
    table[MOST_QUALITY:NO_QUALITY] = table[MOST_QUALITY]
    table[NO_QUALITY] = smoothed_rates(counts[NO_QUALITY:, 1], counts[NO_QUALITY:, 0], prior[NO_QUALITY:]).p[
        0
    ]
    return table


def length_table(counts: Int64s, usual: Float64s) -> Float64s:
    """P(change of length), as of `RunProfile.length_p`, of its counts; ``usual`` is such a table.

    Homopolymers of all bases together are drawn towards the usual ones, and those of each kind towards all together.
    """
    right = counts[..., MOST_CHANGE]
    trials, wrong = counts.sum(axis=-1), counts.sum(axis=-1) - right
    prior = 1 - usual[..., MOST_CHANGE]
    table = usual.copy()
    for kind in range(len(TRACTS)):
        alike = slice(0, HOMOPOLYMERS) if kind < HOMOPOLYMERS else slice(kind, kind + 1)
        pooled = smoothed_rates(wrong[alike, 1:].sum(axis=0), trials[alike, 1:].sum(axis=0), prior[kind, 1:])
        rates = (
            pooled if kind >= HOMOPOLYMERS else smoothed_rates(wrong[kind, 1:], trials[kind, 1:], pooled.p)
        )
        misread = np.minimum(rates.p, MOST_MISREAD)
        changes = counts[kind, 1:].astype(np.float64)
        changes[:, MOST_CHANGE] = 0
        share = _shares(changes.sum(axis=0) + _CHANGES_WEIGHT * USUAL_CHANGES)
        table[kind, 1:] = misread[:, None] * _shares(changes + _CHANGES_WEIGHT * share)
        table[kind, 1:, MOST_CHANGE] = 1 - misread
    return table


def _shares(counts: Float64s) -> Float64s:
    return np.asarray(counts / counts.sum(axis=-1, keepdims=True))


def place_spread(tracts: Int64s, length_p: Float64s, usual: float) -> float:
    """SD, from place to place, of the log-odds that a tract is misread, of int64[n, 9] as of `WindowErrors.tracts`.

    By the method of moments: a shift of the log-odds by s moves p by p (1 - p) s, and so the variance of the reads that
    are wrong, n p (1 - p) in itself, rises by n (n - 1) (p (1 - p) s)^2.
    """
    (kind, units), reads = tracts[:, :2].T, tracts[:, 2:].sum(axis=1)
    wrong = reads - tracts[:, 2 + MOST_CHANGE]
    p = 1 - length_p[kind, units, MOST_CHANGE]
    variance = p * (1 - p)
    telling = reads * variance >= 1
    if telling.sum() < _FEWEST_PLACES:
        return usual
    excess = (wrong - reads * p) ** 2 - reads * variance
    moved = reads * (reads - 1) * variance**2
    return float(np.sqrt(max(0.0, excess[telling].sum() / moved[telling].sum())))


def _differing(window: WindowErrors) -> float | None:
    """Per 1,000 positions with enough reads, at how many these differ; None where there are few positions."""
    known = (window.depth >= FEWEST_DIFFERENT) & window.known
    if known.sum() < _FEWEST:
        return None
    differs = (window.differs >= FEWEST_DIFFERENT) & (ONE_IN * window.differs >= window.depth)
    return 1000 * float(differs[known].mean())


def _reads(parts: Sequence[ReadBatch], least: int) -> dict[str, Any]:
    """What of a profile is told by the reads themselves, by its fields' names."""
    n = sum(map(len, parts))
    length, clipped, flag, template = map(np.concatenate, zip(*map(_each, parts), strict=True))
    paired, reverse = flag & _PAIRED != 0, flag & REVERSE != 0
    both = paired & (flag & _MATE_UNMAPPED == 0) & (template != 0)
    facing = np.where(
        reverse, (template < 0) & (flag & _MATE_REVERSE == 0), (template > 0) & (flag & _MATE_REVERSE != 0)
    )
    fragment, fragment_spread = _middle(np.abs(template[template != 0]).astype(np.int64))
    quality = np.sum([np.bincount(part.mapping_quality, minlength=256) for part in parts], axis=0)
    return {
        "reads": n,
        "bases": int(length.sum()),
        "read_length": np.quantile(length, _QUANTILES, method="lower").astype(np.float64),
        "soft_clipped_reads": _share((clipped > 0).sum(), n),
        "soft_clipped_bases": _share(clipped.sum(), length.sum()),
        "fragment_length": fragment,
        "fragment_spread": fragment_spread,
        "with_fragment_length": _share((template != 0).sum(), n),
        "paired": _share(paired.sum(), n),
        "inward": _share((facing & both).sum(), both.sum()),
        "reverse_strand": _share(reverse.sum(), n),
        "distinct_starts": _share(sum(len(distinct(part.start)) for part in parts), n),
        "distinct_fragments": _distinct_fragments(parts),
        "mapping_quality": quality / n,
        "low_mapping_quality": _share(quality[:least].sum(), n),
    }


def _each(part: ReadBatch) -> tuple[npt.NDArray[Any], ...]:
    """Of each read its length, the bases that are clipped softly, its flag, and the length of its fragment."""
    clipped = np.where(part.cigar & CODE_MASK == SOFT_CLIP, part.cigar >> LENGTH_SHIFT, 0)
    of_read = np.repeat(np.arange(len(part)), np.diff(part.cigar_offset))
    bases = np.bincount(of_read, clipped, len(part)).astype(np.int64)
    return np.diff(part.base_offset), bases, part.flag, part.fragment_length


def _distinct_fragments(parts: Sequence[ReadBatch]) -> float:
    """As `RunProfile.distinct_fragments`: by the reads that their fragments begin with; 0 where there are few."""
    of_fragments = [places(part)[part.fragment_length > 0] for part in parts]
    fragments = sum(map(len, of_fragments))
    return _share(sum(len(distinct(one)) for one in of_fragments), fragments) if fragments >= _FEWEST else 0.0


def _middle(values: Int64s) -> tuple[float, float]:
    """Median, and SD told by the median absolute deviation; 0 where there is nothing."""
    if not len(values):
        return 0.0, 0.0
    middle = median(values)
    return middle, round(_MAD_TO_SD * median(np.abs(values - middle)), 4)


def _median(counts: Int64s) -> int:
    """The median of whole numbers from 0 on, of int64[n] counts."""
    return int(np.searchsorted(np.cumsum(counts), counts.sum() / 2))


def _share(part: float, whole: float) -> float:
    return round(float(part / whole), 6) if whole else 0.0
