"""How single reads err, stated in numbers: for a sequencer of whose reads none are at hand.

A file such as this takes the place of what `dvplug.simulate.learn` learns of real reads::

    {
      "source": "where the numbers are from",
      "platform": "ULTIMA",
      "length": {"mean": 300, "sd": 60},
      "substitution": 0.001,
      "insertion": 0.0001,
      "deletion": 0.0001,
      "runs": {"error": 0.0002, "growth": 1.9},
      "quality": {"values": {"40": 0.8, "30": 0.15, "15": 0.05}}
    }

The numbers are of the mean read; reads differ from it by ``spread``. Qualities are drawn so that a wrong base has the
lower ones, as far as they ``tell``.

``colours`` states what decoding leaves of the errors of a sequencer that reads colours, which tell a base by the one
before it: the base of a wrong colour is wrong, and so are those behind it until the decoding is right again.

Reads in pairs are not stated but learnt, and a file may name what was learnt. Of reads with barcodes, either way,
``linked`` states the long molecules::

    {
      "source": "where the numbers are from",
      "pairs": "learnt.npz",
      "linked": {"molecule_mean": 50000, "molecule_sd": 25000, "coverage": 0.15}
    }

Of pairs of transcripts, ``spliced`` states in its place how genes are transcribed (`dvplug.simulate.spliced`).
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, ValidationError, field_validator, model_validator

from dvplug.errors import InputError
from dvplug.simulate.learn.context import PARTS, ContextProfile
from dvplug.simulate.learn.error_counts import (
    CLASSES,
    LONGEST_INDEL,
    LONGEST_RUN,
    MOST_CHANGE,
    PLAIN,
    PREVIOUS_EDGES,
    QUALITIES,
    RUN_EDGES,
    SLIPPED,
)
from dvplug.simulate.learn.reads import LearntReads
from dvplug.simulate.linked import LinkedLibrary
from dvplug.simulate.spliced import SplicedLibrary
from dvplug.system.explain import explain
from dvplug.technology import Frozen

STATED_SUFFIX = ".json"
_READS = 1_000
"""Lengths that a profile holds: quantiles of their distribution."""
_LEAST_QUALITY = 2
_MOST_RUN_ERROR = 0.7
_TRANSITION = np.array([2, 3, 0, 1])  # of A, C, G, T


class StatedLength(Frozen):
    """Lengths of reads: log-normal."""

    mean: float = Field(ge=50, le=1_000_000, description="bp")
    sd: float = Field(default=0.0, ge=0, description="bp")


class StatedRuns(Frozen):
    """How often homopolymers are read too long or too short."""

    error: float = Field(gt=0, lt=0.5, description="share of reads that misread a single base's length")
    growth: float = Field(
        default=1.5, ge=1, le=4, description="how much more often per bp that a run is longer"
    )
    too_long: float = Field(default=0.4, ge=0, le=1, description="share of those that are read too long")
    by_more: float = Field(
        default=0.1, ge=0, le=0.5, description="share of errors by n bp that are by n + 1 or more"
    )


class StatedColours(Frozen):
    """Errors of reads that were read as colours, each the step from one base to the next, and then decoded."""

    error: float = Field(gt=0, lt=0.3, description="wrong colours that are not corrected, per base")
    mended: float = Field(
        default=0.5, gt=0, le=1, description="share of bases at which the decoding is right again behind one"
    )


class StatedQualities(Frozen):
    """Base qualities: the values that occur, with their shares."""

    values: dict[int, PositiveFloat] = Field(min_length=1, description="phred, and its share of all bases")
    tell: float = Field(
        default=1.0,
        ge=0,
        le=2,
        description="1: a wrong base has a value as often as the value says it is wrong; 0: as a right one",
    )
    runs_tell: bool = Field(
        default=False, description="whether they fall along a homopolymer as its error grows"
    )

    @field_validator("values")
    @classmethod
    def _are_phred(cls, values: dict[int, float]) -> dict[int, float]:
        if wrong := [value for value in values if not 0 <= value < QUALITIES]:
            raise ValueError(f"{wrong[0]} is no base quality: 0 to {QUALITIES - 1}")
        return values


class StatedReads(Frozen):
    """A sequencer of single reads."""

    source: str = Field(min_length=1, description="where the numbers are from")
    platform: str = Field(default="", description="@RG PL")
    length: StatedLength
    substitution: float = Field(gt=0, lt=0.3, description="per base")
    transitions: float = Field(default=0.4, ge=0, le=1, description="share of substitutions")
    insertion: float = Field(default=1e-6, gt=0, lt=0.3, description="per base, homopolymers left out")
    deletion: float = Field(default=1e-6, gt=0, lt=0.3, description="per base, homopolymers left out")
    longer_indels: float = Field(
        default=0.2, ge=0, le=0.8, description="share of those of n bp that are of n + 1 or more"
    )
    runs: StatedRuns
    colours: StatedColours | None = Field(default=None, description="of reads that are decoded from colours")
    spread: float = Field(default=0.4, ge=0, le=2, description="SD of ln(errors) from read to read")
    last_to_first: float = Field(
        default=1.0,
        ge=1,
        le=1000,
        description="how many times as often as a read's first base its last one is misread; qualities fall alike",
    )
    quality: StatedQualities
    linked: LinkedLibrary | None = Field(default=None, description="long molecules that barcodes tell")


class StatedPairs(Frozen):
    """A sequencer of pairs that err as those that were learnt from."""

    source: str = Field(min_length=1, description="where the numbers are from")
    platform: str = Field(default="", description="@RG PL; that of the learnt reads where it is empty")
    pairs: str = Field(min_length=1, description="file of learnt pairs (.npz), beside this one")
    linked: LinkedLibrary | None = Field(default=None, description="long molecules that barcodes tell")
    spliced: SplicedLibrary | None = Field(default=None, description="transcripts that pairs are of")

    @model_validator(mode="after")
    def _state_a_library(self) -> StatedPairs:
        if (self.linked is None) == (self.spliced is None):
            raise ValueError("either linked or spliced is to be stated")
        return self


def read_profile(path: Path) -> LearntReads:
    """Read how reads err, learnt (.npz) or stated (.json); raises InputError."""
    return read_stated(path) if path.suffix == STATED_SUFFIX else LearntReads.load(path)


def read_stated(path: Path) -> LearntReads:
    """Read a file of stated reads as if they had been learnt; raises InputError."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        of_pairs = isinstance(given, dict) and "pairs" in given
        stated = (StatedPairs if of_pairs else StatedReads).model_validate(given)
    except FileNotFoundError:
        raise InputError(f"'{path}' does not exist", repair="Check the path.") from None
    except (OSError, ValueError) as error:
        cause = explain(error) if isinstance(error, ValidationError) else str(error)
        raise InputError(
            f"'{path}' does not state how reads err",
            cause=cause,
            repair="docs/train-a-model.md tells what such a file holds.",
        ) from error
    if isinstance(stated, StatedPairs):
        learnt = LearntReads.load(path.parent / stated.pairs)
        return replace(
            learnt, platform=stated.platform or learnt.platform, linked=stated.linked, spliced=stated.spliced
        )
    return LearntReads(stated_profile(stated), stated.platform, stated.source, stated.linked)


