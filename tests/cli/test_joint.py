"""`dvplug joint`: what it writes and says."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.command import run_captured
from helpers.gvcfs import Cohort, rows, values


def test_the_command_genotypes_a_family(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cohort = Cohort(tmp_path)
    line = cohort.record(100, cohort.base(100), f"{cohort.other(100)},<*>", "50,0,50,990,990,990")
    child = cohort.write("kid", [cohort.block(1, 99), line, cohort.block(101, 2000)])
    parents = [cohort.write(name, [cohort.block(1, 2000)]) for name in ("dad", "mum")]
    pedigree = tmp_path / "family.ped"
    pedigree.write_text("F kid dad mum 1 1\n")
    words = [
        "joint",
        child,
        *parents,
        "--ref",
        cohort.reference,
        "--out",
        tmp_path / "out.vcf.gz",
        "--workers",
        1,
    ]
    code, _, err = run_captured(capsys, *words, "--pedigree", pedigree)
    assert code == 0
    assert "1 sites of 3 samples" in err
    assert "kid: 1 new mutations" in err
    assert values(tmp_path / "out.vcf.gz", 100, "kid")["GT"] == "0/1"
    code, _, _ = run_captured(capsys, *words, "--regions", "chr1:1-50", "chr1:200-300")
    assert code == 0
    assert rows(tmp_path / "out.vcf.gz") == []
    code, _, err = run_captured(capsys, "joint", "--ref", cohort.reference, "--out", tmp_path / "none.vcf")
    assert code == 2
    assert "No gVCF was given" in err
