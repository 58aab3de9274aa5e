"""Which backend runs networks on a GPU, where there is one: told by files; and networks on each backend's CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import pytest

from dvplug.errors import InputError
from dvplug.genotypes import backends
from dvplug.genotypes.backends import choose_backend, gpu_backend, gpu_names
from dvplug.genotypes.networks import quiet_backend
from helpers.places import ROOT

WITH_CUDA = {
    "tensorflow": ("nvidia", "nvidia.cudnn"),
    "jax": ("jax_cuda13_plugin",),
    "torch": ("lib/libtorch_cuda.so",),
    "onnxruntime": ("capi/libonnxruntime_providers_cuda.so",),
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make a machine with a GPU of these packages and files in them, and no Keras loaded."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setattr(backends, "_no_driver", lambda: False)
    monkeypatch.setattr(backends, "find_library", lambda name: None)

    def install(*packages: str, cuda: bool = True) -> None:
        here = {"keras", *packages}
        for package in packages:
            for one in WITH_CUDA[package] if cuda else ():
                if "/" in one:
                    file = tmp_path / package / one
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.touch()
                else:
                    here.add(one)

        def spec(name: str) -> ModuleSpec | None:
            if name not in here:
                return None
            found = ModuleSpec(name, None, is_package=True)
            found.submodule_search_locations = [str(tmp_path / name)]
            return found

        monkeypatch.setattr(backends, "_spec", spec)

    return install


@pytest.mark.parametrize("backend", WITH_CUDA)
def test_a_backend_is_taken_where_it_is_built_for_cuda(install, backend: str) -> None:
    install(backend)
    assert gpu_backend(onnx=True) == backend


def test_backends_of_keras_go_before_onnx_runtime_which_needs_a_file(install) -> None:
    install("onnxruntime", "torch")
    assert gpu_backend(onnx=True) == "torch"
    install("onnxruntime")
    assert gpu_backend(onnx=True) == "onnxruntime"
    assert gpu_backend() is None


def test_the_users_backend_is_the_only_one_of_keras(install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("tensorflow", "torch")
    assert gpu_backend() == "tensorflow"
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert gpu_backend() == "torch"
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert gpu_backend() is None
    with pytest.raises(
        InputError, match=r"device 'gpu' cannot be used: jax is not installed\. Install NVIDIA"
    ):
        choose_backend()
    monkeypatch.setenv("KERAS_BACKEND", "openvino")
    with pytest.raises(InputError, match="the backend of Keras is openvino, which runs on none"):
        choose_backend()


def test_what_each_backend_lacks_is_said(install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("tensorflow", "jax", cuda=False)
    causes = "tensorflow is installed without CUDA; jax is installed without CUDA; torch is not installed"
    with pytest.raises(InputError, match=causes):
        choose_backend()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    with pytest.raises(InputError, match="CUDA_VISIBLE_DEVICES hides all GPUs; tensorflow is"):
        choose_backend()
    install("tensorflow")
    assert gpu_backend() is None


def test_a_machine_without_a_driver_has_no_gpu(install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("tensorflow")
    monkeypatch.setattr(backends, "_no_driver", lambda: True)
    assert gpu_backend() is None
    with pytest.raises(InputError, match="no NVIDIA driver was found"):
        choose_backend()


def test_names_are_those_of_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_DRIVER", tmp_path)
    assert gpu_names() == []
    for place, name in (("0000:01:00.0", "NVIDIA H200"), ("0000:02:00.0", "NVIDIA L4")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "information").write_text(f"Model: \t\t {name}\nIRQ:   \t\t 24\n")
    assert gpu_names() == ["NVIDIA H200", "NVIDIA L4"]


def test_to_look_for_a_gpu_imports_no_backend() -> None:
    code = (
        "import sys\nfrom dvplug.genotypes import backends\nbackends._no_driver = lambda: False\n"
        "backends.gpu_backend(onnx=True)\n"
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch', 'onnxruntime', 'numpy'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_another_backend_than_the_one_that_is_loaded_is_refused() -> None:
    quiet_backend()
    import keras

    other = "torch" if keras.config.backend() != "torch" else "jax"
    with pytest.raises(InputError, match=rf"Keras runs on \w+ in this process, and not on {other}"):
        quiet_backend(other)


PREDICT = """
import json, os, sys
from pathlib import Path
from dvplug.genotypes.networks import quiet_backend
settings, backend, folder = json.loads(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
quiet_backend(backend)
import keras
for name, value in settings.items():
    getattr(keras.config, name)(value)
from dvplug.errors import InputError
from dvplug.genotypes.backends import take_gpu
from dvplug.genotypes.genotyper import KerasPredictor
from dvplug_registry.known_answer import known_answer_test, load_known_answer
from dvplug_registry.model_folder import open_folder
model = open_folder(folder)
predictor = KerasPredictor(model, "cpu")
known = load_known_answer(model)
whole = predictor.predict(known.images, known.features)
part = predictor.predict(known.images[5:7], known.features[5:7])
try:
    took = take_gpu(backend)
except InputError as error:
    took = error.cause
print(json.dumps([
    keras.config.backend(), known_answer_test(model, predictor.predict), str(whole.dtype),
    bool((whole[5:7] == part).all()), took, os.environ.get("KERAS_BACKEND") is None,
]))
"""
SETTINGS = {
    "set_dtype_policy": "mixed_bfloat16",
    "set_image_data_format": "channels_first",
    "set_floatx": "float16",
}


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
@pytest.mark.parametrize("settings", [{}, SETTINGS], ids=["usual", "other settings of Keras"])
def test_known_answers_on_each_backend(backend: str, settings: dict[str, str]) -> None:
    if not find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    (folder,) = (ROOT / "plugins/dvplug_illumina/models").glob("illumina-wgs-*")
    words = [sys.executable, "-c", PREDICT, json.dumps(settings), backend, str(folder)]
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    ran = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    runs_on, difference, dtype, same, took, untouched = json.loads(ran.stdout)
    assert (runs_on, dtype, same, untouched) == (backend, "float32", True, True)
    assert difference < 1e-5  # bfloat16 gives 1e-3
    if gpu_backend() is None:
        assert took.startswith(f"{backend} sees none")
