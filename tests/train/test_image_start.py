"""Starting from a network of photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dvplug.errors import InputError, ModelError
from dvplug.genotypes.image_network import APPLICATIONS
from dvplug.genotypes.networks import build, quiet_backend
from dvplug.train.fit import fit
from dvplug.train.starting_point import read_starting_point
from dvplug.train.state import FitSettings, read_fit
from helpers.training_toys import LAYOUT, header, toy_examples, write_shard

SMALL, EFFICIENT = "MobileNet", "EfficientNetV2B0"
IDLE = FitSettings(epochs=1, batch_size=16, learning_rate=1e-12, weight_decay=0.0)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of MobileNet as Keras publishes them: a legacy HDF5 file. They are random."""
    quiet_backend()
    import keras

    keras.utils.set_random_seed(5)
    path = tmp_path_factory.mktemp("keras") / "models" / APPLICATIONS[SMALL].published
    path.parent.mkdir()
    keras.applications.MobileNet(include_top=False, weights=None, input_shape=(32, 32, 3)).save(path)
    return path


def test_a_grey_image_looks_to_the_adapted_network_as_to_the_published_one(published: Path) -> None:
    """All channels alike, as all colours: 64x21 pixels that stand amid empty ones of 64x32."""
    import keras

    channels, shape = 7, (64, 21)
    start = read_starting_point(f"keras:{SMALL}={published}")
    adapted = build("image-network", {"application": SMALL}, (*shape, channels), 2)
    start.load_into(adapted)
    grey = np.random.default_rng(1).integers(0, 256, (3, *shape, 1), np.uint8)
    inner = keras.Model(adapted.inputs, adapted.get_layer("image_mean").output)
    seen = inner.predict_on_batch([np.repeat(grey, channels, axis=3), np.zeros((3, 2), np.float32)])
    whole = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(64, 32, 3))
    whole.load_weights(published)
    padded = np.pad(grey.astype(np.float32), [(0, 0), (0, 0), (5, 6), (0, 0)])
    photograph = keras.applications.mobilenet.preprocess_input(np.repeat(padded, 3, axis=3))
    expected = np.asarray(whole.predict_on_batch(photograph)).mean(axis=(1, 2))
    assert np.asarray(seen).std() > 0
    np.testing.assert_allclose(seen, expected, rtol=1e-3, atol=1e-5)


