"""Temperatures find what was done to logits, lapse rates how often answers tell nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

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


def test_what_less_sure_answers_show_holds_of_surer_ones() -> None:
    """1,000 right answers of 15 phred and 500 of 35 bound the lapses of the latter by 1,500, not by 500."""
    p, labels = _claiming({15.0: 1000, 35.0: 500}, wrong={})
    rates = dict(fit_lapse_rates(p, labels))
    assert 2 / 3 * rates[30.0] == pytest.approx(1 / 1500, rel=0.1)
    assert 2 / 3 * rates[10.0] == pytest.approx(1 / 1000, rel=0.1)
    p, labels = _claiming(
        {15.0: 1000, 35.0: 500}, wrong={15.0: 200}
    )  # and lapses of the former are no evidence
    assert 2 / 3 * dict(fit_lapse_rates(p, labels))[30.0] == pytest.approx(1 / 500, rel=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_lapse_rates_are_an_isotonic_regression(seed: int) -> None:
    """By pool adjacent violators, a slow twin: of sure answers, so many that one more is nothing."""
    random = np.random.default_rng(seed)
    claims = [40.0, 50.0, 60.0, 70.0, 80.0]
    counts = {claim: int(random.integers(4000, 40_000)) for claim in claims}
    wrong = {claim: int(counts[claim] * random.uniform(0.01, 0.2)) for claim in claims}

    def share(block: list[float]) -> float:
        return sum(wrong[claim] for claim in block) / sum(counts[claim] for claim in block)

    blocks: list[list[float]] = []
    for claim in claims:
        blocks.append([claim])
        while len(blocks) > 1 and share(blocks[-1]) > share(blocks[-2]):
            last = blocks.pop()
            blocks[-1] += last
    expected = {claim: 1.5 * share(block) for block in blocks for claim in block}
    found = dict(fit_lapse_rates(*_claiming(counts, wrong)))
    assert {claim: found[claim] for claim in claims} == pytest.approx(expected, rel=0.02)


def _claiming(
    counts: dict[float, int], wrong: dict[float, int]
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Answers that claim so many phred, so many of each, some wrong."""
    claims = np.repeat([*counts], [*counts.values()])
    doubt = 10 ** (-claims / 10)
    labels = np.concatenate([np.arange(n) < wrong.get(claim, 0) for claim, n in counts.items()])
    return np.stack([1 - doubt, doubt / 2, doubt / 2], axis=1), labels.astype(np.int8)
