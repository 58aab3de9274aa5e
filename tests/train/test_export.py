"""The model folder: what is shipped does what was fitted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dvplug.errors import InputError, ModelError
from dvplug.genotypes.genotyper import LiteRTPredictor
from dvplug.genotypes.networks import logits_batch, predict_batch, softmax
from dvplug.genotypes.weights import load_weights
from dvplug.inputs.run_sample import RunSample
from dvplug.train import export as export_module
from dvplug.train.calibrate import fit_lapse_rates
from dvplug.train.export import Description, PrecisionComparison, compare, convert, export, load_fit
from dvplug.train.fit import fit
from dvplug.train.state import FitSettings
from dvplug.train.store import ExampleReader, Examples
from dvplug_registry.model_folder import load_manifest, verify_files
from helpers.training_toys import FEATURES, LAYOUT, TINY, toy_examples, write_shard

ABOUT = Description(name="toy", version="1.0.0", description="A toy.", held_out="none")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a fit, its tune shard and a model folder exported from them."""
    folder = tmp_path_factory.mktemp("export")
    run = RunSample(reads=900, measures={"read_length": 100, "reverse_strand": 0.5})
    train = write_shard(folder / "train.h5", toy_examples(1280, seed=0), run=run)
    tune = write_shard(folder / "tune.h5", toy_examples(400, seed=9))
    settings = FitSettings(architecture_settings=TINY, epochs=3, batch_size=32, learning_rate=1e-2)
    fit([train], [tune], settings, folder / "fit")
    (folder / "card.md").write_text("# Toy\n")
    with (
        pytest.MonkeyPatch.context() as patch
    ):  # these few examples give temperatures that int8 does not bear
        patch.setattr(export_module, "calibrate", lambda model, tune: (1.0, 1.0, 1.0))
        export(folder / "fit", [tune], ABOUT, folder / "model", folder / "card.md")
    return folder


def test_the_manifest_says_which_reads_were_trained_on(work: Path) -> None:
    found = load_manifest(work / "model").trained_on
    assert set(found.runs) == {"read_length", "reverse_strand"}
    assert found.runs["read_length"].hold(100)
    assert not found.runs["read_length"].hold(1_000)


def test_temperatures_are_in_the_weights_and_the_manifest(work: Path, tmp_path: Path) -> None:
    manifest = export(work / "fit", [work / "tune.h5"], ABOUT, tmp_path / "model")
    assert manifest.temperatures != (1.0, 1.0, 1.0)
    assert all(0 < rate <= 0.5 for _, rate in (*manifest.lapse_rates.snp, *manifest.lapse_rates.indel))
    _, model = load_fit(work / "fit")
    known = np.load(tmp_path / "model" / "known_answer.npz")
    logits = logits_batch(model, known["images"], known["features"]) / np.asarray(manifest.temperatures)
    np.testing.assert_allclose(known["probabilities"], softmax(logits), atol=1e-5)
    load_weights(model, tmp_path / "model" / "weights.safetensors")
    np.testing.assert_allclose(
        logits_batch(model, known["images"], known["features"]), logits, rtol=1e-4, atol=1e-4
    )


def test_lapses_are_measured_where_a_variant_is_called(work: Path) -> None:
    lapse_rates = load_manifest(work / "model").lapse_rates
    tune = ExampleReader([work / "tune.h5"])
    shipped = LiteRTPredictor(work / "model" / "network.tflite", LAYOUT.shape, len(FEATURES))
    p = np.concatenate([shipped.predict(part.images, part.features) for part in tune.in_order()])
    p = p.astype(np.float64)
    called = p.argmax(axis=1) > 0
    assert 0 < called.sum() < len(called)  # all of them SNPs
    assert lapse_rates.snp == fit_lapse_rates(p[called], tune.labels[called])
    assert lapse_rates.indel == ((0.0, 0.5),)


def test_the_folder_is_whole_and_its_manifest_tells_the_fit(work: Path) -> None:
    manifest = load_manifest(work / "model")
    assert verify_files(work / "model", manifest) == ()
    assert manifest.label == "toy@1.0.0"
    assert manifest.image.shape == LAYOUT.shape
    assert manifest.features == FEATURES
    assert manifest.architecture_settings == TINY
    assert manifest.training.n_examples == 1280
    assert (manifest.genotyper, manifest.genotyper_settings) == ("litert", {"precision": "int8"})
    assert [(one.name, one.version) for one in manifest.feature_sets] == [("toy-counts", 3)]
    assert sorted(entry.role for entry in manifest.files.values()) == [
        "card",
        "known-answer",
        "litert",
        "weights",
    ]


def test_known_answers_are_those_of_the_float_network_for_every_genotype(work: Path) -> None:
    known = np.load(work / "model" / "known_answer.npz")
    _, model = load_fit(work / "fit")
    logits = model([known["images"], known["features"]], training=False).numpy().astype(np.float64)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(known["probabilities"], expected, atol=1e-5)
    assert np.bincount(known["probabilities"].argmax(axis=1), minlength=3).min() >= 5


