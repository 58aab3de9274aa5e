"""Warm starts: the network is that of the model or fit that is started from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dvplug.cli import main
from dvplug.errors import InputError, ModelError
from dvplug.genotypes.networks import build, predict_batch
from dvplug.genotypes.weights import load_weights, save_weights
from dvplug.models import load_model
from dvplug.plugins.loading import installed_plugins
from dvplug.technology import ImageLayout
from dvplug.train.fit import fit
from dvplug.train.starting_point import StartingPoint, read_starting_point
from dvplug.train.state import FitSettings, read_fit
from dvplug.train.store import Examples
from dvplug_registry.manifest import Manifest
from helpers.training_toys import LAYOUT, TINY, header, toy_examples, write_shard

SHIPPED = ("illumina-wgs", "illumina-wes", "pacbio", "ont", "ion")


def drawn_as(manifest: Manifest) -> dict[str, object]:
    """What a shard's header says of examples that are drawn as a model's were."""
    return {
        "technology": manifest.technology,
        "layout": ImageLayout(**manifest.image.model_dump()),
        "features": manifest.features,
        "encoder": manifest.encoder.name,
        "encoder_version": manifest.encoder.version,
        "feature_sets": tuple((one.name, one.version) for one in manifest.feature_sets),
    }


def noise(manifest: Manifest, n: int, seed: int) -> Examples:
    random = np.random.default_rng(seed)
    return Examples(
        random.integers(0, 255, (n, *manifest.image.shape), np.uint8),
        random.random((n, len(manifest.features)), np.float32),
        random.integers(0, 3, n).astype(np.int8),
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_model_can_be_started_from(name: str) -> None:
    manifest = load_model(installed_plugins(), name).manifest
    start = read_starting_point(name)
    settings = start.settings_for(FitSettings(), header(**drawn_as(manifest)))
    assert settings.architecture_settings == manifest.architecture_settings
    network = build(
        settings.architecture, settings.architecture_settings, manifest.image.shape, len(manifest.features)
    )
    before = network.get_layer("features_1").kernel.numpy().copy()
    load_weights(network, start.weights)
    assert np.abs(network.get_layer("features_1").kernel.numpy() - before).max() > 0.01


def test_one_network_told_the_type_begins_as_both_shipped_models_are() -> None:
    """So one model in the place of the two costs nothing before it is trained, told the right type or the wrong one."""
    models = [load_model(installed_plugins(), name) for name in ("illumina-wgs", "illumina-wes")]
    types, (manifest, _) = len(models), (one.manifest for one in models)
    features, shape = len(manifest.features), manifest.image.shape
    settings = manifest.architecture_settings
    typed = build("small-cnn", settings | {"sequencing_types": types}, shape, features + types)
    read_starting_point("illumina-wgs").load_into(typed)
    plain = build("small-cnn", settings, shape, features)
    for model, told in zip(models, np.eye(types, dtype=np.float32), strict=True):
        load_weights(plain, model.path("weights"))
        with np.load(model.folder / "known_answer.npz") as known:
            images, own = known["images"], known["features"]
        expected = predict_batch(plain, images, own)
        assert expected.min(axis=0).max() < 0.1 < 0.9 < expected.max(axis=0).min()
        for given in (told, told[::-1]):
            with_type = np.hstack([own, np.tile(given, (len(own), 1))])
            np.testing.assert_allclose(predict_batch(typed, images, with_type), expected, atol=1e-6)


def test_the_command_starts_from_a_model_by_name_or_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = load_model(installed_plugins(), "ion")
    kind = drawn_as(model.manifest)
    train = write_shard(tmp_path / "train.h5", noise(model.manifest, 32, 1), **kind)
    tune = write_shard(tmp_path / "tune.h5", noise(model.manifest, 16, 2), **kind)
    for given in ("ion@1", str(model.folder)):
        out = tmp_path / f"from-{Path(given).name}"
        options = ["--tune", str(tune), "--out", str(out), "--epochs", "1", "--batch-size", "16"]
        with pytest.raises(SystemExit, match="0"):
            main(["train", "fit", str(train), *options, "--start-from", given])
        state = read_fit(out)
        assert state.settings.architecture_settings == model.manifest.architecture_settings
        assert state.started_from == "ion@1.0.0"
        assert "only 2 steps" not in capsys.readouterr().err  # it need not learn from nothing


def test_what_was_started_from_is_where_the_fit_begins(tmp_path: Path) -> None:
    """With next to no learning the weights stay what they were."""
    shards = [write_shard(tmp_path / f"{name}.h5", toy_examples(64, seed=3)) for name in ("a", "b", "c")]
    settings = FitSettings(architecture_settings=TINY, epochs=1, batch_size=32)
    fit(shards[:1], shards[1:2], settings, tmp_path / "first")
    idle = FitSettings(epochs=1, batch_size=32, learning_rate=1e-12, weight_decay=0.0)
    fit(shards[2:], shards[1:2], idle, tmp_path / "second", tmp_path / "first")
    networks = []
    for name in ("first", "second"):
        network = build("small-cnn", TINY, LAYOUT.shape, 2)
        load_weights(network, tmp_path / name / "weights.safetensors")
        networks.append(network.get_layer("head").kernel.numpy())
    np.testing.assert_allclose(*networks, atol=1e-6)
    second = read_fit(tmp_path / "second")
    assert second.settings.architecture_settings == TINY
    assert str(tmp_path) not in second.started_from  # a manifest will say it


def test_channels_and_features_that_follow_weigh_nothing_at_the_start(tmp_path: Path) -> None:
    narrow = build("small-cnn", TINY, LAYOUT.shape, 2)
    save_weights(narrow, tmp_path / "weights")
    kind = header()
    drawn_by = ((kind.encoder, kind.encoder_version), *kind.feature_sets)
    start = StartingPoint(
        "narrow", tmp_path / "weights", "small-cnn", TINY, LAYOUT, kind.features, drawn_by, 0
    )  # fmt: skip
    wider = LAYOUT.model_copy(update={"channels": (*LAYOUT.channels, "strand")})
    start.settings_for(FitSettings(), header(layout=wider, features=(*kind.features, "more", "yet_more")))
    wide = build("small-cnn", TINY, wider.shape, 4)
    start.load_into(wide)
    random = np.random.default_rng(1)
    images, features = random.integers(0, 255, (8, *wider.shape), np.uint8), random.random((8, 4), np.float32)
    as_before = narrow([images[..., :-1], features[:, :2]], training=False)
    np.testing.assert_allclose(wide([images, features], training=False), as_before, atol=1e-5)
    with pytest.raises(ModelError, match="features: depth noise against more depth"):
        start.settings_for(FitSettings(), header(features=("more", *kind.features)))


def test_a_network_that_is_told_types_starts_as_one_that_is_not(tmp_path: Path) -> None:
    """For every type it answers as what it starts from does; and a fit of the same types goes on from it."""
    kinds, seed = ("toy", "other"), 3
    train = [
        write_shard(tmp_path / f"{kind}.h5", toy_examples(64, seed=seed), technology=kind) for kind in kinds
    ]
    tune = [write_shard(tmp_path / "tune.h5", toy_examples(64, seed=4))]
    settings = FitSettings(architecture_settings=TINY, epochs=2, batch_size=16, learning_rate=0.01)
    fit(train[:1], tune, settings, tmp_path / "plain")
    idle = FitSettings(
        epochs=1,
        batch_size=16,
        learning_rate=1e-12,
        weight_decay=0.0,
        sequencing_types=kinds,
        types_kept=True,
    )
    fit(train, tune, idle, tmp_path / "typed", tmp_path / "plain")
    fit(train, tune, idle, tmp_path / "again", tmp_path / "typed")
    plain, seen = build("small-cnn", TINY, LAYOUT.shape, 2), toy_examples(40, seed=5)
    load_weights(plain, tmp_path / "plain" / "weights.safetensors")
    head = plain.get_layer("head").get_weights()
    for name in ("typed", "again"):
        typed = build("small-cnn", TINY | {"sequencing_types": 2}, LAYOUT.shape, 4)
        load_weights(typed, tmp_path / name / "weights.safetensors")
        kernel, bias = typed.get_layer("head").get_weights()
        np.testing.assert_allclose(kernel[:-2], head[0], atol=1e-6)
        np.testing.assert_allclose(kernel[-2:], 0.0, atol=1e-6)
        np.testing.assert_allclose(bias, head[1], atol=1e-6)
    load_weights(typed, tmp_path / "plain" / "weights.safetensors", more=[2])
    expected = predict_batch(plain, seen.images, seen.features)
    assert expected.std(axis=0).max() > 0.01
    for told in np.eye(2, dtype=np.float32):
        features = np.hstack([seen.features, np.tile(told, (len(seen.features), 1))])
        np.testing.assert_allclose(predict_batch(typed, seen.images, features), expected, atol=1e-6)
    with pytest.raises(ModelError, match="does not fit the network"):
        fit(train[:1], tune, FitSettings(epochs=1, batch_size=16), tmp_path / "none", tmp_path / "typed")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"layout": LAYOUT.model_copy(update={"width": 15})}, "its image width: 13 against 15"),
        (
            {"layout": LAYOUT.model_copy(update={"channels": ("read_base", "strand")})},
            "channels: read_base read_supports_variant against read_base strand",
        ),
        ({"features": ("depth", "other")}, "features: depth noise against depth other"),
    ],
)
def test_examples_that_are_drawn_otherwise_are_refused_before_training(
    tmp_path: Path, changes: dict, match: str
) -> None:
    shards = [write_shard(tmp_path / f"{name}.h5", toy_examples(32, seed=3)) for name in ("a", "b")]
    settings = FitSettings(architecture_settings=TINY, epochs=1, batch_size=32)
    fit(shards[:1], shards[1:], settings, tmp_path / "fit")
    with pytest.raises(ModelError, match=match):
        read_starting_point(tmp_path / "fit").settings_for(FitSettings(), header(**changes))
    other = settings.model_copy(update={"architecture_settings": TINY | {"stem": 12}})
    with pytest.raises(ModelError, match="settings are for another network than that of the fit"):
        read_starting_point(tmp_path / "fit").settings_for(other, header())


def test_what_is_neither_a_model_nor_a_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds neither a model nor a fit"):
        read_starting_point(tmp_path)
    with pytest.raises(ModelError, match="not a model folder"):
        read_starting_point(tmp_path / "absent")
    with pytest.raises(ModelError, match="Did you mean 'illumina-wgs'"):
        read_starting_point("ilumina-wgs")
