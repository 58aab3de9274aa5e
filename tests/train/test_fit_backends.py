"""A fit on another backend of Keras: the weights it keeps mean the same to TensorFlow."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from dvplug.train.export import load_fit
from dvplug.train.fit import predict
from dvplug.train.store import ExampleReader
from dvplug.train.tune import measure
from helpers.training_toys import TINY, toy_examples, write_shard

FIT = """
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
class WithoutTensorFlow:
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name.partition(".")[0] == "tensorflow" else None
    def create_module(self, spec):
        raise ModuleNotFoundError(spec.name)
    def exec_module(self, module):
        pass
sys.meta_path.insert(0, WithoutTensorFlow())
import keras
from dvplug.train.fit import fit
from dvplug.train.state import FitSettings
backend, train, tune, out, tiny = sys.argv[1:]
assert keras.backend.backend() == backend
settings = FitSettings(architecture_settings=eval(tiny), epochs=2, batch_size=32, learning_rate=1e-2)
fit([Path(train)], [Path(tune)], settings, Path(out))
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_tensorflow_measures_what_another_backend_fitted(backend: str, tmp_path: Path) -> None:
    if not find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    train = write_shard(tmp_path / "train.h5", toy_examples(1280, seed=0))
    tune = write_shard(tmp_path / "tune.h5", toy_examples(300, seed=9))
    out = tmp_path / "fit"
    command = [sys.executable, "-c", FIT, backend, *map(str, (train, tune, out, TINY))]
    environment = os.environ | {"KERAS_BACKEND": backend}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    state, model = load_fit(out)
    best = state.epochs[state.best].tune
    assert best.log_loss < 0.5  # 1.1 untrained
    reader = ExampleReader([tune])
    measured = measure(predict(model, reader), reader.labels, reader.variant_types)
    assert measured.log_loss == pytest.approx(best.log_loss, abs=1e-4)
