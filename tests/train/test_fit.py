"""Fitting a network."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from dvplug.cli import main
from dvplug.errors import InputError, ManyProblems, ModelError
from dvplug.genotypes.binned_features import PIECES, edges_of
from dvplug.train import fit as fit_module
from dvplug.train.export import load_fit
from dvplug.train.fit import fit, predict
from dvplug.train.state import FitSettings
from dvplug.train.store import ExampleReader, Examples
from dvplug.train.tune import measure
from helpers.training_toys import TINY, toy_examples, write_shard

SETTINGS = FitSettings(architecture_settings=TINY, epochs=3, batch_size=32, learning_rate=1e-2)
LARGE = SETTINGS.model_copy(update={"batch_size": 64})
"""Of half as many steps, where it does not matter how much is learnt."""


@pytest.fixture
def shards(tmp_path: Path) -> tuple[list[Path], list[Path]]:
    """Training shards of 1,280 examples and a tune shard of 300."""
    train = [write_shard(tmp_path / f"train_{i}.h5", toy_examples(640, seed=i)) for i in range(2)]
    return train, [write_shard(tmp_path / "tune.h5", toy_examples(300, seed=9))]


def test_a_learnable_rule_is_learned_and_the_weights_kept_are_those_measured(
    shards: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    train, tune = shards
    state = fit(train, tune, SETTINGS, tmp_path / "fit")
    best = state.epochs[state.best].tune
    assert best.log_loss < 0.2
    assert best.error < 0.08
    assert {path.name for path in (tmp_path / "fit").iterdir()} == {
        "fit.json",
        "weights.safetensors",
        "learning_curve.png",
    }
    assert not (tmp_path / "fit.unfinished").exists()
    again, model = load_fit(tmp_path / "fit")
    assert again == state
    reader = ExampleReader(tune)
    measured = measure(predict(model, reader), reader.labels, reader.variant_types)
    assert measured.log_loss == pytest.approx(best.log_loss, abs=1e-5)


def test_batch_normalisation_knows_the_weights_that_are_kept(
    shards: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    """Its statistics are of the averaged weights, whose activations they stand for, not of the last step's."""
    import keras

    train, tune = shards
    fit(
        train,
        tune,
        SETTINGS.model_copy(update={"epochs": 1, "batch_size": 16, "average": 1.0}),
        tmp_path / "fit",
    )
    _, model = load_fit(tmp_path / "fit")
    examples = next(ExampleReader(train).shuffled(1280, 1))
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert layers
    for layer in layers:
        before = keras.Model(model.inputs, layer.input)
        seen = np.asarray(before.predict_on_batch([examples.images, examples.features]))
        mean, sd = seen.mean(axis=(0, 1, 2)), seen.std(axis=(0, 1, 2))
        assert np.abs((np.asarray(layer.moving_mean.value) - mean) / sd).max() < 0.2
        np.testing.assert_allclose(np.sqrt(np.asarray(layer.moving_variance.value)), sd, rtol=0.15)


