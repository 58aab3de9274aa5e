"""Strangers' wheels: built, installed by `dvplug plugins install` without an index, checked, and called with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pysam
import pytest

from dvplug.simulate import SimulatedDataset
from dvplug_registry.model_folder import load_manifest
from helpers.environments import OFFLINE, fresh_environment
from helpers.places import ROOT, THIRD_PARTY
from helpers.registry_fixtures import make_model

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("pip", "hatchling", "editables"))), reason="pip and hatchling build the plugins"
)
needs_onnx = pytest.mark.skipif(
    not all(map(find_spec, ("onnx", "onnxruntime"))), reason="onnx and onnxruntime are not installed"
)
WHEELS = {
    "linked": ((), "linked", ()),
    "ancient": ((), "ancient", ("--set", "ancient.ends=3")),
    "api_2": ((), "toy", ()),
    "graph": (("onnx",), "graph", ()),
}
"""Project to the projects that it builds upon, a technology, and options of a call."""


def wheel_of(name: str, folder: Path) -> Path:
    """Build the wheel of a project, with its model where it has one to make."""
    source = THIRD_PARTY / (name if name == "api_2" else f"dvplug_{name}")
    project = shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    if name == "api_2":
        make_model(project / "dvplug_toy" / "models", encoder={"name": "toy-images", "version": 1})
    if (project / "make_model.py").is_file():
        paths = [
            project,
            THIRD_PARTY / "dvplug_onnx",
            *(ROOT / part for part in ("core", "registry", "plugins")),
        ]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
        subprocess.run([sys.executable, "make_model.py"], cwd=project, env=environment, check=True)
    out = folder / f"wheel of {name}"
    command = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(out), str(project)]
    subprocess.run([sys.executable, *command], check=True)
    (wheel,) = out.glob("*.whl")
    return wheel


class Environment:
    """An environment of its own, into which wheels were installed; in it `dvplug` is run."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.python = fresh_environment(folder / "environment")
        self.variables = os.environ | OFFLINE | {"DVPLUG_HOME": str(folder / "home")}
        for variable in ("PYTHONPATH", "DVPLUG_PLUGINS"):
            self.variables.pop(variable, None)
        for name in names:
            said = self.run("plugins", "install", wheel_of(name, folder))
        entry_point = "toy" if names[-1] == "api_2" else names[-1]
        assert f"Ready: {entry_point}." in said
        self.checked = self.run("plugins", "check", entry_point)
        assert self.checked.count(": ok") == self.checked.count(f"{entry_point}: ") >= 10

    def run(self, *words: object) -> str:
        command = [self.python, "-c", "from dvplug.cli import main; main()", *map(str, words)]
        ran = subprocess.run(command, env=self.variables, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return " ".join((ran.stdout + ran.stderr).split())


def data_words(dataset: SimulatedDataset, out: Path, where: str = "chrS:1-40000") -> tuple[object, ...]:
    return ("--ref", dataset.reference, "--reads", dataset.reads, "--regions", where, "--out", out)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs_onnx if name == "graph" else ()) for name in WHEELS]
)
def test_a_wheel_is_installed_checked_and_called_with(
    name: str, dataset: SimulatedDataset, tmp_path: Path
) -> None:
    others, tech, options = WHEELS[name]
    environment, out = Environment(tmp_path, *others, name), tmp_path / "calls.vcf"
    where = data_words(dataset, out)
    environment.run("call", "--tech", tech, *where, "--workers", 1, "--device", "cpu", *options)
    with pysam.VariantFile(str(out)) as records:
        assert sum(1 for _ in records) >= 10
        assert f'Version="{"0.3.0" if name == "api_2" else "0.1.0"}"' in str(records.header)
        assert all(option in str(records.header) for option in options)


def test_a_network_of_a_wheel_is_trained_and_called_with(dataset: SimulatedDataset, tmp_path: Path) -> None:
    """Examples, fit and export by the commands; the model calls what is there, of parts that it was not trained on."""
    environment = Environment(tmp_path, "rows")
    train, tune, out = tmp_path / "train.h5", tmp_path / "tune.h5", tmp_path / "calls.vcf"
    labelled = ("--tech", "rows", "--truth", dataset.truth, "--confident", dataset.confident, "--workers", 1)
    for shard, where in ((train, "chrS:1-30000"), (tune, "chrS:30001-42000")):
        environment.run("train", "examples", *labelled, *data_words(dataset, shard, where))
    environment.run(
        "train", "fit", train, "--tune", tune, "--out", tmp_path / "fitted", "--architecture", "row-set",
        "--epochs", 40, "--batch-size", 8, "--learning-rate", 0.01,
    )  # fmt: skip
    model = tmp_path / "rows-1.0.0"
    environment.run(
        "train", "export", tmp_path / "fitted", "--tune", tune, "--name", "rows", "--model-version", "1.0.0",
        "--description", "d", "--held-out", "the rest", "--out", model,
    )  # fmt: skip
    manifest = load_manifest(model)
    assert (manifest.architecture, manifest.technology) == ("row-set", "rows")
    words = ("--tech", "rows", "--model", model, *data_words(dataset, out, "chrS:42001-60000"))
    environment.run("call", *words, "--workers", 1, "--device", "cpu")
    with pysam.VariantFile(str(dataset.truth)) as truth:
        true = {record.pos for record in truth if record.pos > 42000}
    with pysam.VariantFile(str(out)) as records:
        called = {record.pos for record in records if "PASS" in record.filter}
    assert len(called & true) > 0.7 * len(true)


def test_an_executor_of_a_wheel_gives_the_same_bytes(dataset: SimulatedDataset, tmp_path: Path) -> None:
    environment, found = Environment(tmp_path, "processes"), {}
    assert "executor processes" in environment.run("plugins", "list")
    assert "processes: executors call functions: ok" in environment.checked
    for executor in ("local", "processes:2"):
        out = tmp_path / "calls.vcf.gz"
        said = environment.run(
            "call",
            "--tech",
            "illumina-wgs",
            *data_words(dataset, out),
            "--workers",
            1,
            "--executor",
            executor,
        )
        assert ("2 processes, by concurrent.futures" in said) == (executor == "processes:2")
        found[executor] = out.read_bytes()
    assert found["processes:2"] == found["local"]
