"""What a manifest states of the reads that a model was trained on."""

from __future__ import annotations

import numpy as np
import pytest

from dvplug.calling.familiarity import quality_table
from dvplug.errors import InputError
from dvplug.inputs.run_sample import RunSample
from dvplug.train.trained_range import UsualRules, trained_on


def run(quality: int, **measures: float) -> RunSample:
    shares = np.zeros(41)
    shares[[10, quality]] = 0.2, 0.8
    return RunSample(reads=1000, measures=measures, fragment_length=300 + quality, base_quality=tuple(shares))


RUNS = [
    run(
        40,
        with_fragment_length=1.0,
        read_length=150,
        reverse_strand=0.55,
        distinct_starts=0.5,
        mapping_quality=60,
    ),
    run(
        36,
        with_fragment_length=0.95,
        read_length=100,
        reverse_strand=0.5,
        distinct_starts=0.9,
        mapping_quality=60,
    ),
]


def test_limits_hold_every_set_and_are_somewhat_wider() -> None:
    measures = ("with_fragment_length", "read_length", "reverse_strand", "distinct_starts", "mapping_quality")
    found = trained_on(RUNS, UsualRules(measures=measures)).runs
    assert set(found) == set(measures)
    for name in measures:
        for one in RUNS:
            assert found[name].hold(one.measures[name])
    assert not found["with_fragment_length"].hold(0.5)
    assert not found["read_length"].hold(36)
    assert not found["reverse_strand"].hold(1)
    assert found["reverse_strand"].hold(0.45)
    assert not found["distinct_starts"].hold(0.1)
    assert found["distinct_starts"].hold(0.3)


def test_what_no_set_shows_has_no_limits() -> None:
    assert trained_on([RunSample()], UsualRules(measures=("read_length",))).runs == {}


def test_usual_values_are_medians_and_shares_means() -> None:
    features = np.array([[0.1, 5], [0.9, 6], [0.3, 7]], np.float32)
    rules = UsualRules(
        measures=("base_quality", "with_fragment_length", "distinct_starts"),
        fragment_length=True,
        base_quality=True,
        features_outside={"starts": "distinct_starts", "near": "distinct_starts"},
        features_above={"near": 6.5},
        unless_above={"near": {"starts": 0.25}},
    )
    found = trained_on(
        [run(40, base_quality=40), run(36, distinct_starts=1, with_fragment_length=1, base_quality=36)],
        rules,
        ("starts", "near"),
        features,
    )
    assert found.reads.fragment_length == 338
    assert [found.reads.base_quality[q] for q in (10, 36, 40)] == pytest.approx([0.2, 0.4, 0.4])
    assert found.runs["base_quality"].low == 36
    assert found.features["starts"].value == pytest.approx(0.3)
    assert (found.features["near"].value, found.features["near"].limits.high) == (6, 6.5)  # type: ignore[union-attr]
    assert found.features["near"].unless == {"starts": 0.25}


def test_a_feature_that_is_not_there_is_an_error() -> None:
    with pytest.raises(InputError, match="feature starts was not measured"):
        trained_on(
            RUNS, UsualRules(measures=("distinct_starts",), features_outside={"starts": "distinct_starts"})
        )


def test_qualities_are_within_limits_that_any_set_has() -> None:
    """Of seven sets six have qualities of 40: the seventh was trained on as well."""
    runs = [run(40, base_quality=40)] * 6 + [run(20, base_quality=20)]
    assert trained_on(runs, UsualRules(measures=("base_quality",))).runs["base_quality"].low == 20
    assert trained_on(runs[:6], UsualRules(measures=("base_quality",))).runs["base_quality"].low == 40


def test_where_all_bases_have_one_quality_others_are_taken_for_it() -> None:
    """As machines write it that know of none: what another file has in its place says no more."""
    rules = UsualRules(measures=("base_quality",))
    flat = [
        RunSample(reads=9, measures={"base_quality": 2.0}, base_quality=(0.0, 0.0, 1.0)) for _ in range(2)
    ]
    trained = trained_on(flat, rules)
    assert trained.runs["base_quality"].hold(2)
    assert not trained.runs["base_quality"].hold(17)
    assert not trained.runs["base_quality"].hold(0)
    assert quality_table((0.0,) * 17 + (1.0,), trained.reads.base_quality)[17] == 2
    # Several qualities tell something, and a higher one is as good.
    told = [*flat, RunSample(reads=9, measures={"base_quality": 30.0}, base_quality=(0.0,) * 30 + (1.0,))]
    told = [one.model_copy(update={"base_quality": (*one.base_quality, *[0.0] * 31)[:31]}) for one in told]
    assert trained_on(told, rules).reads.base_quality == ()
    assert trained_on(told, rules).runs["base_quality"].hold(40)
