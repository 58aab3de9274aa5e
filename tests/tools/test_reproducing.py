"""Tables are measured one by one: what fails, what stands, and that all can be made."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import pytest

from dvplug.errors import DvplugError, InputError
from dvplug_lab import reproducing
from dvplug_lab.places import SHARED
from dvplug_lab.reproduction import species_model
from dvplug_lab.reproduction.curves import Given
from dvplug_lab.reproduction.results import (
    PAGE,
    QUICK,
    RESULTS,
    Result,
    Setting,
    Sizes,
    read_results,
    with_tables,
)
from dvplug_lab.reproduction.species import OTHERS
from dvplug_lab.standing import STAMP, digest, fresh
from helpers.places import ROOT
from helpers.species import write_wheel


def setting_in(folder: Path) -> Setting:
    return Setting(folder / "shared", folder / "reads", folder / "made", folder / "genomes", 1, Sizes())


@pytest.fixture
def two_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Setting, list[str]]:
    """Two tables of one group and one of another, on data of one file; and the names of those that were measured."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "reads.bam").write_text("reads")
    measured: list[str] = []

    def measure(name: str, setting: Setting) -> Result:
        measured.append(name)
        (setting.made / "calls.vcf").touch()
        (setting.reads / "simulated.bam").touch()
        if name == "S4":
            raise DvplugError("no sequence", cause="it is away")
        if name == "2C":
            raise BrokenProcessPool
        return Result([{"caller": "x"}], 1.5, 0.25, 1)

    monkeypatch.setattr(reproducing, "alone", measure)
    monkeypatch.setattr(reproducing, "of_tables", lambda s: digest([s.shared], str(s.sizes)))
    monkeypatch.setattr(reproducing, "of_reads", lambda s: digest([s.shared]))
    monkeypatch.setattr(reproducing.species, "wheels", lambda genomes: [])
    return setting_in(tmp_path), measured


def test_a_table_that_fails_loses_no_other_and_only_what_is_missing_is_measured_again(
    two_tables: tuple[Setting, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    setting, measured = two_tables
    kept: dict[str, Result] = {}
    names = ["2C", "S4", "S1", "2B"]
    found = reproducing.measure_all(names, setting, False, kept.__setitem__)
    assert measured == names
    assert [*kept] == ["S1", "2B"]
    with pytest.raises(DvplugError, match="2 of 4 tables failed: 2C, S4"):
        reproducing.require_all_made(found)
    summary = capsys.readouterr().out.split("\n\n")[-1]
    assert "2C          failed: its process was killed, as happens where memory is short" in summary
    assert "S4          failed: no sequence: it is away" in summary.replace("\n  ", " ")
    assert "S1          measured     1.5 minutes    0.2 GB" in summary
    measured.clear()
    again = reproducing.measure_all(names, setting, False, kept.__setitem__)
    assert measured == ["2C", "S4"]
    assert [one.stood for one in again] == [False, False, True, True]
    assert again[2].result == found[2].result


def test_tables_are_measured_again_where_they_are_made_of_something_else_or_it_is_asked_for(
    two_tables: tuple[Setting, list[str]],
) -> None:
    setting, measured = two_tables

    def measure(*names: str, again: bool = False, of: Setting = setting) -> list[str]:
        measured.clear()
        reproducing.measure_all(names, of, again, lambda *_: None)
        return [*measured]

    assert measure("S1", "2B") == ["S1", "2B"]
    assert measure("S1", "2B") == []
    assert measure("S1", again=True) == ["S1"]
    assert measure("2B") == []
    other_sizes = replace(setting, sizes=Sizes(length=7))
    assert measure("S1", "2B", of=other_sizes) == ["S1", "2B"]
    assert (setting.reads / "simulated.bam").exists()  # whose digest has no sizes here
    (setting.shared / "reads.bam").write_text("other reads")
    before = (setting.reads / STAMP).read_text()
    assert measure("S1", of=other_sizes) == ["S1"]
    assert (setting.reads / STAMP).read_text() != before
    vcf = setting.shared.parent / "gatk.vcf"
    vcf.write_text("calls")
    assert measure("2A", of=other_sizes) == ["2A"]
    given = replace(other_sizes, vcfs=(Given("gatk", vcf, "hg002_illumina"),))
    assert measure("2A", of=given) == ["2A"]
    assert measure("2A", of=given) == []
    vcf.write_text("other calls")
    assert measure("2A", of=given) == ["2A"]


def test_code_models_and_data_are_what_tables_are_made_of(tmp_path: Path) -> None:
    for name in (*reproducing.SIMULATOR, *reproducing.CODE):
        assert (ROOT / name).exists()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.py").write_text("1")
    first = digest([tmp_path / "a"], "x")
    assert digest([tmp_path / "a"], "y") != first
    (tmp_path / "a" / "__pycache__").mkdir()
    (tmp_path / "a" / "__pycache__" / "one.pyc").write_text("compiled")
    assert digest([tmp_path / "a"], "x") == first
    (tmp_path / "a" / "one.py").rename(tmp_path / "a" / "two.py")
    assert digest([tmp_path / "a"], "x") != first


def test_no_folder_of_others_is_emptied(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(InputError, match=r"holds what this script did not make.*--work"):
        fresh(tmp_path, "abc")
    assert (tmp_path / "mine.txt").exists()


def test_every_table_is_made_by_the_quick_way(tmp_path: Path) -> None:
    """From nothing to the page, with random sequence in the place of other species'."""
    needed = ("bwa", "samtools", "bcftools", "freebayes")
    if absent := [name for name in needed if not shutil.which(name)]:
        pytest.skip(f"needs {' and '.join(absent)}")
    if not SHARED.is_dir():
        pytest.skip("needs the real data")
    rng = random.Random(3)
    ends = (100_000, 200_000, species_model.TUNE_AT + QUICK.length)
    for one, end in zip(OTHERS, ends, strict=True):
        text = "\n".join("".join(rng.choices("ACGT", k=100)) for _ in range(3000)) + "\n"
        write_wheel(tmp_path, one, ">a\n" + text * (1 + end // 300_000))
    command = [
        sys.executable,
        str(ROOT / "tools" / "reproduce.py"),
        "all",
        "--quick",
        "--shared",
        str(SHARED),
    ]
    command += ["--work", str(tmp_path / "work"), "--genomes", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = read_results(tmp_path / "work" / RESULTS.name)
    assert sorted(found) == sorted(reproducing.TABLES)
    assert all(one.rows for one in found.values())
    page = (tmp_path / "work" / PAGE.name).read_text()
    assert with_tables(page, found) == page
    assert all(
        read_results()[name] != found[name] for name in ("S1", "2B", "S4")
    )  # the docs have the real ones
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    summary = again.stdout.strip().split("\n\n")[-1].splitlines()
    assert [line.split()[:2] for line in summary] == [[name, "stands"] for name in reproducing.TABLES]
