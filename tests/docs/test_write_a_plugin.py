"""The tutorial, followed to its end: its files are written and its commands typed, in an environment of their own."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pysam
import pytest

from dvplug.simulate import SimulatedDataset
from helpers.environments import OFFLINE, fresh_environment
from helpers.pages import BLOCK
from helpers.places import ROOT

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("pip", "hatchling", "editables"))), reason="pip and hatchling build the plugins"
)
PAGE = (ROOT / "docs" / "write-a-plugin.md").read_text()
QUICK, _, SLOW = PAGE.partition("\n## From an empty folder\n")


def follow(part: str, folder: Path, environment: dict[str, str]) -> str:
    """Write the named blocks and run the commands, in the order of the page; returns what was printed."""
    said = ""
    for block in BLOCK.finditer(part):
        language, *name = block["language"].split()
        if name:
            (folder / name[0]).parent.mkdir(parents=True, exist_ok=True)
            (folder / name[0]).write_text(block["body"])
            continue
        command = {"sh": ["bash", "-e", "-c", block["body"]], "python": ["python", "-c", block["body"]]}[
            language
        ]
        ran = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{block['body']}\n{ran.stdout}\n{ran.stderr}"
        said += ran.stdout + ran.stderr
    return said


def test_the_page_can_be_followed_from_an_empty_folder_to_its_end(
    dataset: SimulatedDataset, tmp_path: Path
) -> None:
    python = fresh_environment(tmp_path / "environment")
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "DVPLUG_PLUGINS")} | OFFLINE
    environment |= {
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "DVPLUG_HOME": str(tmp_path / "h"),
    }
    folders = [tmp_path / "afternoon", tmp_path / "dvplug-toy"]
    for folder in folders:
        folder.mkdir()
        for name, target in (("genome.fa", dataset.reference), ("sample.bam", dataset.reads)):
            (folder / name).symlink_to(target)
            index = next(target.parent.glob(f"{target.name}.[fbc]*i"))
            (folder / f"{name}{index.suffix}").symlink_to(index)
    said = follow(QUICK, folders[0], environment)
    assert "failed" not in said
    said = follow(SLOW, folders[1], environment)
    assert " passed" in said
    assert "toy@1.0.0: 2 files have their sha256" in said
    for path, least in ((folders[0] / "calls.vcf.gz", 50), (folders[1] / "toy.vcf.gz", 1)):
        with pysam.VariantFile(str(path)) as records:
            assert sum(1 for _ in records) >= least
    listed = subprocess.run(
        ["dvplug", "plugins", "list", "--json"], env=environment, capture_output=True, text=True, check=True
    )
    status = {row["name"]: row["status"] for row in json.loads(listed.stdout)}
    assert (status["toy"], status["my-sequencer"]) == ("ok", "ok")