def stated_profile(stated: StatedReads) -> ContextProfile:
    """Return the tables of a stated sequencer; the same for the same numbers."""
    factors = _class_factors(stated.spread)
    return ContextProfile(
        length=_lengths(stated.length),
        read_class=np.arange(_READS) % CLASSES,
        substitution_p=np.minimum(stated.substitution * factors, 0.5),
        substitution=_spectrum(stated.transitions),
        run_change=np.stack([_run_changes(stated.runs, factor) for factor in factors]),
        insertion_p=np.minimum(stated.insertion * factors, 0.5),
        deletion_p=np.minimum(stated.deletion * factors, 0.5),
        indel_length=_indel_lengths(stated.longer_indels),
        quality=_qualities(stated, factors),
        colour_p=np.minimum(stated.colours.error * factors, 0.5) if stated.colours else np.zeros(CLASSES),
        colour_mended_p=np.array([stated.colours.mended if stated.colours else 1.0]),
        along=_along(stated.last_to_first),
    )


def _quantiles(count: int) -> NDArray[np.float64]:
    """Normal deviates in the middle of ``count`` equal shares."""
    return np.array([NormalDist().inv_cdf((i + 0.5) / count) for i in range(count)])


def _class_factors(spread: float) -> NDArray[np.float64]:
    """How many times the mean read's errors reads of each class have, float64[CLASSES]; 1 on average."""
    factors = np.exp(spread * _quantiles(CLASSES))
    return factors / factors.mean()


