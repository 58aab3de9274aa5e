"""The benchmark of real reads: what is laid out, and what follows from the figures."""

import json
import re
from pathlib import Path

import pysam
import pytest

from dvplug_lab.costs.slices import Slice
from dvplug_lab.places import REPOSITORY
from dvplug_lab.speed import real_reads
from dvplug_lab.speed.laid_out import LaidOut, lay_out
from dvplug_lab.speed.processes import Cost
from helpers.shared_data import SHARED, needs_shared

SET = Slice(
    "trio", "illumina-wgs", "illumina/trio_b37.chr20_10.00-10.01M.2x151.NA12878.bam",
    "reference/b37.chr20_regions.fa.gz", ("20:10000000-10004000", "20:10005000-10009000"), share=0.5,
)  # fmt: skip


@needs_shared
def test_reads_lie_on_copies_of_where_they_come_from(tmp_path: Path) -> None:
    laid = lay_out(SET, 0.024, tmp_path, SHARED)
    assert laid.megabases == pytest.approx(0.024)
    with pysam.AlignmentFile(str(SHARED / SET.reads)) as given:
        places = {(read.query_name, read.flag): read.reference_start for read in given}
    shown, bases = [], 0
    with (
        pysam.AlignmentFile(str(laid.reads)) as reads,
        pysam.FastaFile(str(laid.reference)) as copies,
        pysam.FastaFile(str(tmp_path / "b37.chr20_regions.fa")) as fasta,
    ):
        assert list(reads.references) == [f"copy{copy}_{i}" for copy in range(3) for i in range(2)]
        for read in reads:
            start = places[read.query_name, read.flag]
            size = read.reference_length or 0
            copy = copies.fetch(read.reference_name, read.reference_start, read.reference_start + size)
            assert copy == fasta.fetch("20", start, start + size)
            shown.append((read.reference_name, read.query_name))
            begin = int(SET.regions[int(str(read.reference_name)[-1])].partition(":")[2].split("-")[0])
            bases += 0 if read.is_duplicate else read.get_overlap(
                read.reference_start - start + begin, read.reference_start - start + begin + 4000
            ) or 0  # fmt: skip
    assert laid.depth == pytest.approx(bases / 24_000)
    drawn = [{name for contig, name in shown if contig == f"copy{copy}_0"} for copy in range(3)]
    assert drawn[0] != drawn[1] != drawn[2]  # another half each time


def test_cost_per_megabase_is_what_the_larger_costs_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        real_reads, "lay_out", lambda one, size, folder: LaidOut(folder / "f", folder / "r", size, 30.0)
    )

    def measure(pipeline: list[list[str]], _: object) -> Cost:
        size = 3.0 if "large" in " ".join(pipeline[0]) else 0.2
        return Cost(2 + 0.5 * size, 1.0, [100.0, 20.0], [])

    monkeypatch.setattr(real_reads, "measure", measure)
    found = real_reads.measure_set(SET, tmp_path, ["dvplug", "floor"], {"before": Path("/other")}, 2)
    assert [row.program for row in found] == ["dvplug", "before", "floor"]
    for row in found:
        assert (row.cpu_s, row.start_s, row.peak_mb) == (pytest.approx(0.5), pytest.approx(2), 100)
    history = tmp_path / "history.jsonl"
    real_reads.keep(history, found, REPOSITORY)
    lines = [json.loads(line) for line in history.read_text().splitlines()]
    assert [line["program"] for line in lines] == ["dvplug", "before", "floor"]
    assert len(lines[0]["commit"]) >= 7


def test_another_version_is_run_from_its_tree() -> None:
    laid = LaidOut(Path("large/f.fa"), Path("large/r.bam"), 3.0, 30.0)
    found = real_reads.programs(laid, "ont", Path("work"), {"before": Path("/tree")}, ["dvplug", "bcftools"])
    (command,), variables = found["before"]
    assert variables["PYTHONPATH"].split(":") == ["/tree/core", "/tree/registry", "/tree/plugins"]
    assert command[command.index("--out") + 1] == "work/before.vcf.gz"
    assert "ont" in " ".join(found["bcftools"][0][0])


