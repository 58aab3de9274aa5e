"""Strategies for technologies with few examples, and the sequencing type that two technologies' examples share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dvplug.errors import InputError
from dvplug.genotypes.networks import build, fold_sequencing_type, predict_batch
from dvplug.train.compare import (
    JOINT,
    MIXED,
    TARGET_ONLY,
    WARM_START,
    compare_strategies,
    count_genotypes,
)
from dvplug.train.export import load_fit
from dvplug.train.fit import fit, predict
from dvplug.train.fit_inputs import epoch_steps
from dvplug.train.state import FitSettings
from dvplug.train.store import ExampleReader, Examples
from helpers.training_toys import FEATURES, LAYOUT, TINY, toy_examples, write_shard

SETTINGS = FitSettings(architecture_settings=TINY, epochs=2, batch_size=32, learning_rate=1e-2)


def test_a_folded_network_answers_as_the_typed_one_does_for_its_type() -> None:
    typed = build("small-cnn", TINY | {"sequencing_types": 3}, LAYOUT.shape, len(FEATURES) + 3)
    plain = build("small-cnn", TINY, LAYOUT.shape, len(FEATURES))
    random, examples = np.random.default_rng(3), toy_examples(20, seed=3)
    for name in ("head", "logits"):
        layer = typed.get_layer(name)
        layer.set_weights([random.normal(0, 0.3, weight.shape) for weight in layer.weights])
    answers = []
    for chosen in range(3):
        fold_sequencing_type(typed, plain, 3, chosen)
        features = np.hstack([examples.features, np.tile(np.eye(3, dtype=np.float32)[chosen], (20, 1))])
        expected = predict_batch(typed, examples.images, features)
        np.testing.assert_allclose(
            predict_batch(plain, examples.images, examples.features), expected, atol=1e-5
        )
        answers.append(expected)
    assert np.abs(answers[0] - answers[1]).max() > 1e-3


def test_the_reader_tells_technologies_apart(tmp_path: Path) -> None:
    shards = [
        write_shard(tmp_path / f"{name}.h5", toy_examples(n, seed=n), technology=name)
        for name, n in (("toy", 70), ("other", 90))
    ]
    reader = ExampleReader(shards, ("toy", "other"))
    features = np.concatenate([part.features for part in reader.in_order()])
    assert features.shape == (160, len(FEATURES) + 2)
    np.testing.assert_array_equal(features[:, -2], np.arange(160) < 70)
    np.testing.assert_array_equal(features[:, -1], np.arange(160) >= 70)
    shuffled = np.concatenate([part.features for part in reader.shuffled(10, 1)])
    assert shuffled[:, -2].sum() == 70
    with pytest.raises(InputError, match="examples of other"):
        ExampleReader(shards, ("toy",))


def shifted(n: int, seed: int) -> Examples:
    """Examples of a technology whose alternate alleles look like the other's references."""
    examples = toy_examples(n, seed)
    images = examples.images.copy()
    images[..., 1] = np.where(images[..., 1] > 0, 310 - images[..., 1].astype(int), 0)
    return Examples(images, examples.features, examples.labels)


def test_a_joint_fit_learns_what_differs_by_type(tmp_path: Path) -> None:
    """Nothing but the sequencing type tells the two technologies apart: only the type can make both learnable."""
    train = [
        write_shard(tmp_path / "target.h5", toy_examples(960, seed=1)),
        write_shard(tmp_path / "other.h5", shifted(960, seed=2), technology="other"),
    ]
    tune = [write_shard(tmp_path / "tune.h5", toy_examples(200, seed=3))]
    settings = SETTINGS.model_copy(update={"sequencing_types": ("toy", "other"), "epochs": 6})
    fit(train, tune, settings, tmp_path / "joint")
    state, model = load_fit(tmp_path / "joint")
    reader = ExampleReader(tune)
    assert state.epochs[state.best].tune.error < 0.15
    assert (predict(model, reader).argmax(axis=1) != reader.labels).mean() < 0.15


def test_strategies_are_fitted_on_one_budget_and_counted(tmp_path: Path) -> None:
    target = [write_shard(tmp_path / "target.h5", toy_examples(320, seed=1))]
    source = [write_shard(tmp_path / "source.h5", toy_examples(960, seed=2), technology="other")]
    tune = [write_shard(tmp_path / "tune.h5", toy_examples(200, seed=3))]
    test = [write_shard(tmp_path / f"test_{i}.h5", toy_examples(200, seed=4 + i)) for i in range(2)]
    fit(source, tune, SETTINGS, tmp_path / "source")
    out = tmp_path / "out"
    settings = SETTINGS.model_copy(update={"keep": (0.5, 1.0, 1.0)})
    arguments = (target, tune, test, source, tmp_path / "source", settings, 40, out)
    found = compare_strategies(*arguments)
    assert {(one.strategy, one.shard) for one in found.tested} == {
        (strategy, shard)
        for strategy in (TARGET_ONLY, MIXED, WARM_START, JOINT)
        for shard in ("test_0", "test_1")
    }
    both = [*target, *source]
    for strategy, shards in ((TARGET_ONLY, target), (MIXED, both), (WARM_START, target), (JOINT, both)):
        state, model = load_fit(out / strategy)
        shown = epoch_steps(ExampleReader(shards, state.settings.sequencing_types), state.settings)
        assert abs(shown * state.settings.epochs - 40) <= 4
        reader = ExampleReader(test[:1])
        counts = count_genotypes(predict(model, reader), reader.labels, reader.variant_types)
        (tested,) = [one for one in found.tested if (one.strategy, one.shard) == (strategy, "test_0")]
        assert (tested.snp, tested.indel) == counts
    assert found.best == min(found.tune_log_loss, key=found.tune_log_loss.__getitem__)
    assert compare_strategies(*arguments) == found  # from what lies there
    with pytest.raises(InputError, match="target-only' is a fit with other settings"):
        compare_strategies(*arguments[:6], 80, out)
    with pytest.raises(InputError, match="both of toy"):
        compare_strategies(target, tune, test, target, tmp_path / "source", SETTINGS, 40, out)


def test_a_wrong_genotype_is_false_and_missed() -> None:
    probabilities = np.eye(3, dtype=np.float32)[[0, 1, 2, 1, 0, 2, 1]]
    labels, types = np.array([0, 1, 1, 0, 2, 2, 1], np.int8), np.array([0, 0, 0, 0, 0, 1, 2], np.int8)
    snp, indel = count_genotypes(probabilities, labels, types)
    assert (snp.tp, snp.fp, snp.fn) == (1, 2, 2)
    assert (indel.tp, indel.fp, indel.fn, indel.f1) == (2, 0, 0, 1.0)
