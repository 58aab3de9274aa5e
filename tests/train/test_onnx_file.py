"""A network as a file of ONNX: what ONNX Runtime says of it is what Keras says."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from dvplug.errors import InputError, ModelError
from dvplug.genotypes import genotyper as genotyper_module
from dvplug.genotypes.genotyper import KerasPredictor, has_onnx, open_genotyper
from dvplug.genotypes.onnx_runtime import OnnxPredictor, open_session
from dvplug.train import onnx_file
from dvplug.train.export import Description, export
from dvplug.train.fit import fit
from dvplug.train.onnx_file import require_onnx
from dvplug.train.state import FitSettings
from dvplug_registry.known_answer import known_answer_test
from dvplug_registry.model_folder import ModelFolder, open_folder, verify_files
from helpers.training_toys import LAYOUT, TINY, toy_examples, write_shard

ABOUT = Description(name="toy", version="1.0.0", description="A toy.", held_out="none")
needs_packages = pytest.mark.skipif(
    not all(map(find_spec, ("tf2onnx", "onnx", "onnxruntime"))), reason="dvplug[onnx] is not installed"
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a fit and its tune shard."""
    folder = tmp_path_factory.mktemp("onnx")
    train = write_shard(folder / "train.h5", toy_examples(960, seed=0))
    tune = write_shard(folder / "tune.h5", toy_examples(400, seed=9))
    settings = FitSettings(architecture_settings=TINY, epochs=2, batch_size=32, learning_rate=1e-2)
    fit([train], [tune], settings, folder / "fit")
    return folder


@pytest.fixture(scope="module")
def model(work: Path) -> ModelFolder:
    """The model, exported with a file of ONNX."""
    export(work / "fit", [work / "tune.h5"], ABOUT, work / "model", onnx=True)
    return open_folder(work / "model")


@needs_packages
def test_onnx_runtime_gives_the_known_answers_whatever_the_batch(model: ModelFolder) -> None:
    assert verify_files(model.folder, model.manifest) == ()
    assert has_onnx(model.manifest)
    predictor = OnnxPredictor(model, "cpu")
    known_answer_test(model, predictor.predict, tolerance=1e-5)
    examples = toy_examples(300, seed=5)
    whole = predictor.predict(examples.images, examples.features)
    assert (whole.shape, whole.dtype) == ((300, 3), np.float32)
    by_keras = KerasPredictor(model, "cpu").predict(examples.images, examples.features)
    np.testing.assert_allclose(whole, by_keras, atol=1e-5)
    for rows in (slice(0, 1), slice(13, 20), slice(1, 299), slice(0, 0)):
        part = predictor.predict(examples.images[rows], examples.features[rows])
        np.testing.assert_array_equal(part, whole[rows])
    for size in (1, 2, 5, 300):  # of the file itself, as other programs run it
        logits = predictor.logits(examples.images[:size], examples.features[:size])
        assert logits.shape == (size, 3)


@needs_packages
def test_the_cpu_is_called_by_litert_all_the_same(work: Path, model: ModelFolder) -> None:
    export(work / "fit", [work / "tune.h5"], ABOUT, work / "without")
    without = open_folder(work / "without").manifest
    assert not has_onnx(without)
    same = {name: entry for name, entry in model.manifest.files.items() if entry.role != "onnx"}
    assert without.files == same
    assert type(open_genotyper(model, "cpu")) is genotyper_module.LiteRTPredictor


@needs_packages
def test_it_runs_without_keras(model: ModelFolder) -> None:
    code = f"""
import sys
from pathlib import Path
import numpy as np
from dvplug.genotypes.genotyper import OnnxPredictor
from dvplug_registry.model_folder import open_folder
predictor = OnnxPredictor(open_folder(Path({str(model.folder)!r})), "cpu")
predictor.predict(np.zeros((2, *{LAYOUT.shape}), np.uint8), np.zeros((2, 2), np.float32))
print(sorted({{"tensorflow", "keras", "tf2onnx", "onnx"}} & sys.modules.keys()))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@needs_packages
def test_without_cuda_it_is_refused_on_a_gpu(model: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    for name in ("gpu_backend", "choose_backend"):
        monkeypatch.setattr(genotyper_module, name, lambda onnx: "onnxruntime" if onnx else None)
    with pytest.raises(
        InputError, match="device 'gpu' cannot be used: onnxruntime is installed without CUDA"
    ):
        open_genotyper(model, "gpu")


@needs_packages
def test_a_file_that_differs_is_not_kept(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "_ALLOWED", -1.0)
    with pytest.raises(
        ModelError, match=r"cannot be kept as ONNX: its probabilities differ .* without --onnx"
    ):
        export(work / "fit", [work / "tune.h5"], ABOUT, tmp_path / "model", onnx=True)
    assert list(tmp_path.iterdir()) == []


@needs_packages
def test_other_files_are_refused(model: ModelFolder, tmp_path: Path) -> None:
    import onnx

    (tmp_path / "broken.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match=r"broken\.onnx' cannot be opened by ONNX Runtime"):
        open_session(tmp_path / "broken.onnx", "cpu")
    graph = onnx.load(model.path("onnx"))
    for node in graph.graph.node:
        node.output[:] = ["scores" if name == "logits" else name for name in node.output]
    graph.graph.output[0].name = "scores"
    onnx.save(graph, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match=r"inputs image, features and the outputs scores: they are to be"):
        open_session(tmp_path / "other.onnx", "cpu")


def test_what_is_missing_is_said_before_anything_is_made(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "_PACKAGES", ("numpy", "absent_one", "absent_two"))
    with pytest.raises(
        InputError, match=r"absent_one, absent_two not installed.*pip install 'dvplug\[onnx\]'"
    ):
        require_onnx()
    with pytest.raises(InputError, match="absent_one"):
        export(work / "fit", [work / "tune.h5"], ABOUT, tmp_path / "model", onnx=True)
    assert list(tmp_path.iterdir()) == []