def test_float32_litert_is_the_network_itself(work: Path, tmp_path: Path) -> None:
    _, model = load_fit(work / "fit")
    (tmp_path / "float.tflite").write_bytes(convert(model))
    known = np.load(work / "model" / "known_answer.npz")
    genotyper = LiteRTPredictor(tmp_path / "float.tflite", LAYOUT.shape, len(FEATURES))
    np.testing.assert_allclose(
        genotyper.predict(known["images"], known["features"]), known["probabilities"], atol=1e-5
    )


def test_features_in_pieces_are_exact_in_the_file_for_cpus(tmp_path: Path) -> None:
    """Rounded to 1/256 of what they span together, narrow pieces would be steps."""
    random = np.random.default_rng(4)
    train, tune = toy_examples(640, seed=0), toy_examples(300, seed=9)
    shards = [write_shard(tmp_path / f"{i}.h5", one) for i, one in enumerate((train, tune))]
    told = FitSettings(
        architecture_settings=TINY | {"feature_bins": 12}, epochs=2, batch_size=32, learning_rate=1e-2
    )
    fit(shards[:1], shards[1:], told, tmp_path / "fit")
    _, model = load_fit(tmp_path / "fit")
    (tmp_path / "int8.tflite").write_bytes(convert(model, tune))
    (tmp_path / "float.tflite").write_bytes(convert(model))
    images = np.repeat(tune.images[:1], 200, axis=0)
    features = np.stack([np.full(200, tune.features[0, 0]), random.random(200)], axis=1).astype(np.float32)
    by_keras = predict_batch(model, images, features)
    differs = {}
    for name in ("int8", "float"):
        file = LiteRTPredictor(tmp_path / f"{name}.tflite", LAYOUT.shape, len(FEATURES))
        logs = np.log(file.predict(images, features)) - np.log(by_keras)
        differs[name] = np.ptp(logs, axis=0).max()  # what is of the image is rounded for all alike
    assert differs["float"] < 1e-4
    assert differs["int8"] < 0.02


def test_int8_quantises_the_convolutions_and_leaves_features_and_head_alone(work: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(work / "model" / "network.tflite"))
    kinds = {tensor["name"]: np.dtype(tensor["dtype"]) for tensor in interpreter.get_tensor_details()}
    kernels = {name: kind for name, kind in kinds.items() if name.endswith(("/convolution", "/MatMul"))}
    assert {kind for name, kind in kernels.items() if name.endswith("/convolution")} == {np.dtype(np.int8)}
    assert {kind for name, kind in kernels.items() if name.endswith("/MatMul")} == {np.dtype(np.float32)}
    types = {np.dtype(tensor["dtype"]) for tensor in interpreter.get_input_details()}
    assert types == {np.dtype(np.uint8), np.dtype(np.float32)}


def test_float32_is_shipped_where_int8_is_worse(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = convert

    def poor_int8(model: object, representative: Examples | None = None) -> bytes:
        if representative is None:
            return real(model)
        dark = Examples(representative.images // 16, representative.features, representative.labels)
        return real(model, dark)  # ranges far too small: everything saturates

    monkeypatch.setattr(export_module, "convert", poor_int8)
    manifest = export(work / "fit", [work / "tune.h5"], ABOUT, tmp_path / "model")
    assert manifest.genotyper_settings == {"precision": "float32"}
    assert manifest.tolerance <= 0.001


def test_a_failure_leaves_no_folder(work: Path, tmp_path: Path) -> None:
    bad = ABOUT.model_copy(update={"version": "one"})
    with pytest.raises((InputError, ModelError), match="one"):
        export(work / "fit", [work / "tune.h5"], bad, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="does not hold a fit"):
        export(tmp_path, [work / "tune.h5"], ABOUT, tmp_path / "model")
    with pytest.raises(InputError, match="model' exists already"):
        export(work / "fit", [work / "tune.h5"], ABOUT, work / "model")


def test_comparison_counts_and_decides() -> None:
    labels = np.array([0, 1, 2, 2], np.int8)
    one = np.array([[0.9, 0.1, 0], [0.1, 0.9, 0], [0.8, 0.1, 0.1], [0, 0.1, 0.9]], np.float32)
    other = one.copy()
    other[0], other[2] = (0.4, 0.6, 0), (0, 0.1, 0.9)
    comparison = compare(one, other, labels)
    assert (comparison.only_float_wrong, comparison.only_int8_wrong) == (1, 1)
    assert comparison.max_difference == pytest.approx(0.8)
    assert comparison.log_loss_float == pytest.approx(-np.log([0.9, 0.9, 0.1, 0.9]).mean(), abs=1e-6)


@pytest.mark.parametrize(
    ("log_loss", "only_int8_wrong", "equal"),
    [(0.0504, 0, True), (0.0506, 0, False), (0.04, 16, True), (0.04, 40, False)],
)
def test_int8_must_not_be_worse_by_more_than_chance(
    log_loss: float, only_int8_wrong: int, equal: bool
) -> None:
    assert PrecisionComparison(10_000, 0.05, log_loss, 9, only_int8_wrong, 0.1).equal is equal
