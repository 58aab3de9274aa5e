"""What a model says of the reads that it was trained on, and what it wants to be given in place of others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import Field

from dvplug.errors import InputError
from dvplug.inputs.run_sample import RunSample
from dvplug.technology import Frozen
from dvplug_registry.manifest import Limits, RunLimits, RunMeasure, TrainedOn, UsualNumber, UsualReads

_MANY_DIFFERENCES = 10.0
"""Of 1,000 positions: a person's own alleles lie at 1, and at 6 in some stretches of 10 kb."""
_FEWEST_STARTS = 0.3
"""Reads of deep captures start at 0.25 to 0.4 places per read, those of amplicons below 0.1."""


class UsualRules(Frozen):
    """What a network shall be given as usual, by what was found to help; the values are measured."""

    measures: tuple[RunMeasure, ...] = Field((), description="whose limits the manifest states")
    fragment_length: bool = False
    base_quality: bool = False
    mapping_quality: bool = False
    strand: tuple[RunMeasure, ...] = ()
    refused: dict[RunMeasure, Limits] = Field(
        default_factory=dict,
        description="beyond which accuracy was found to fall, whatever is given as usual",
    )
    features_outside: dict[str, RunMeasure] = Field(
        default_factory=dict,
        description="features that are given as usual where a measure is outside its limits",
    )
    features_above: dict[str, float] = Field(
        default_factory=dict,
        description="features that are given as usual at images where they lie above this",
    )
    unless_above: dict[str, dict[str, float]] = Field(
        default_factory=dict,
        description="of these, other features above whose number an image keeps its own value",
    )


def trained_on(
    runs: Sequence[RunSample],
    rules: UsualRules,
    names: Sequence[str] = (),
    features: npt.NDArray[np.float32] | None = None,
) -> TrainedOn:
    """Work out limits and usual values.

    Parameters
    ----------
    runs
        The reads of each training set.
    rules
        What is wanted.
    names, features
        Of training images that show a heterozygote, and so reads of both alleles, float32[n, len(names)]; needed where
        the rules name any.

    Raises
    ------
    InputError
        The rules name a feature that is not there.
    """
    runs = [run for run in runs if run.reads]
    limits = {measure: _limits(measure, runs, rules.refused.get(measure)) for measure in rules.measures}
    numbers = {}
    for name in dict.fromkeys((*rules.features_outside, *rules.features_above)):
        if features is None or name not in names:
            raise InputError(f"the feature {name} was not measured, which is to be given as usual")
        own = features[:, list(names).index(name)]
        high = rules.features_above.get(name)
        numbers[name] = UsualNumber(
            value=round(float(np.median(own)), 3),
            outside=rules.features_outside.get(name),
            limits=None if high is None else Limits(high=high),
            unless=rules.unless_above.get(name, {}),
        )
    fragments = [run.fragment_length for run in runs if run.fragment_length]
    qualities = _shares([run.base_quality for run in runs])
    mapped = rules.base_quality or (_is_one(qualities) and "base_quality" in limits)
    return TrainedOn(
        runs={measure: found for measure, found in limits.items() if found is not None},
        reads=UsualReads(
            fragment_length=int(np.median(fragments)) if rules.fragment_length and fragments else None,
            base_quality=qualities if mapped else (),
            mapping_quality=_shares([run.mapping_quality for run in runs]) if rules.mapping_quality else (),
            strand=rules.strand,
        ),
        features=numbers,
    )


def _limits(measure: RunMeasure, runs: Sequence[RunSample], refused: Limits | None) -> RunLimits | None:
    """Limits of a measure, somewhat wider than what the sets show; None where none shows it.

    Lengths: from two thirds to twice. Base qualities: the median must be such as three quarters of the bases trained on
    reach, or any set's median; where all bases have one quality, which then says nothing, no other is known. Mapping
    qualities: 10 less than any set's median. Strands: a tenth less even. Fragment lengths: nine tenths of the reads.
    Starts: half of the fewest. Positions that differ: a fifth more, and 10 of 1,000 at least.
    """
    found = [run.measures[measure] for run in runs if measure in run.measures]
    if not found:
        return None
    low, high = min(found), max(found)
    if measure == "read_length":
        return RunLimits(low=2 * low // 3, high=2 * high, refused=refused)
    if measure == "base_quality":
        shares = _shares([run.base_quality for run in runs])
        lower = min(float(np.searchsorted(np.cumsum(shares), 0.25)), low)
        return RunLimits(low=lower, high=high if _is_one(shares) else None, refused=refused)
    if measure == "mapping_quality":
        return RunLimits(low=max(0.0, low - 10), refused=refused)
    if measure == "reverse_strand":
        uneven = min(0.5, max(0.5 - low, high - 0.5, 0.0) + 0.1)
        return RunLimits(low=round(0.5 - uneven, 2), high=round(0.5 + uneven, 2), refused=refused)
    if measure == "differing_positions":
        return RunLimits(high=max(_MANY_DIFFERENCES, round(1.2 * high, 1)), refused=refused)
    if measure == "with_fragment_length":
        return RunLimits(low=round(0.9 * low, 2), refused=refused)
    return RunLimits(low=round(min(_FEWEST_STARTS, low / 2), 2), refused=refused)


def _shares(sets: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """The mean of the sets' shares."""
    known = [shares for shares in sets if shares]
    return tuple(np.mean(known, axis=0).round(5).tolist()) if known else ()


def _is_one(shares: Sequence[float]) -> bool:
    """Whether there is one value alone, but for a base in a thousand."""
    return max(shares, default=0.0) > 0.999
