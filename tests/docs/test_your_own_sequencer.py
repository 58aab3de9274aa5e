"""The page from one BAM to a published model, followed to its end in two environments, with tiny worlds."""

from __future__ import annotations

import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pysam
import pytest

from dvplug.simulate import simulate_dataset
from helpers.aligners import needs_aligners
from helpers.environments import OFFLINE, fresh_environment
from helpers.pages import BLOCK
from helpers.places import ROOT

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("pip", "hatchling", "editables"))), reason="pip and hatchling build the plugins"
)
PAGE = (ROOT / "docs" / "your-own-sequencer.md").read_text()
OURS, _, THEIRS = PAGE.partition("\n## 8. Somebody else calls with it\n")
TINY = {
    "dvplug train simulate": " --scale 0.02",
    "dvplug train model": " --scale 0.05 --worlds 2 --depths 20 30",
}
"""What is added to commands that would take an hour."""


def type_commands(part: str, folder: Path, environment: dict[str, str]) -> str:
    """Type the commands of a part of the page; returns what was printed, on one line."""
    said = ""
    for block in BLOCK.finditer(part):
        text = block["body"]
        for command, more in TINY.items():
            text = re.sub(rf"^{command} .*$", rf"\g<0>{more}", text, flags=re.MULTILINE)
        ran = subprocess.run(
            ["bash", "-e", "-c", text], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )  # fmt: skip
        assert ran.returncode == 0, f"{text}\n{ran.stdout}\n{ran.stderr}"
        said += ran.stdout + ran.stderr
    return " ".join(said.split())


def environment_of(folder: Path) -> dict[str, str]:
    python = fresh_environment(folder / "environment")
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "DVPLUG_PLUGINS")}
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    return kept | OFFLINE | {"PATH": path, "DVPLUG_HOME": str(folder / "home")}


def make_reads(folder: Path) -> None:
    """Reads of a made-up machine, as its BAM names it."""
    data = simulate_dataset(folder, length=60_000, depth=30.0, seed=7)
    data.reference.rename(folder / "genome.fa")
    pysam.faidx(str(folder / "genome.fa"))
    with pysam.AlignmentFile(str(data.reads)) as reads:
        header = reads.header.to_dict()
        header["RG"] = [one | {"PL": "MYSEQ", "PM": "my-seq"} for one in header["RG"]]
        with pysam.AlignmentFile(str(folder / "my.bam"), "wb", header=header) as out:
            for read in reads:
                out.write(read)
    pysam.index(str(folder / "my.bam"))


@needs_aligners
def test_the_page_can_be_followed_to_its_end(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    make_reads(folder)
    said = type_commands(OURS, folder, environment_of(tmp_path / "ours"))
    assert "--tech auto is my-seq: @RG PM:my-seq" in said
    assert re.search(r"SNP \d+", said)
    assert ": failed" not in said
    assert "my-seq@1.0.0: published" in said
    said = type_commands(THEIRS, folder, environment_of(tmp_path / "theirs"))
    assert "Ready: my-seq" in said
    assert "my-lab offers 1 model" in said
    assert "# my-seq@1.0.0 Trained on simulated reads" in said
    assert "my-seq@1.0.0: nothing newer" in said
    with pysam.VariantFile(str(folder / "calls.vcf.gz")) as records:
        assert "my-seq@1.0.0" in str(records.header)
        assert sum("PASS" in record.filter for record in records) > 20