@pytest.fixture(scope="module")
def efficient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of EfficientNetV2B0, random, as Keras publishes them: of the network that scales photographs itself."""
    quiet_backend()
    import keras

    keras.utils.set_random_seed(6)
    path = tmp_path_factory.mktemp("efficient") / APPLICATIONS[EFFICIENT].published
    keras.applications.EfficientNetV2B0(include_top=False, weights=None, input_shape=(32, 32, 3)).save(path)
    return path


def test_a_network_that_scales_photographs_itself_sees_grey_ones_as_it_did(efficient: Path) -> None:
    """The published one scales red, green and blue by means and SDs of their own, where there are three channels."""
    import keras

    adapted = build("image-network", {"application": EFFICIENT}, (40, 21, 5), 2)
    read_starting_point(f"keras:{EFFICIENT}={efficient}").load_into(adapted)
    grey = np.random.default_rng(1).integers(0, 256, (2, 40, 21, 1), np.uint8)
    inner = keras.Model(adapted.inputs, adapted.get_layer("image_mean").output)
    seen = np.asarray(inner.predict_on_batch([np.repeat(grey, 5, axis=3), np.zeros((2, 2), np.float32)]))
    whole = keras.applications.EfficientNetV2B0(
        include_top=False, weights=None, input_shape=(40, 32, 3), include_preprocessing=False
    )
    whole.load_weights(efficient)
    padded = np.pad(grey.astype(np.float32), [(0, 0), (0, 0), (5, 6), (0, 0)])
    photograph = np.repeat((padded / 255 - 0.449) / 0.226, 3, axis=3)
    expected = np.asarray(whole.predict_on_batch(photograph)).mean(axis=(1, 2))
    assert seen.std() > 0
    np.testing.assert_allclose(seen, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_network_takes_the_images_of_every_technology(name: str) -> None:
    """Images are lower and narrower than the least that Keras builds, and their channels are not three."""
    network = build("image-network", {"application": name}, (64, 55, 7), 3)
    assert network.input_shape[0] == (None, 64, 55, 7)
    least = APPLICATIONS[name].least
    assert network.get_layer("empty_around").output.shape[1:3] == (max(64, least), max(55, least))


def test_a_fit_begins_with_it_and_another_goes_on_from_that(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(published.parent.parent))  # where Keras puts what it downloads
    shards = [write_shard(tmp_path / f"{name}.h5", toy_examples(32, seed=3)) for name in ("a", "b")]
    state = fit(shards[:1], shards[1:], IDLE, tmp_path / "first", f"keras:{SMALL}")
    assert read_fit(tmp_path / "first") == state
    assert (state.started_from, state.settings.architecture) == (f"keras:{SMALL}", "image-network")
    start = read_starting_point(tmp_path / "first")
    again = start.settings_for(FitSettings(), header())
    assert again.architecture_settings == {"application": SMALL}
    network = build(again.architecture, again.architecture_settings, LAYOUT.shape, 2)
    start.load_into(network)
    published_arrays = read_starting_point(f"keras:{SMALL}").arrays
    kept = network.get_layer("image_layers").get_weights()
    np.testing.assert_allclose(kept[5], published_arrays[5], atol=1e-5)  # no statistics, which are taken anew


def test_what_cannot_be_started_from_is_refused(published: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'MobilNet' is none of the networks.*Did you mean 'MobileNet'"):
        read_starting_point("keras:MobilNet")
    with pytest.raises(
        InputError, match=r"no weights of Xception: '.*away.h5' does not exist.*downloads none"
    ):
        read_starting_point(f"keras:Xception={tmp_path}/away.h5")
    with pytest.raises(ModelError, match="cannot be read as weights of MobileNetV2"):
        read_starting_point(f"keras:MobileNetV2={published}")
    (tmp_path / "nonsense.h5").write_text("nonsense")
    with pytest.raises(
        ModelError, match=r"cannot be read as weights of MobileNet: .*downloads as mobilenet_1_0"
    ):
        read_starting_point(f"keras:MobileNet={tmp_path}/nonsense.h5")


def test_files_that_keras_takes_by_halves_or_not_at_all_are_explained(tmp_path: Path) -> None:
    quiet_backend()
    import keras

    top = keras.applications.MobileNet(weights=None, input_shape=(32, 32, 3), classes=7)
    top.save(tmp_path / "top.h5")
    with pytest.raises(ModelError, match=r"has 55 layers with weights, .* 54.*name ends with notop"):
        read_starting_point(f"keras:MobileNet={tmp_path}/top.h5")
    bare = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(32, 32, 3))
    bare.save_weights(tmp_path / "own.weights.h5")
    start = read_starting_point(f"keras:MobileNet={tmp_path}/own.weights.h5")
    for read, written in zip(start.arrays, bare.get_weights(), strict=True):
        np.testing.assert_array_equal(read, written)
    (tmp_path / "own.weights.h5").rename(tmp_path / "own.h5")
    with pytest.raises(ModelError, match=r"that save_weights\(\) writes.*Rename it to 'own.weights.h5'"):
        read_starting_point(f"keras:MobileNet={tmp_path}/own.h5")
    keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)]).save_weights(tmp_path / "else.weights.h5")
    with pytest.raises(ModelError, match="of MobileNet"):
        read_starting_point(f"keras:MobileNet={tmp_path}/else.weights.h5")


def test_weights_are_read_whatever_the_users_settings_of_keras_say(published: Path) -> None:
    import keras

    expected = read_starting_point(f"keras:{SMALL}={published}").arrays
    keras.config.set_image_data_format("channels_first")
    try:
        found = read_starting_point(f"keras:{SMALL}={published}").arrays
    finally:
        keras.config.set_image_data_format("channels_last")
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


def test_settings_of_another_network_are_refused(published: Path) -> None:
    start = read_starting_point(f"keras:{SMALL}={published}")
    for settings in (
        FitSettings(architecture="small-cnn"),
        FitSettings(architecture="image-network", architecture_settings={"application": "Xception"}),
    ):
        with pytest.raises(ModelError, match=r"another network than that of keras:MobileNet"):
            start.settings_for(settings, header())
    own = FitSettings(architecture="image-network", architecture_settings={"head_units": 8})
    kept = start.settings_for(own, header()).architecture_settings
    assert kept == {"head_units": 8, "application": SMALL}


def test_unknown_applications_are_refused() -> None:
    with pytest.raises(ModelError, match=r"application: .*'VGG16' is none of InceptionV3, Xception"):
        build("image-network", {"application": "VGG16"}, (64, 55, 9), 2)
