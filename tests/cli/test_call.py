"""`dvplug call`: options that say how it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dvplug.simulate import SimulatedDataset
from helpers.command import call_words


def test_max_memory_lowers_the_workers_and_says_so(dataset: SimulatedDataset, tmp_path: Path) -> None:
    """In a process of its own: what other tests have loaded into this one counts, too."""
    command = [sys.executable, "-c", "from dvplug.cli import main; main()"]
    more = ("--regions", "chrS:1-5000", "--max-memory", "500M")
    done = subprocess.run(
        [*command, *call_words(dataset, tmp_path / "x.vcf", "--workers", 2, *more)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "1 worker(s) in place of 2, so that they fit into --max-memory 500.0MB" in done.stderr
    refused = subprocess.run(
        [*command, *call_words(dataset, tmp_path / "x.vcf", "--workers", 2, "--max-memory", "50M")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert refused.returncode == 2
    assert "--max-memory 50.0MB is too little" in " ".join(refused.stderr.split())
