"""What `--executor` may say, and an executor that strangers bring, as docs/cluster.md shows one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.errors import DvplugError, InputError
from dvplug.executors.choice import check_executor
from dvplug.simulate import SimulatedDataset
from helpers.command import call_words
from helpers.pages import BLOCK
from helpers.places import ROOT

POINTS = "[dvplug.executors]\nlab = lab_executor:open_pool\nbroken = no_such_module:open_pool\n"


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder with a distribution that brings the executor of the page."""
    page = (ROOT / "docs" / "cluster.md").read_text()
    (block,) = [b["body"] for b in BLOCK.finditer(page) if b["language"] == "python lab_executor.py"]
    folder = tmp_path / "site"
    (folder / "lab_executor-1.0.dist-info").mkdir(parents=True)
    (folder / "lab_executor.py").write_text(block)
    (folder / "lab_executor-1.0.dist-info" / "METADATA").write_text("Name: lab-executor\nVersion: 1.0\n")
    (folder / "lab_executor-1.0.dist-info" / "entry_points.txt").write_text(POINTS)
    return folder


def test_an_executor_of_strangers_gives_the_same_bytes(
    dataset: SimulatedDataset, lab: Path, tmp_path: Path
) -> None:
    path = os.pathsep.join([str(lab), *filter(None, [os.environ.get("PYTHONPATH")])])
    found = {}
    for executor in ("local", "lab:2"):
        out = tmp_path / "calls.vcf.gz"
        words = call_words(dataset, out, "--workers", "1", "--executor", executor)
        done = subprocess.run(
            [sys.executable, "-c", "from dvplug.cli import main; main()", *words],
            env=os.environ | {"PYTHONPATH": path}, check=True, capture_output=True, text=True,
        )  # fmt: skip
        assert ("2 processes of the lab" in done.stderr) == (executor == "lab:2")
        found[executor] = out.read_bytes()
    assert found["lab:2"] == found["local"]


def test_one_that_cannot_be_imported_is_told_with_its_distribution(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(lab)
    with pytest.raises(DvplugError, match="the executor 'broken' of lab-executor cannot be imported"):
        check_executor("broken:here", "auto")


@pytest.mark.parametrize(
    ("executor", "told"),
    [
        ("dsk:local", "--executor 'dsk:local' is unknown"),
        ("dask:somewhere", "--executor dask:somewhere names no scheduler"),
        ("dask:", "--executor dask: names no scheduler"),
        ("absent.toml", "--executor absent.toml cannot be read: No such file"),
    ],
)
def test_what_is_none_is_refused(executor: str, told: str) -> None:
    pytest.importorskip("dask_jobqueue", reason="dvplug[cluster] is not installed")
    with pytest.raises(InputError, match=re.escape(told)):
        check_executor(executor, "auto")


def test_a_gpu_and_what_is_wrong_besides_are_told_together(dataset: SimulatedDataset, tmp_path: Path) -> None:
    options = CallOptions(
        "illumina-wgs", dataset.reference, (tmp_path / "absent.bam",), str(tmp_path / "calls.vcf.gz"),
        device="gpu", executor="dask:local",
    )  # fmt: skip
    with pytest.raises(
        DvplugError, match=r"--device gpu cannot be had with --executor dask:local[^$]*absent\.bam"
    ):
        call_variants(options)
