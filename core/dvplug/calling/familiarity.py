"""Compare the reads of a run with those that a model was trained on: what is warned of, given as usual, or refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dvplug.engine.usual import Table, UsualChannel, UsualFeature, UsualValues
from dvplug.errors import InputError
from dvplug.inputs.reference_fit import fit_in_words
from dvplug.inputs.run_sample import RunSample
from dvplug.line.result import Counts
from dvplug.system.console import warn
from dvplug_registry.manifest import Manifest, RunLimits, RunMeasure, TrainedOn, UsualNumber

_EVERYWHERE = (np.inf, -np.inf)  # limits within which nothing lies
_OFTEN = 0.01  # share of the images from which on a feature that lies outside is warned of
_WORDS: dict[RunMeasure, tuple[str, str]] = {
    "with_fragment_length": ("{:.0%} of the reads have a fragment length (TLEN)", "{:.0%}"),
    "read_length": ("the median read has {:,.0f} bp", "{:,.0f}"),
    "base_quality": ("the median base quality is {:.0f}", "{:.0f}"),
    "mapping_quality": ("the median mapping quality is {:.0f}", "{:.0f}"),
    "reverse_strand": ("{:.0%} of the reads are of the reverse strand", "{:.0%}"),
    "distinct_starts": ("reads start at {:.2f} places per read, as those of amplicons do at few", "{:.2f}"),
    "differing_positions": ("at {:.1f} of 1,000 positions reads differ from the reference", "{:.1f}"),
}
"""How to say a measure, and each of its limits."""


class Departure(NamedTuple):
    """A measure that lies outside of what the model was trained on.

    Attributes
    ----------
    trained
        Its limits, in words.
    given
        What the network is given in place of what it does not know, in words; empty where nothing can be done.
    refused
        Whether the run is refused without ``--force``.
    """

    measure: RunMeasure
    value: float
    trained: str
    given: str
    refused: bool

    @property
    def problem(self) -> str:
        """What is unusual."""
        return f"{_WORDS[self.measure][0].format(self.value)}, and the model was trained on {self.trained}"

    def header_line(self) -> str:
        """A line of the VCF's header, without its end."""
        given = self.given or "nothing"
        return (
            f'##dvplugOutsideTraining=<ID={self.measure},Measured={self.value:g},Trained="{self.trained}",'
            f'GivenAsUsual="{given}">'
        )


class Familiarity(NamedTuple):
    """What of a run the model does not know, and what the network is given in its place."""

    departures: tuple[Departure, ...]
    usual: UsualValues


def compare_with_training(manifest: Manifest, sample: RunSample) -> Familiarity:
    """Compare a run with what a model was trained on, and decide what is given as usual in all of its regions."""
    trained = manifest.trained_on
    outside = {
        measure: sample.measures[measure]
        for measure, limits in trained.runs.items()
        if measure in sample.measures and not limits.hold(sample.measures[measure])
    }
    usual = UsualValues(
        fragment_length=(trained.reads.fragment_length or 0) if "with_fragment_length" in outside else 0,
        base_quality=(
            quality_table(sample.base_quality, trained.reads.base_quality)
            if "base_quality" in outside
            else ()
        ),
        mapping_quality=(
            quality_table(sample.mapping_quality, trained.reads.mapping_quality)
            if "mapping_quality" in outside
            else ()
        ),
        draw_strands=any(measure in outside for measure in trained.reads.strand),
        features=tuple(_features(manifest, outside)),
        channels=tuple(
            UsualChannel(name, manifest.image.channels.index(name), int(number.value))
            for name, number in trained.channels.items()
            if number.outside in outside
        ),
    )
    return Familiarity(tuple(_departures(trained, outside, usual)), usual)


def quality_table(run: Sequence[float], trained: Sequence[float]) -> Table:
    """Map the qualities of a run to those trained on: each to the one that the same share of trained ones lies below.

    Parameters
    ----------
    run, trained
        Share of bases, or reads, by phred from 0 on; the last also stands for all above. Of a quality that is common,
        the middle of its bases counts.

    Returns
    -------
    Table
        Of 256 qualities, ascending; empty without trained shares.
    """
    if not trained:
        return ()
    own, known = np.array(run), np.cumsum(trained)
    middle = np.cumsum(own) - own / 2
    table: npt.NDArray[np.int64] = np.minimum(np.searchsorted(known, middle), len(trained) - 1)
    above = np.arange(len(own), 256)
    same = table[-1] == len(own) - 1
    return (*table.tolist(), *(above if same else np.full_like(above, table[-1])).tolist())