def _along(last_to_first: float) -> NDArray[np.float64]:
    """How many times as often as in the whole read bases are misread in each part, float64[PARTS]: ever more often."""
    factors = last_to_first ** (np.arange(PARTS) / (PARTS - 1))
    return factors / factors.mean()


def _lengths(length: StatedLength) -> NDArray[np.int64]:
    """Lengths of which each class of reads has as many long as short ones."""
    variance = np.log1p((length.sd / length.mean) ** 2)
    drawn = np.exp(np.log(length.mean) - variance / 2 + np.sqrt(variance) * _quantiles(_READS))
    return np.rint(drawn).astype(np.int64)


def _spectrum(transitions: float) -> NDArray[np.float64]:
    p = np.full((4, 4), (1 - transitions) / 2)
    p[np.arange(4), np.arange(4)] = 0.0
    p[np.arange(4), _TRANSITION] = transitions
    return np.cumsum(p, axis=1)


def _run_errors(runs: StatedRuns) -> NDArray[np.float64]:
    """Share of reads that misread a homopolymer of each length, float64[LONGEST_RUN + 1]."""
    bp = np.arange(LONGEST_RUN + 1)
    odds = runs.error / (1 - runs.error) * runs.growth ** (bp - 1.0)
    errors = np.minimum(odds / (1 + odds), _MOST_RUN_ERROR)
    errors[0] = 0.0
    return errors


def _run_changes(runs: StatedRuns, factor: float) -> NDArray[np.float64]:
    """P(change) of each base and length, cumulative: float64[4, LONGEST_RUN + 1, 2 * MOST_CHANGE + 1]."""
    by = runs.by_more ** np.arange(MOST_CHANGE)
    longer, shorter = by / by.sum() * runs.too_long, by / by.sum() * (1 - runs.too_long)
    p = np.zeros((LONGEST_RUN + 1, 2 * MOST_CHANGE + 1))
    for length, error in enumerate(np.minimum(_run_errors(runs) * factor, _MOST_RUN_ERROR)):
        p[length, MOST_CHANGE + 1 :] = error * longer
        possible = min(length, MOST_CHANGE)  # no run gets shorter than nothing
        of_possible = shorter[:possible] / max(shorter[:possible].sum(), 1e-300) * (1 - runs.too_long)
        p[length, MOST_CHANGE - possible : MOST_CHANGE] = error * of_possible[::-1]
        p[length, MOST_CHANGE] = 1 - p[length].sum()
    return np.broadcast_to(np.cumsum(p, axis=-1), (4, *p.shape)).copy()


def _indel_lengths(longer: float) -> NDArray[np.float64]:
    bp = np.arange(LONGEST_INDEL + 1)
    p = np.where(bp > 0, longer ** np.maximum(bp - 1.0, 0.0), 0.0)
    return np.tile(np.cumsum(p / p.sum()), (2, 1))


def _qualities(stated: StatedReads, factors: NDArray[np.float64]) -> NDArray[np.float32]:
    """P(quality) of each class of reads, state and length of homopolymer, cumulative; not of the preceding base."""
    values = np.array(sorted(stated.quality.values))
    shares = np.array([stated.quality.values[int(value)] for value in values])
    run_error = _run_errors(stated.runs)[RUN_EDGES]
    falls = 10 * np.log10(run_error / run_error[0]) if stated.quality.runs_tell else np.zeros(len(RUN_EDGES))
    p = np.zeros((CLASSES, SLIPPED + 1, len(RUN_EDGES), QUALITIES))
    for of, factor in enumerate(factors):
        for run, fall in enumerate(falls):
            told = values - stated.quality.tell * 10 * np.log10(factor) - fall
            told = np.clip(np.rint(told), _LEAST_QUALITY, QUALITIES - 1).astype(np.int64)
            told = np.maximum(told, np.minimum(values, _LEAST_QUALITY))
            wrong = shares * 10 ** (-values / 10 * stated.quality.tell)
            for state in range(p.shape[1]):
                weights = shares if state == PLAIN else wrong
                np.add.at(p[of, state, run], told, weights / weights.sum())
    cumulative = np.cumsum(p, axis=-1).astype(np.float32)
    cumulative[..., -1] = 1.0
    return np.repeat(cumulative[:, :, :, None], len(PREVIOUS_EDGES), axis=3)
