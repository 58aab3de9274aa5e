"""Calling where TensorFlow and Keras are not installed: all other packages are, by links."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from dvplug.simulate import SimulatedDataset
from helpers.command import call_words
from helpers.places import ROOT

LEFT_OUT = re.compile(r"(?i)(tensorflow|keras|tf_keras|tensorboard)\b|.*\.pth$")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    for kind in ("purelib", "platlib"):
        for path in Path(sysconfig.get_path(kind)).iterdir():
            if not LEFT_OUT.match(path.name) and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
    return folder


def run_without(packages: Path, code: str, *words: object) -> subprocess.CompletedProcess[str]:
    roots = [str(ROOT / name) for name in ("core", "registry", "plugins")]
    return subprocess.run(
        [sys.executable, "-S", "-c", code, *map(str, words)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*roots, str(packages)])},
        check=False, capture_output=True, text=True,
    )  # fmt: skip


DVPLUG = "from dvplug.cli import main; main()"


@pytest.mark.parametrize("module", ["tensorflow", "keras"])
def test_they_are_really_absent(packages: Path, module: str) -> None:
    done = run_without(packages, f"import {module}")
    assert f"ModuleNotFoundError: No module named '{module}'" in done.stderr


def test_a_call_runs_and_writes_the_same(
    packages: Path, dataset: SimulatedDataset, called: Path, tmp_path: Path
) -> None:
    out = tmp_path / "without.vcf.gz"
    done = run_without(packages, DVPLUG, *call_words(dataset, out, "--keep-ref-calls", "--workers", "2"))
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == called.read_bytes()


def test_what_needs_them_says_so(packages: Path, dataset: SimulatedDataset, tmp_path: Path) -> None:
    words = [word.replace("cpu", "gpu") for word in call_words(dataset, tmp_path / "calls.vcf")]
    done = run_without(packages, DVPLUG, *words)
    assert done.returncode == 2
    assert "tensorflow is not installed" in done.stderr
    assert "pip install 'tensorflow" in done.stderr
    trained = run_without(
        packages, DVPLUG, "train", "model", dataset.reads, "--ref", dataset.reference, "--tech", "illumina-wgs",
        "--out", tmp_path / "my-1.0.0",
    )  # fmt: skip
    assert trained.returncode == 2
    assert "tensorflow is not installed" in trained.stderr
    assert not list(tmp_path.iterdir())