def _features(manifest: Manifest, outside: dict[RunMeasure, float]) -> Iterator[UsualFeature]:
    """Those that are given in this run, and those that are wherever they lie outside of their own limits."""
    for name, number in manifest.trained_on.features.items():
        column = manifest.features.index(name)
        if number.outside in outside:
            yield UsualFeature(name, column, *_EVERYWHERE, number.value)
        elif number.limits is not None:
            low, high = number.limits.low, number.limits.high
            yield UsualFeature(
                name,
                column,
                -np.inf if low is None else low,
                np.inf if high is None else high,
                number.value,
                tuple((manifest.features.index(other), most) for other, most in number.unless.items()),
            )


def _departures(
    trained: TrainedOn, outside: dict[RunMeasure, float], usual: UsualValues
) -> Iterator[Departure]:
    for measure, value in outside.items():
        limits = trained.runs[measure]
        refused = limits.refused is not None and not limits.refused.hold(value)
        given = "; ".join(_given(measure, trained, usual))
        yield Departure(measure, value, _in_words(measure, limits), given, refused)


def _in_words(measure: RunMeasure, limits: RunLimits) -> str:
    words = _WORDS[measure][1]
    text = " to ".join(
        dict.fromkeys(words.format(end) for end in (limits.low, limits.high) if end is not None)
    )
    if limits.low is None or limits.high is None:
        return f"up to {text}" if limits.low is None else f"{text} or more"
    return text


def _given(measure: RunMeasure, trained: TrainedOn, usual: UsualValues) -> Iterator[str]:
    """Say what is given because of a measure."""
    if measure == "with_fragment_length" and usual.fragment_length:
        yield f"reads without one are drawn as of fragments of {usual.fragment_length} bp"
    if measure == "base_quality" and usual.base_quality:
        yield "qualities are moved to those that as many bases had in training"
    if measure == "mapping_quality" and usual.mapping_quality:
        yield "mapping qualities are moved to those that as many reads had in training"
    if measure in trained.reads.strand:
        yield "strands are drawn at random"
    for what, numbers in (("feature", trained.features), ("channel", trained.channels)):
        if named := [_number(name, number) for name, number in numbers.items() if number.outside == measure]:
            yield f"{what}{'s' if len(named) > 1 else ''} {', '.join(named)}"


def _number(name: str, number: UsualNumber) -> str:
    return f"{name} {number.value:g}"


def reads_met(manifest: Manifest, sample: RunSample, mismatches: Sequence[float]) -> dict[str, str]:
    """Say what the run's reads are like, beside what the model was trained on, by what is measured.

    ``mismatches`` are those of some reads with the reference, as `dvplug.inputs.reference_fit.mismatch_share` says.
    """
    found = {"reference": fit} if (fit := fit_in_words(mismatches)) else {}
    for measure, value in sample.measures.items():
        limits = manifest.trained_on.runs.get(measure)
        trained = f"trained on {_in_words(measure, limits)}" if limits else "no limits are known"
        found[measure.replace("_", " ")] = f"{_WORDS[measure][0].format(value)}; {trained}"
    return found


def say_departures(
    label: str, departures: Sequence[Departure], flat: Mapping[RunMeasure, str], *, force: bool
) -> None:
    """Warn of what the model does not know; raises InputError where it is known to call badly then.

    What `dvplug.inputs.recognition.flat_qualities` says of a measure is told in the same line.
    """
    if refused := [one for one in departures if one.refused and not force]:
        raise InputError(
            f"{label} cannot be trusted with these reads",
            cause="; ".join(one.problem for one in refused),
            repair="Use another model or technology, or call them all the same with --force.",
        )
    for one in departures:
        then = f"{one.given} in place of what they are" if one.given else "accuracy may be lower"
        problem = one.problem
        if what := flat.get(one.measure):
            problem = f"{what}, which tells nothing, and the model was trained on a median of {one.trained}"
        warn(f"{problem}: {then}.")
    for measure in flat.keys() - {one.measure for one in departures}:
        warn(f"{flat[measure]}; {label} tells errors from variants by that, and may call less well.")


def warn_of_images(counts: Counts) -> None:
    """Warn where many images had features such as the network was not trained on."""
    for name, number in sorted(counts.outside.items()):
        if counts.images and number > _OFTEN * counts.images:
            warn(
                f"{name} was outside of what the model was trained on in {number:,} of {counts.images:,} images, "
                "where its usual value was given."
            )
