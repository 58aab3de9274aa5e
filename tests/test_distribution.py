"""What the wheels hold: of dvplug, and of a plugin that was begun by `dvplug plugins new`."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvplug.plugins.scaffold import new_project
from helpers.places import ROOT

wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed")


def files(project: Path) -> set[str]:
    return {file.distribution_path for file in wheel.WheelBuilder(str(project)).recurse_included_files()}


def test_every_package_says_that_it_is_typed() -> None:
    found = files(ROOT)
    packages = {path.partition("/")[0] for path in found}
    assert packages > {"dvplug", "dvplug_registry", "dvplug_ont"}
    assert {package for package in packages if f"{package}/py.typed" not in found} == set()


def test_a_new_plugin_says_that_it_is_typed_and_brings_its_models(tmp_path: Path) -> None:
    project = new_project("my-seq", tmp_path)
    (project / "dvplug_my_seq" / "models" / "my-seq-1.0.0").mkdir()
    (project / "dvplug_my_seq" / "models" / "my-seq-1.0.0" / "model.tflite").touch()
    found = files(project)
    assert {"dvplug_my_seq/py.typed", "dvplug_my_seq/models/my-seq-1.0.0/model.tflite"} <= found
