"""`dvplug warm` compiles all that calling needs, and a run needs no place to keep anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from dvplug.simulate import simulate_dataset
from dvplug.simulate.dataset import SimulatedDataset

CALL = """
import sys
from numba.core import event

class Compiled(event.Listener):
    def on_start(self, event): pass
    def on_end(self, event): print("compiled", event.data["dispatcher"].py_func.__qualname__)
event.register("numba:compile", Compiled())

from dvplug.cli import main
main(sys.argv[1:])
"""
NOBODY = 65534
AS_NOBODY = (
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
    "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
)  # fmt: skip
"""One who may read everything, wherever the interpreter lies, and write nothing that is not his."""


def call(
    data: SimulatedDataset, out: Path, tech: str, where: Mapping[str, str], as_user: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Call, as another user where one is given; its stdout has the names of the kernels that were compiled."""
    run = subprocess.run(
        [*as_user, sys.executable, "-c", CALL, "call", "--tech", tech, "--ref", str(data.reference), "--reads",
         str(data.reads), "--out", str(out), "--gvcf", f"{out}.g.vcf", "--force", "--workers", "1"],
        env=os.environ | where, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr
    return run


def test_nothing_is_left_to_compile(tmp_path: Path) -> None:
    kept = {"NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    run = subprocess.run(
        [sys.executable, "-c", CALL, "warm", "--tech", "illumina-wgs", "--tech", "ont"],
        env=os.environ | kept, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "compiled realign_windows" in run.stdout
    assert run.stderr.splitlines() == ["Compiling what illumina-wgs needs.", "Compiling what ont needs."]
    for rare in (
        "one_insertion",
        "_settle",
        "_split",
    ):  # of long indels, of overlapping ones, and of split reads: those below have none
        assert f"compiled {rare}" in run.stdout
    data = simulate_dataset(tmp_path / "other", length=60_000, depth=40, seed=5)
    for tech in ("illumina-wgs", "ont"):
        assert call(data, tmp_path / f"{tech}.vcf", tech, kept).stdout == ""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SimulatedDataset:
    return simulate_dataset(tmp_path_factory.mktemp("data"), length=10_000, depth=20)


def test_a_run_that_can_keep_nothing_says_so_and_ends_well(small: SimulatedDataset, tmp_path: Path) -> None:
    run = call(small, tmp_path / "calls.vcf", "illumina-wgs", {"NUMBA_CACHE_DIR": "/proc/nonexistent"})
    assert "Compiled kernels can be kept nowhere" in run.stderr
    assert "compiled count_alleles" in run.stdout
    assert "#CHROM" in (tmp_path / "calls.vcf").read_text()


@pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0 or shutil.which("setpriv") is None,
    reason="only root can become somebody else, with setpriv",
)
def test_a_user_who_can_write_to_the_output_alone(small: SimulatedDataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    os.chown(out, NOBODY, NOBODY)
    home = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "DVPLUG_HOME"), "/proc/nonexistent")
    call(small, out / "calls.vcf", "illumina-wgs", home, AS_NOBODY)
    assert (out / "calls.vcf").stat().st_uid == NOBODY