def test_an_interrupted_fit_goes_on_where_it_stopped(
    shards: tuple[list[Path], list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, tune = shards
    whole = fit(train, tune, LARGE, tmp_path / "whole")
    train_epoch = fit_module._train_epoch

    def interrupted(*given: Any) -> tuple:
        epoch = given[4]
        if epoch == 2:
            raise KeyboardInterrupt
        return train_epoch(*given)

    monkeypatch.setattr(fit_module, "_train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(train, tune, LARGE, tmp_path / "parts")
    assert not (tmp_path / "parts").exists()
    other = LARGE.model_copy(update={"seed": 2})
    with pytest.raises(InputError, match="unfinished fit with other settings"):
        fit(train, tune, other, tmp_path / "parts")
    monkeypatch.setattr(fit_module, "_train_epoch", train_epoch)
    parts = fit(train, tune, LARGE, tmp_path / "parts")
    assert len(parts.epochs) == 3
    # Optimiser state and learning rate go on too: the last epoch learns as in one go.
    np.testing.assert_allclose(
        parts.epochs[2].train_losses, whole.epochs[2].train_losses, rtol=0.02, atol=2e-3
    )


def test_it_stops_when_nothing_gets_better(
    shards: tuple[list[Path], list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([0.5, 0.3, 0.4, 0.31, 0.1])
    real = fit_module.measure
    monkeypatch.setattr(
        fit_module, "measure", lambda *a: real(*a).model_copy(update={"log_loss": next(losses)})
    )
    train, tune = shards
    state = fit(train, tune, LARGE.model_copy(update={"epochs": 9, "patience": 2}), tmp_path / "fit")
    assert (len(state.epochs), state.best, state.stopped_by) == (4, 1, "convergence")


def test_it_stops_when_its_hours_are_over_those_before_an_interruption_included(
    shards: tuple[list[Path], list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock on which each look takes a second: forty batches an epoch, and some looks beside."""
    clock = itertools.count()
    monkeypatch.setattr(fit_module, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    train, tune = shards
    limited = SETTINGS.model_copy(update={"epochs": 9, "patience": 9, "max_hours": 100 / 3600})
    train_epoch = fit_module._train_epoch

    def interrupted(*given: Any) -> tuple:
        epoch = given[4]
        if epoch == 1:
            raise KeyboardInterrupt
        return train_epoch(*given)

    monkeypatch.setattr(fit_module, "_train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(train, tune, limited, tmp_path / "fit")
    monkeypatch.setattr(fit_module, "_train_epoch", train_epoch)
    state = fit(train, tune, limited, tmp_path / "fit")
    assert (len(state.epochs), state.stopped_by) == (3, "hours")
    seconds = [epoch.seconds or 0 for epoch in state.epochs]
    assert seconds[0] == seconds[1] > 40 > seconds[2]  # the third ended where it was
    assert 100 <= sum(seconds) < 103
    other = limited.model_copy(update={"epochs": 1, "max_hours": None})
    assert fit(train, tune, other, tmp_path / "whole").epochs[0].seconds is None


def test_class_weights_shift_the_errors(shards: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    train, tune = shards
    errors = {}
    for name, weights in (("het", (0.02, 1.0, 0.02)), ("others", (1.0, 0.02, 1.0))):
        settings = SETTINGS.model_copy(update={"class_weights": weights, "epochs": 1})
        errors[name] = fit(train, tune, settings, tmp_path / name).epochs[0].tune.error_by_label[1]
    assert errors["het"] < errors["others"]


@pytest.mark.parametrize(
    "options",
    [
        ["--keep", "0", "1", "1"],
        ["--keep", "1", "2", "1"],  # more than all, for which the weights would be corrected
        ["--class-weights", "1", "-1", "1"],
        ["--class-weights", "0", "0", "0"],
        ["--class-weights", "nan", "1", "1"],
        ["--class-weights", "inf", "1", "1"],
        ["--learning-rate", "inf"],
        ["--epochs", "0"],
        ["--snps-as-before", "-1"],
        ["--seed", "4294967296"],
    ],
    ids=" ".join,
)
def test_settings_out_of_range_are_refused_by_the_command(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["train", "fit", "x.h5", "--tune", "y.h5", "--out", str(tmp_path / "z"), *options])
    assert options[0][2:].replace("-", "_") in (said := capsys.readouterr().err)
    assert "out of range" in said


def test_thinning_a_class_leaves_its_prior(tmp_path: Path) -> None:
    """Labels that nothing shows: the network can only learn how common each is, of all, not of those it was shown."""
    random, examples = np.random.default_rng(12), toy_examples(3000, seed=12)
    labels = random.choice(3, 3000, p=(0.8, 0.15, 0.05)).astype(np.int8)
    blind = Examples(np.zeros_like(examples.images), np.zeros_like(examples.features), labels)
    train = [write_shard(tmp_path / "train.h5", blind)]
    tune = [write_shard(tmp_path / "tune.h5", blind.take(slice(0, 300)))]
    settings = LARGE.model_copy(update={"keep": (0.2, 1.0, 1.0), "epochs": 8, "label_smoothing": 0.0})
    fit(train, tune, settings, tmp_path / "fit")
    _, model = load_fit(tmp_path / "fit")
    assert predict(model, ExampleReader(tune))[0] == pytest.approx([0.8, 0.15, 0.05], abs=0.05)


def test_a_diverging_fit_fails_and_says_so(tmp_path: Path) -> None:
    shard, tune = (
        [write_shard(tmp_path / f"{name}.h5", toy_examples(200, seed=0))] for name in ("shard", "tune")
    )
    settings = SETTINGS.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(InputError, match=r"the loss is (nan|inf) in epoch 1: training diverged"):
        fit(shard, tune, settings, tmp_path / "fit")
    assert not (tmp_path / "fit").exists()


def test_a_shard_damaged_midway_stops_the_fit(
    shards: tuple[list[Path], list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Examples:
        raise OSError("bad sector")

    monkeypatch.setattr("dvplug.train.store._read", broken)
    with pytest.raises(OSError, match="bad sector"):
        fit(*shards, SETTINGS, tmp_path / "fit")


def test_what_cannot_be_fitted_is_refused(shards: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    train, tune = shards
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match="taken' exists already"):
        fit(train, tune, SETTINGS, tmp_path / "taken")
    with pytest.raises(InputError, match="1280 examples do not fill a batch of 2000"):
        fit(train, tune, SETTINGS.model_copy(update={"batch_size": 2000}), tmp_path / "fit")
    other = [write_shard(tmp_path / "other.h5", toy_examples(5, seed=0), encoder_version=2)]
    with pytest.raises(InputError, match="training and tune examples differ in encoder_version"):
        fit(train, other, SETTINGS, tmp_path / "fit")


def test_measures_on_a_worked_example() -> None:
    probabilities = np.array(
        [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.0, 0.04, 0.96], [0.1, 0.8, 0.1]], np.float32
    )
    labels, types = np.array([0, 1, 2, 1], np.int8), np.array([0, 0, 1, 2], np.int8)
    metrics = measure(probabilities, labels, types)
    assert metrics.log_loss == pytest.approx(-np.log([0.8, 0.3, 0.96, 0.8]).mean(), abs=1e-6)
    assert metrics.confusion == ((1, 0, 0), (1, 1, 0), (0, 0, 1))
    assert metrics.error_by_label == (0.0, 0.5, 0.0)
    assert metrics.error_by_type == {"snp": 0.5, "insertion": 0.0, "deletion": 0.0}
    # Bins of best probability: .6 (wrong), .8 and .8 (right), .96 (right).
    assert [bin_.examples for bin_ in metrics.calibration] == [1, 2, 1]
    assert metrics.calibration_error == pytest.approx((0.6 + 2 * 0.2 + 0.04) / 4, abs=1e-6)


def test_a_fit_that_brings_nothing_better_keeps_the_weights_it_began_with(
    shards: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    """Learning at such a rate undoes what was learnt; at a small one more is."""
    train, tune = shards
    first = fit(train, tune, SETTINGS.model_copy(update={"epochs": 1}), tmp_path / "first")
    harmful = FitSettings(epochs=1, batch_size=64, learning_rate=1.0, warm_up=0.0)
    state = fit(train, tune, harmful, tmp_path / "harmed", tmp_path / "first")
    assert state.before is not None
    assert state.start_is_kept
    assert state.kept == state.before
    assert state.before.log_loss == pytest.approx(first.kept.log_loss, abs=1e-4)
    assert state.before.log_loss < state.epochs[0].tune.log_loss
    ours, theirs = (load_file(tmp_path / name / "weights.safetensors") for name in ("harmed", "first"))
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    gentle = harmful.model_copy(update={"learning_rate": 5e-3, "epochs": 2})
    better = fit(train, tune, gentle, tmp_path / "better", tmp_path / "first")
    assert not better.start_is_kept
    assert better.kept == better.epochs[better.best].tune
    assert better.kept.log_loss < first.kept.log_loss


def test_what_a_fit_starts_from_is_not_corrected_for_a_share_that_it_did_not_learn(
    shards: tuple[list[Path], list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model knows how common genotypes are; a fit that learns nothing, shown half of one, must know the same."""
    train, tune = shards
    fit(train, tune, SETTINGS.model_copy(update={"epochs": 1}), tmp_path / "first")
    idle = FitSettings(epochs=1, batch_size=32, learning_rate=1e-9, weight_decay=0.0, keep=(0.5, 1.0, 0.25))
    losses, real = iter([0.5, 0.3]), fit_module.measure
    monkeypatch.setattr(
        fit_module, "measure", lambda *a: real(*a).model_copy(update={"log_loss": next(losses)})
    )
    state = fit(train, tune, idle, tmp_path / "idle", tmp_path / "first")
    assert not state.start_is_kept
    first, kept = (load_file(tmp_path / name / "weights.safetensors") for name in ("first", "idle"))
    np.testing.assert_allclose(kept["logits/bias"], first["logits/bias"], atol=1e-5)
    np.testing.assert_allclose(kept["logits/kernel"], first["logits/kernel"], atol=1e-5)


def narrow_rule(n: int, seed: int) -> Examples:
    """Images that say nothing; the label is heterozygous where a feature lies in a hundredth of its range."""
    random = np.random.default_rng(seed)
    noise = random.random(n)
    within = random.random(n) < 0.5
    near = np.where(within, random.uniform(0.50, 0.51, n), noise)
    labels = ((near > 0.5) & (near < 0.51)).astype(np.int8)
    features = np.stack([np.ones(n), near], axis=1).astype(np.float32)
    return Examples(np.zeros((n, *toy_examples(1, 0).images.shape[1:]), np.uint8), features, labels)


def test_what_hangs_on_a_little_of_a_feature_is_learnt_in_pieces(tmp_path: Path) -> None:
    train = [write_shard(tmp_path / "train.h5", narrow_rule(3000, 1))]
    tune = [write_shard(tmp_path / "tune.h5", narrow_rule(600, 2))]
    losses, settings = {}, LARGE.model_copy(update={"label_smoothing": 0.0, "patience": 9})
    for bins in (0, 16):
        told = settings.model_copy(update={"architecture_settings": TINY | {"feature_bins": bins}})
        losses[bins] = fit(train, tune, told, tmp_path / f"in_{bins}").kept.log_loss
    assert losses[16] < 0.5 * losses[0]
    _, model = load_fit(tmp_path / "in_16")
    kernel, _ = model.get_layer(PIECES).get_weights()
    features = ExampleReader(train).some_features(10_000, 1)
    assert len(features) == 3000
    width = np.diff(edges_of(features, 16)[1])
    told_apart = width >= 1e-3
    np.testing.assert_allclose(kernel[1, 16:][told_apart], 1 / width[told_apart], rtol=1e-4)


def test_pieces_may_be_asked_for_on_top_of_what_a_fit_starts_from(
    shards: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    """Which knows then what it knew: the fit measures it before it begins."""
    train, tune = shards
    first = fit(train, tune, SETTINGS.model_copy(update={"epochs": 1}), tmp_path / "first")
    told = FitSettings(architecture_settings={"feature_bins": 4}, epochs=1, batch_size=64)
    second = fit(train, tune, told, tmp_path / "second", tmp_path / "first")
    assert second.before is not None
    assert second.before.log_loss == pytest.approx(first.kept.log_loss, abs=1e-4)
    assert second.settings.architecture_settings == TINY | {"feature_bins": 4}
    both = told.model_copy(update={"architecture_settings": TINY | {"feature_bins": 4}})
    for start in ("first", "second"):  # all settings named, those that it has and the pieces asked for
        named = fit(train, tune, both, tmp_path / f"named-{start}", tmp_path / start)
        assert named.settings.architecture_settings == TINY | {"feature_bins": 4}
    plain = FitSettings(epochs=1, batch_size=64)
    third = fit(train, tune, plain, tmp_path / "third", tmp_path / "second")
    assert third.settings.architecture_settings == TINY | {"feature_bins": 4}
    edges = [
        load_file(tmp_path / name / "weights.safetensors")[f"{PIECES}/kernel"] for name in ("second", "third")
    ]
    np.testing.assert_array_equal(*edges)
    other = FitSettings(architecture_settings={"feature_bins": 5})
    with pytest.raises(ModelError, match="are for another network than that of the fit 'second'"):
        fit(train, tune, other, tmp_path / "fourth", tmp_path / "second")
    more = {"features": ("depth", "noise", "more")}
    wider = toy_examples(64, seed=1)
    wider = Examples(wider.images, np.pad(wider.features, [(0, 0), (0, 1)]), wider.labels)
    wide = [write_shard(tmp_path / f"{name}.h5", wider, **more) for name in ("wide", "wide_tune")]
    with pytest.raises(ModelError, match="features that follow behind those of the fit 'second'"):
        fit(wide[:1], wide[1:], plain, tmp_path / "fourth", tmp_path / "second")


def test_the_layers_of_the_image_stay_where_they_are_kept(
    shards: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    train, tune = shards
    dropping = {"epochs": 1, "architecture_settings": TINY | {"dropout": 0.5}}
    first_fit = fit(train, tune, SETTINGS.model_copy(update=dropping), tmp_path / "first")
    kept = FitSettings(epochs=1, batch_size=64, learning_rate=1e-2, image_kept=True)
    state = fit(train, tune, kept, tmp_path / "second", tmp_path / "first")
    assert not state.start_is_kept
    assert state.settings.architecture_settings == first_fit.settings.architecture_settings
    idle = kept.model_copy(update={"learning_rate": 1e-9, "weight_decay": 0.0, "label_smoothing": 0.0})
    (losses,) = fit(train, tune, idle, tmp_path / "idle", tmp_path / "first").epochs
    assert losses.train_losses[-1] < 1.2 * losses.tune.log_loss  # nothing is left out
    first, second = (load_file(tmp_path / name / "weights.safetensors") for name in ("first", "second"))
    differs = {name.split("/")[0] for name in first if not np.array_equal(first[name], second[name])}
    assert differs == {"features_1", "features_2", "head", "logits"}
    with pytest.raises(
        InputError, match="the image's layers cannot be kept as they are: the fit starts from random"
    ):
        fit(train, tune, kept, tmp_path / "third")


def test_snps_are_answered_as_before(tmp_path: Path) -> None:
    """Of examples whose labels are turned where they are SNPs, nothing is learnt of these."""
    kind, errors = {"features": ("depth", "is_snp")}, {}

    def examples(n: int, seed: int, *, turned: bool = False) -> Examples:
        one, snp = toy_examples(n, seed), np.arange(n) % 2
        labels = np.where((snp == 1) & turned, 2 - one.labels, one.labels).astype(np.int8)
        return Examples(one.images, np.stack([one.features[:, 0], snp], axis=1).astype(np.float32), labels)

    plain = [write_shard(tmp_path / "plain.h5", examples(960, 1), **kind)]
    turned = [write_shard(tmp_path / "turned.h5", examples(1920, 2, turned=True), **kind)]
    tune = [write_shard(tmp_path / "tune.h5", examples(300, 3), **kind)]
    fit(plain, tune, SETTINGS.model_copy(update={"epochs": 2}), tmp_path / "first")
    for times in (0.0, 1.0):
        again = FitSettings(epochs=2, batch_size=32, learning_rate=1e-2, snps_as_before=times)
        state = fit(turned, tune, again, tmp_path / f"times_{times:g}", tmp_path / "first")
        errors[times] = state.epochs[0].tune.error
    assert errors[0.0] > 0.25
    assert errors[1.0] < 0.12
    with pytest.raises(
        InputError, match="SNPs cannot be answered as before: the fit does not start from a model"
    ):
        fit(turned, tune, again, tmp_path / "third")
    nameless = [write_shard(tmp_path / f"{name}.h5", toy_examples(64, seed=1)) for name in ("a", "b")]
    fit(nameless[:1], nameless[1:], LARGE.model_copy(update={"epochs": 1}), tmp_path / "nameless")
    with pytest.raises((InputError, ManyProblems), match="no feature of the examples is 'is_snp'"):
        fit(nameless[:1], nameless[1:], again, tmp_path / "third", tmp_path / "nameless")
