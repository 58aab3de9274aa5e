"""Samples beside each other: sexes, outliers, what is said of them, and the files that say it."""

from __future__ import annotations

import csv
import json
import statistics
from pathlib import Path

import numpy as np
import pysam
import pytest

import dvplug
from dvplug.calling.options import CallOptions
from dvplug.cohort.comparison import COMPARED, MEASURES
from dvplug.cohort.measures import SampleMeasures
from dvplug.cohort.outliers import outliers
from dvplug.cohort.outputs import CohortFiles, write_cohort
from dvplug.cohort.sex import sex_by_depth
from dvplug.cohort.sheet import Sheet, SheetSample
from dvplug.cohort.tally import GenomeKinds, SampleTally, SnpSite
from dvplug.line.region import Partition, Region
from dvplug.line.result import Counts, RegionResult
from dvplug.simulate.genome import random_genome, write_fasta

X_38, Y_38 = 156_040_895, 57_227_415


def no_snps(name: str) -> list[SnpSite]:
    return []


def measures(
    depth: float | None = 30.0, x: float | None = None, y: float | None = None, **more: float
) -> SampleMeasures:
    usual = {"records": 5000, "snps": 4000, "indels": 1000, "ti_tv": 2.0, "het_hom": 1.6, "ins_del": 0.9}
    return SampleMeasures(depth=depth, x_depth=x, y_depth=y, **(usual | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("x", "y", "sex", "said"),
    [
        (15.0, 15.0, "male", "one X, Y"),
        (15.0, None, "male", "one X"),
        (30.0, 0.5, "female", "two X, no Y"),
        (30.0, None, "female", "two X"),
        (30.0, 15.0, None, "two X, Y"),  # XXY, or two samples in one
        (15.0, 0.0, None, "one X, no Y"),
        (45.0, 0.0, None, "X at 1.50 of the depth, no Y"),
        (22.0, None, None, "X at 0.73 of the depth"),
        (30.0, 4.5, "female", "two X, Y at 0.15"),
        (None, None, None, ""),
    ],
)
def test_the_sex_is_that_of_both_depths(x: float | None, y: float | None, sex: str | None, said: str) -> None:
    assert sex_by_depth(measures(30.0, x, y)) == (sex, said)


def result(known: int, depths: int, *lines: str) -> RegionResult:
    return RegionResult(list(lines), counts=Counts(known=known, depths=depths))


def part(contig: str, start: int, end: int) -> Partition:
    region = Region(contig, start, end)
    return Partition(region, (region,))


@pytest.mark.parametrize("prefix", ["chr", ""])
def test_depths_are_of_autosomes_and_of_x_and_y_without_what_they_share(prefix: str) -> None:
    names = {"1": 10**8, "22": 10**7, "X": X_38, "Y": Y_38, "M": 16_569, "Un_x": 10**5}
    tally = SampleTally(GenomeKinds.of({f"{prefix}{name}": length for name, length in names.items()}))
    for name, start, known, depths in (
        ("1", 0, 100, 3000), ("22", 0, 300, 9400), ("X", 20_000, 100, 9000), ("X", 2_781_400, 100, 9000),
        ("X", 5_000_000, 100, 1500), ("Y", 20_000, 50, 5000), ("Y", 6_000_000, 100, 1400),
        ("M", 0, 100, 10**6), ("Un_x", 0, 100, 10**5),
    ):  # fmt: skip
        tally.add(part(f"{prefix}{name}", start, start + 100), result(known, depths))
    found = {kind: tally.mean_depth(kind) for kind in ("autosomes", "X", "Y")}
    assert found == {"autosomes": 31.0, "X": 15.0, "Y": 14.0}


def test_where_no_contig_has_a_number_all_others_are_autosomes() -> None:
    kinds = GenomeKinds.of({"chrS": 10, "scaffold_7": 10, "MT": 5, "hs37d5": 5})
    assert kinds.kind == {"chrS": "autosomes", "scaffold_7": "autosomes"}


def test_kept_snps_are_those_that_pass_on_autosomes() -> None:
    line = "{}\t{}\t.\t{}\t{}\t30\t{}\t.\tGT\t0/1\n"
    lines = [
        line.format("chr1", 1, "A", "C", "PASS"), line.format("chr1", 2, "A", "C", "LowQual"),
        line.format("chr1", 3, "A", "C,G", "PASS"), line.format("chr1", 4, "AT", "A", "PASS"),
    ]  # fmt: skip
    tally = SampleTally(GenomeKinds.of({"chr1": 100, "chrX": 100}))
    tally.add(part("chr1", 0, 100), result(1, 1, *lines))
    tally.add(part("chrX", 0, 100), result(1, 1, line.format("chrX", 5, "A", "C", "PASS")))
    assert tally.sites() == [("chr1", 1, "A", "C")]


def test_an_outlier_is_far_from_the_median_by_deviations_from_it() -> None:
    values = {f"s{n}": 2.0 + 0.05 * (n % 5 - 2) for n in range(20)} | {"low": 1.5, "none": None}
    known = [value for value in values.values() if value is not None]
    middle = statistics.median(known)
    spread = 1.4826 * statistics.median(abs(value - middle) for value in known)
    (found,) = outliers("Ti/Tv", values)
    assert (found.sample, found.median) == ("low", middle)
    assert found.deviations == pytest.approx((1.5 - middle) / spread)
    assert outliers("Ti/Tv", dict(list(values.items())[-5:-1])) == []  # four samples
    alike = dict.fromkeys("abcdef", 2.0) | {"g": 2.1}
    assert outliers("Ti/Tv", alike) == []
    assert [one.sample for one in outliers("Ti/Tv", alike | {"h": 3.0})] == ["h"]


def test_what_stands_out_is_in_all_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet_path = tmp_path / "samples.tsv"
    rows = [
        SheetSample(f"s{n}", (n + 2,), (Path("x.bam"),), sex="male" if n % 2 else "female") for n in range(8)
    ]
    sheet = Sheet(sheet_path, tuple(rows))
    found = {
        row.name: measures(30 + n / 10, 15.0 if n % 2 else 30.0, 15.0 if n % 2 else 0.0)
        for n, row in enumerate(rows)
    }
    found["s2"] = measures(30.1, 15.0, 14.0, ti_tv=0.9)
    flagged = write_cohort(
        CohortFiles(tmp_path), sheet, found, no_snps, CallOptions.of(tech="a", ref="r", reads=(), out="")
    )
    assert [line.split(":")[0] for line in flagged] == ["s2", "s2"]
    assert "s2: female by the sheet, and male by depth (one X, Y)" in flagged
    assert "warning: s2: Ti/Tv 0.9, where the median is 2" in " ".join(capsys.readouterr().err.split())
    known = json.loads((tmp_path / "cohort.json").read_text())
    assert known["samples"]["s2"]["flags"] == [line.removeprefix("s2: ") for line in flagged]
    assert known["samples"]["s1"]["flags"] == []
    assert known["medians"]["ti_tv"] == 2.0
    assert [one["sample"] for one in known["outliers"]] == ["s2"]
    lines = (tmp_path / "cohort_samples_mqc.tsv").read_text().splitlines()
    table = list(csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t"))
    assert [row["Sample"] for row in table] == [row.name for row in rows]
    assert set(MEASURES) | {"Sample", "sex_of_sheet", "sex_by_depth", "flags"} == set(table[0])
    assert (table[2]["ti_tv"], table[2]["sex_by_depth"]) == ("0.9", "male")
    page = (tmp_path / "cohort.html").read_text()
    assert "http://www.w3.org" not in page or "src=" not in page
    for text in (
        "female by the sheet, and male by depth",
        '"id":"sexes"',
        *(f'"id":"by-{m.replace("_", "-")}"' for m in COMPARED),
    ):
        assert text in page


def test_the_comments_of_the_table_are_yaml_that_says_what_it_is(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    sheet = Sheet(tmp_path / "s.tsv", (SheetSample("one", (2,), (Path("x.bam"),)),))
    found = {"one": measures(None)}
    write_cohort(
        CohortFiles(tmp_path), sheet, found, no_snps, CallOptions.of(tech="a", ref="r", reads=(), out="")
    )
    lines = (tmp_path / "cohort_samples_mqc.tsv").read_text().splitlines()
    said = yaml.safe_load("\n".join(line.removeprefix("# ") for line in lines if line.startswith("#")))
    assert (said["id"], said["plot_type"]) == ("dvplug_cohort", "table")
    assert said["pconfig"]["id"] == "dvplug_cohort_table"


CONTIGS = {"chr1": 40_000, "chrX": 30_000, "chrY": 20_000}


def write_reads(path: Path, genome: dict[str, np.ndarray], depths: dict[str, float], sample: str) -> Path:
    """Reads of 150 bp that are as the reference."""
    rng = np.random.default_rng(len(sample))
    header = {
        "HD": {"VN": "1.6", "SO": "coordinate"},
        "SQ": [{"SN": name, "LN": len(codes)} for name, codes in genome.items()],
        "RG": [{"ID": sample, "SM": sample, "PL": "ILLUMINA"}],
    }
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for number, (contig, codes) in enumerate(genome.items()):
            count = int(depths[contig] * len(codes) / 150)
            for start in sorted(rng.integers(0, len(codes) - 150, count).tolist()):
                read = pysam.AlignedSegment(out.header)
                read.query_name = f"{contig}.{start}.{rng.integers(10**9)}"
                read.flag = 16 * int(rng.integers(2))
                read.reference_id, read.reference_start, read.mapping_quality = number, start, 60
                read.cigartuples = [(0, 150)]
                read.query_sequence = "".join("ACGT"[code] for code in codes[start : start + 150])
                read.query_qualities = pysam.qualitystring_to_array("".join(rng.choice(list("<AFI"), 150)))
                read.set_tag("RG", sample)
                out.write(read)
    pysam.index(str(path))
    return path


def test_reads_of_another_sex_than_the_sheet_says_are_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    genome = {name: random_genome(length, rng) for name, length in CONTIGS.items()}
    reference = write_fasta(tmp_path / "genome.fa", genome)
    male, female = {"chr1": 24.0, "chrX": 12.0, "chrY": 12.0}, {"chr1": 20.0, "chrX": 20.0, "chrY": 0.3}
    lines = ["sample\tbam\tsex"]
    for name, depths, sex in (
        ("him", male, "M"),
        ("her", female, "F"),
        ("swapped", female, "M"),
        ("unsaid", male, ""),
    ):
        reads = write_reads(tmp_path / f"{name}.bam", genome, depths, name)
        lines.append(f"{name}\t{reads}\t{sex}")
    sheet = tmp_path / "samples.tsv"
    sheet.write_text("".join(f"{line}\n" for line in lines))
    done = dvplug.call_cohort(
        sheet, reference, tmp_path / "out", tech="illumina-wgs", device="cpu", force=True
    )
    assert done.flagged == ("swapped: male by the sheet, and female by depth (two X, no Y)",)
    known = json.loads((tmp_path / "out" / "cohort.json").read_text())["samples"]
    assert {name: one["sex_by_depth"] for name, one in known.items()} == {
        "him": "male", "her": "female", "swapped": "female", "unsaid": "male",
    }  # fmt: skip
    assert known["him"]["depth"] == pytest.approx(24, rel=0.1)
    assert known["him"]["x_ratio"] == pytest.approx(0.5, rel=0.1)
