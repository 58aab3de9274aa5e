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


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs_onnx if name == "graph" else ()) for name in WHEELS]
)
def test_a_wheel_is_installed_checked_and_called_with(
    name: str, dataset: SimulatedDataset, tmp_path: Path
) -> None:
    others, tech, options = WHEELS[name]
    python = fresh_environment(tmp_path / "environment")
    environment = os.environ | OFFLINE | {"DVPLUG_HOME": str(tmp_path / "home")}
    for variable in ("PYTHONPATH", "DVPLUG_PLUGINS"):
        environment.pop(variable, None)

    def run(*words: object) -> str:
        command = [python, "-c", "from dvplug.cli import main; main()", *map(str, words)]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return " ".join((ran.stdout + ran.stderr).split())

    for each in (*others, name):
        said = run("plugins", "install", wheel_of(each, tmp_path))
    entry_point = "toy" if name == "api_2" else name
    assert f"Ready: {entry_point}." in said
    said = run("plugins", "check", entry_point)
    assert said.count(": ok") == said.count(f"{entry_point}: ") >= 10
    out = tmp_path / "calls.vcf"
    where = ("--ref", dataset.reference, "--reads", dataset.reads, "--regions", "chrS:1-40000", "--out", out)
    run("call", "--tech", tech, *where, "--workers", 1, "--device", "cpu", *options)
    with pysam.VariantFile(str(out)) as records:
        assert sum(1 for _ in records) >= 10
        assert f'Version="{"0.3.0" if name == "api_2" else "0.1.0"}"' in str(records.header)
        assert all(option in str(records.header) for option in options)
