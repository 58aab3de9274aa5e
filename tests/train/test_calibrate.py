"""Temperatures find what was done to logits, lapse rates how often answers tell nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dvplug.genotypes.networks import build, logits_batch, predict_batch, softmax
from dvplug.train.calibrate import HIGHEST, calibrate, fit_lapse_rate, fit_lapse_rates, fit_temperatures
from dvplug.train.store import ExampleReader
from helpers.training_toys import FEATURES, LAYOUT, TINY, toy_examples, write_shard


@pytest.mark.parametrize("temperatures", [(1.0, 1.0, 1.0), (2.0, 2.0, 2.0), (0.7, 1.5, 2.5)])
def test_temperatures_that_were_put_in_are_found(temperatures: tuple[float, float, float]) -> None:
    random = np.random.default_rng(4)
    true = random.normal(0, 3, (60_000, 3)).astype(np.float32)
    p = softmax(true)
    labels = (random.random(len(p))[:, None] > np.cumsum(p, axis=1)).sum(axis=1).clip(0, 2).astype(np.int8)
    found = fit_temperatures(true * np.asarray(temperatures, np.float32), labels)
    assert found == pytest.approx(temperatures, rel=0.05)


def test_hopeless_logits_stay_within_bounds() -> None:
    random = np.random.default_rng(5)
    logits = random.normal(0, 10, (3000, 3)).astype(np.float32)
    assert max(fit_temperatures(logits, random.integers(0, 3, 3000).astype(np.int8))) == pytest.approx(
        HIGHEST
    )


def test_the_network_itself_is_divided(tmp_path: Path) -> None:
    examples = toy_examples(300, seed=6)
    tune = ExampleReader([write_shard(tmp_path / "tune.h5", examples)])
    model = build("small-cnn", TINY, LAYOUT.shape, len(FEATURES))
    before = logits_batch(model, examples.images, examples.features)
    temperatures = calibrate(model, tune)
    after = logits_batch(model, examples.images, examples.features)
    np.testing.assert_allclose(after, before / np.asarray(temperatures), atol=1e-4)
    np.testing.assert_allclose(
        predict_batch(model, examples.images, examples.features), softmax(after), atol=1e-6
    )


@pytest.mark.parametrize("rate", [0.002, 0.03])
def test_a_lapse_rate_that_was_put_in_is_found(rate: float) -> None:
    random = np.random.default_rng(7)
    p = softmax(random.normal(0, 6, (80_000, 3)).astype(np.float32)).astype(np.float64)
    drawn = (random.random(len(p))[:, None] > np.cumsum(p, axis=1)).sum(axis=1).clip(0, 2)
    lapsed = random.random(len(p)) < rate
    labels = np.where(lapsed, random.integers(0, 3, len(p)), drawn).astype(np.int8)
    assert fit_lapse_rate(p, labels) == pytest.approx(rate, rel=0.25)


@pytest.mark.parametrize("examples", [50, 4000])
def test_no_call_is_surer_than_the_examples_can_show(examples: int) -> None:
    certain = np.tile([1.0, 0.0, 0.0], (examples, 1))
    rate = fit_lapse_rate(certain, np.zeros(examples, np.int8))
    assert 2 / 3 * rate == pytest.approx(1 / examples, rel=0.1)
    assert fit_lapse_rate(np.zeros((0, 3)), np.zeros(0, np.int8)) == 0.5


def test_lapse_rates_are_those_of_answers_so_sure() -> None:
    """Answers of 20 and 50 phred that lapse unlike often are told apart, and never do surer ones lapse more."""
    random = np.random.default_rng(3)
    claims = np.repeat([20.0, 50.0, 70.0], [20_000, 60_000, 100])
    wrong = 10 ** (-claims / 10)
    p = np.stack([1 - wrong, wrong / 2, wrong / 2], axis=1)
    labels = (random.random(len(p))[:, None] > np.cumsum(p, axis=1)).sum(axis=1).clip(0, 2)
    lapsed = random.random(len(p)) < np.where(claims < 30, 0.05, 0.001)
    labels = np.where(lapsed, random.integers(0, 3, len(p)), labels).astype(np.int8)
    rates = dict(fit_lapse_rates(p, labels))
    assert [*rates] == [
        0.0,
        20.0,
        50.0,
    ]  # the few of 70 are joined with those of 50; of less than 20 there are none
    assert rates[20.0] == pytest.approx(0.05, rel=0.1)
    assert rates[50.0] == pytest.approx(0.001, rel=0.5)
    always = np.tile([0.999, 0.0005, 0.0005], (3000, 1))
    never_right = fit_lapse_rates(
        np.concatenate([p, always]), np.concatenate([labels, np.ones(3000, np.int8)])
    )
    assert [rate for _, rate in never_right] == sorted((rate for _, rate in never_right), reverse=True)
