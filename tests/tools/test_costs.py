"""The tables of what genomes cost: those of the pages are computed from what was measured, and computed rightly."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dvplug.joint.gvcfs import OPEN_FILES
from dvplug.joint.run import region_bp
from dvplug.simulate import SimulatedDataset
from dvplug_lab.costs import genomes, measured, slices
from helpers.places import ROOT

PAGE = (ROOT / "docs" / "performance.md").read_text()
ROW = measured.Measured(
    "made up", "illumina-wgs", 30.0, cpu_s=1.8, start_s=3.6, writer_s=0.036, cram_mb=10.0, vcf_kb=100.0,
    gvcf_kb=900.0, journal_kb=500.0, request_b=5_000.0, answer_b=15_000.0, region_kb=50.0,
)  # fmt: skip


def test_the_page_shows_what_is_computed_from_what_was_measured() -> None:
    page = (ROOT / "docs" / "costs.md").read_text()
    text = genomes.computed(measured.parsed(PAGE), measured.index_open(PAGE), genomes.Prices())
    marks = genomes.BEGIN, genomes.END
    assert genomes.between(page, marks, text) == page, "run python tools/cost_table.py write"
    assert str(genomes.JOINT_S) in (ROOT / "docs" / "cohort.md").read_text()


def test_what_was_measured_is_of_all_slices_and_plausible() -> None:
    rows = measured.parsed(PAGE)
    assert [(row.reads, row.technology) for row in rows] == [
        (one.name, one.technology) for one in slices.SLICES
    ]
    for row in rows:
        assert 0 < row.writer_s < row.cpu_s
        assert row.vcf_kb < row.gvcf_kb < 1e3 * row.cram_mb


def test_a_table_can_be_read_again() -> None:
    page = f"before\n{measured.BEGIN}\n{measured.table([ROW, ROW])}\n{measured.END}\nafter"
    assert measured.parsed(page) == [ROW, ROW]
    with pytest.raises(ValueError, match="no table of reads"):
        measured.parsed("a page")
    with pytest.raises(ValueError, match="opening an index"):
        measured.index_open("a page")


def cells(table: str, number: int) -> dict[str, str]:
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines())
    return dict(zip(head, rows[number], strict=True))


def test_one_sample() -> None:
    """2,900 Mb at 1.8 CPU s are 1.45 h. 64 cores would be done before the process that writes."""
    found = cells(genomes.one_table([ROW]), 0)
    assert found["CPU h"] == "1.45"
    assert found["h, 8 cores"] == "0.18"
    assert found["h, 64 cores"] == "0.03"  # 0.029 by the writer, 0.0227 by the others, and 0.001 to start
    assert (found["CRAM, GB"], found["VCF, MB"], found["gVCF, MB"]) == ("29", "290", "2,610")
    assert found["regions"] == "58,000"
    assert found["to and from workers, GB"] == "1.16"


def test_a_cohort() -> None:
    hundred = cells(genomes.many_table([ROW], genomes.Prices(core_hour=0.1, tb_month=10.0)), 1)
    assert hundred["samples"] == "100"
    assert hundred["calling, CPU h"] == "145"
    assert float(hundred["joint, CPU h"]) == pytest.approx(100 * 2900 * 0.26 / 3600, rel=0.01)
    assert float(hundred["calling and joint, money"]) == pytest.approx(16.6, rel=0.01)
    assert float(hundred["storage, money a month"]) == pytest.approx((2.9 + 0.29) * 10, rel=0.01)
    assert hundred["files"] == "700"


@pytest.mark.parametrize("samples", [2, OPEN_FILES, OPEN_FILES + 1, 3_000])
def test_how_often_files_are_opened(samples: int) -> None:
    """As a process does it: the first stay open, the others are opened for each region."""
    kept, times = set[int](), 0
    size = region_bp(samples)
    for _ in range(0, 2_900_000_000, size):
        new = [one for one in range(min(samples, OPEN_FILES)) if one not in kept]
        kept.update(new)
        times += len(new) + max(samples - OPEN_FILES, 0)
    assert genomes._opened(samples) == times


def test_a_run_is_counted(dataset: SimulatedDataset, tmp_path: Path) -> None:
    figures, out = tmp_path / "figures.json", tmp_path / "calls.vcf.gz"
    roots = [str(ROOT / name) for name in ("core", "registry", "plugins", "tools")]
    done = subprocess.run(
        [sys.executable, "-m", "dvplug_lab.costs.counted_call", str(figures), "call", "--tech", "illumina-wgs",
         "--ref", str(dataset.reference), "--reads", str(dataset.reads), "--out", str(out), "--workers", "1"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(roots)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(figures.read_text())
    assert out.is_file()
    assert found["journal"] > 500
    records = [line for line in gzip.decompress(out.read_bytes()).splitlines() if not line.startswith(b"#")]
    assert sum(map(len, records)) < found["answers"] < 10 * sum(map(len, records)) + 10_000
    assert 1_000 < found["request"] < 1_000_000
    assert 0 < found["writer_s"] < found["cpu_s"]
    assert 0 < found["called_s"] < found["cpu_s"]
    assert not list(tmp_path.glob(".*journal"))