def test_the_table_has_all_figures_beside_dvplug_s() -> None:
    rows = [
        real_reads.PerMegabase("dvplug", "30x", 31.2, 0.5, 1.25, 180.4),
        real_reads.PerMegabase("bcftools", "30x", 31.2, 4.0, 0.1, 40.0),
    ]
    *_, ours, theirs = real_reads.table(rows).split("\n")
    assert ours == "| 30x | 31 | dvplug | 0.500 | 1.00 | 1.25 | 180 |"
    assert theirs == "| 30x | 31 | bcftools | 4.000 | 8.00 | 0.10 | 40 |"


def shown_on_the_page() -> list[list[str]]:
    """The cells of the table, without those of ratios."""
    page = (REPOSITORY / "docs" / "performance.md").read_text()
    shown = page.partition(real_reads.BEGIN)[2].partition(real_reads.END)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in shown.strip().split("\n")[2:]]


def test_what_the_page_shows_is_in_the_history() -> None:
    lines = (REPOSITORY / "docs" / "speed.jsonl").read_text().splitlines()
    history = {line: json.loads(line) for line in lines}
    kept = {
        (one["reads"], f"{one['depth']:.0f}", one["program"], f"{one['cpu_s']:.3f}", f"{one['peak_mb']:.0f}")
        for one in history.values()
    }
    rows = shown_on_the_page()
    assert {(*row[:4], row[6]) for row in rows} <= kept
    names = {one.name for one in real_reads.SETS}
    assert {row[0] for row in rows} | {one["reads"] for one in history.values()} <= names
    assert {"dvplug", "gvcf", "bcftools", "floor"} == {row[2] for row in rows} - {"9fe1050"}
    of_hifi = [one for one in history.values() if (one["reads"], one["program"]) == ("hifi", "bcftools")]
    page = (REPOSITORY / "docs" / "performance.md").read_text()
    assert f"took {of_hifi[-1]['cpu_s']:.0f} CPU s per Mb of the HiFi reads when it was last asked" in page


def test_what_the_page_says_follows_from_its_table() -> None:
    page = (REPOSITORY / "docs" / "performance.md").read_text()
    cpu_s = {(row[0], row[2]): float(row[3]) for row in shown_on_the_page()}
    peak = {(row[0], row[2]): row[6] for row in shown_on_the_page()}

    def ratio(reads: str, program: str, other: str = "dvplug") -> float:
        return cpu_s[reads, program] / cpu_s[reads, other]

    said = re.search(
        r"bcftools takes ([\d.]+) times as much at 30x, ([\d.]+) times at 80x, ([\d.]+) times of the ONT reads",
        page,
    )
    assert said
    expected = [ratio(reads, "bcftools") for reads in ("30x", "80x", "ont")]
    assert [float(one) for one in said.groups()] == pytest.approx(expected, abs=0.06)
    assert f"takes {ratio('30x', 'dvplug', 'floor'):.1f} times what decoding alone does" in page
    more = re.search(r"With a gVCF it is (\d+) % more at 30x, (\d+) % at 80x, (\d+) % of HiFi", page)
    assert more
    extra = [100 * (ratio(reads, "gvcf") - 1) for reads in ("30x", "80x", "hifi")]
    assert [float(one) for one in more.groups()] == pytest.approx(extra, abs=0.6)
    genome = re.search(r"A genome of 3,100 Mb .* would take ([\d.]+) minutes, ([\d.]+) with a gVCF", page)
    assert genome
    minutes = [cpu_s["30x", program] * 3100 / 16 / 60 for program in ("dvplug", "gvcf")]
    assert [float(one) for one in genome.groups()] == pytest.approx(minutes, abs=0.06)
    assert f"**Memory** of the one process at 30x: {peak['30x', 'dvplug']} MB" in page


def test_the_cpu_hours_of_a_genome_follow_from_the_seconds_of_a_megabase() -> None:
    docs = REPOSITORY / "docs"
    measured, said = (docs / "performance.md").read_text(), (docs / "reproduce.md").read_text()
    for reads, row in {"30x": "Illumina WGS, 31x", "hifi": "PacBio HiFi, 20x to 22x"}.items():
        of_row = re.search(rf"^\| {reads} \| \d+ \| gvcf \| ([\d.]+) ", measured, re.MULTILINE)
        assert of_row
        hours = float(of_row[1]) * 2900 / 3600
        assert re.search(rf"^\| dvplug \| {row} \|.*\| {hours:.1f} to [\d.]+ \|$", said, re.MULTILINE)
