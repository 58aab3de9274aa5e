"""Inference: the same probabilities whatever the device and the batch."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dvplug.errors import InputError, ModelError
from dvplug.genotypes import genotyper as genotyper_module
from dvplug.genotypes.genotyper import KerasPredictor, choose_device, open_genotyper
from dvplug.genotypes.networks import quiet_backend
from dvplug.train.export import Description, export
from dvplug.train.fit import fit
from dvplug.train.state import FitSettings
from dvplug_registry.known_answer import known_answer_test
from dvplug_registry.model_folder import ModelFolder, open_folder
from helpers.training_toys import LAYOUT, TINY, toy_examples, write_shard


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """A toy model, fitted and exported."""
    folder = tmp_path_factory.mktemp("genotyper")
    shard, tune = (
        write_shard(folder / f"{name}.h5", toy_examples(960, seed=0)) for name in ("train", "tune")
    )
    settings = FitSettings(architecture_settings=TINY, epochs=3, batch_size=32, learning_rate=1e-2)
    fit([shard], [tune], settings, folder / "fit")
    about = Description(name="toy", version="1.0.0", description="A toy.", held_out="none")
    export(folder / "fit", [shard], about, folder / "model")
    return open_folder(folder / "model")


def test_no_probability_depends_on_its_batch(model: ModelFolder) -> None:
    examples = toy_examples(300, seed=5)
    for genotyper in (open_genotyper(model, "cpu"), KerasPredictor(model, "cpu")):
        whole = genotyper.predict(examples.images, examples.features)
        assert whole.shape == (300, 3)
        assert whole.dtype == np.float32
        for size in (1, 7, 64, 299):
            for start in (0, 1, 13):
                rows = slice(start, start + size)
                part = genotyper.predict(examples.images[rows], examples.features[rows])
                np.testing.assert_array_equal(part, whole[rows])
        order = np.random.default_rng(0).permutation(300)
        shuffled = genotyper.predict(examples.images[order], examples.features[order])
        np.testing.assert_array_equal(shuffled, whole[order])


def test_no_images_give_no_probabilities(model: ModelFolder) -> None:
    none = toy_examples(0, seed=0)
    for genotyper in (open_genotyper(model, "cpu"), KerasPredictor(model, "cpu")):
        assert genotyper.predict(none.images, none.features).shape == (0, 3)


def test_litert_and_keras_agree_within_the_tolerance(model: ModelFolder) -> None:
    examples = toy_examples(960, seed=0)
    litert, network = open_genotyper(model, "cpu"), KerasPredictor(model, "cpu")
    difference = litert.predict(examples.images, examples.features) - network.predict(
        examples.images, examples.features
    )
    assert 0 < np.abs(difference).max() <= model.manifest.tolerance
    assert known_answer_test(model, litert.predict) <= model.manifest.tolerance
    known_answer_test(model, network.predict, tolerance=1e-5)


def test_auto_takes_the_gpu_only_where_it_is_usable(
    model: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(genotyper_module, "gpu_backend", lambda onnx: None)
    assert choose_device("auto") == "cpu"
    assert open_genotyper(model, "auto").device == "cpu"
    with pytest.raises(InputError, match=r"device 'gpu' cannot be used.*or use --device cpu"):
        open_genotyper(model, "gpu")
    with pytest.raises(InputError, match="unknown device 'tpu'"):
        choose_device("tpu")
    for name in ("gpu_backend", "choose_backend"):
        monkeypatch.setattr(genotyper_module, name, lambda onnx: "tensorflow")
    assert choose_device("auto") == "gpu"
    assert choose_device("cpu") == "cpu"


def test_a_gpu_has_to_give_the_known_answers(
    model: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CPU stands for it."""
    backend = keras_backend()
    for name in ("gpu_backend", "choose_backend"):
        monkeypatch.setattr(genotyper_module, name, lambda onnx: backend)
    monkeypatch.setattr(genotyper_module, "take_gpu", lambda name: f"a GPU of {name}")
    opened = open_genotyper(model, "gpu")
    assert opened.device == "gpu"
    assert re.fullmatch(rf"a GPU of {backend} by {backend}, known answers within \S+", opened.runs_on)
    other = shutil.copytree(model.folder, tmp_path / "other")
    known = dict(np.load(model.path("known-answer")))
    np.savez_compressed(
        other / "known_answer.npz", **known | {"probabilities": known["probabilities"][:, ::-1]}
    )
    with pytest.raises(ModelError, match="fails its known-answer test"):
        open_genotyper(open_folder(other), "gpu")


def keras_backend() -> str:
    quiet_backend()
    import keras

    return keras.config.backend()


def test_a_cpu_worker_never_imports_tensorflow(model: ModelFolder) -> None:
    code = f"""
import sys
from pathlib import Path
from dvplug.genotypes.genotyper import open_genotyper
from dvplug_registry.model_folder import open_folder
import numpy as np
genotyper = open_genotyper(open_folder(Path({str(model.folder)!r})), "cpu")
genotyper.predict(np.zeros((2, *{LAYOUT.shape}), np.uint8), np.zeros((2, 2), np.float32))
print(sorted({{"tensorflow", "keras", "h5py", "matplotlib"}} & sys.modules.keys()))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_files_that_do_not_fit_are_refused(tmp_path: Path, model: ModelFolder) -> None:
    litert = model.path("litert")
    with pytest.raises(ModelError, match=r"has inputs .*the model's image is \(16, 15, 2\)"):
        genotyper_module.LiteRTPredictor(litert, (16, 15, 2), 2)
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"no flatbuffer")
    with pytest.raises(ModelError, match="cannot be opened by LiteRT"):
        genotyper_module.LiteRTPredictor(broken, LAYOUT.shape, 2)
