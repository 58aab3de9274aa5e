"""Reports in a real browser: drawn, right, alive, quiet, and readable in the dark and on a telephone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.evaluate import evaluate
from dvplug.evaluate.judged import calibration, precision_recall, read_judged
from dvplug.report.calls import write_call_report
from dvplug.report.evaluation import evaluate_and_report
from dvplug.simulate import SimulatedDataset
from helpers.bcftools import HEADER, bcftools_stats
from helpers.browser import Opened, opened
from helpers.shared_data import SHARED, needs_shared

CHARTS = ("types", "filters", "substitutions", "indels", "contigs", "gq", "qual", "depth", "vaf", "stages")


@pytest.fixture(scope="module")
def run(dataset: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A VCF with RefCalls and its report."""
    folder = tmp_path_factory.mktemp("report")
    vcf, report = folder / "calls.vcf.gz", folder / "report.html"
    call_variants(
        CallOptions(
            "illumina-wgs", dataset.reference, (dataset.reads,), str(vcf), device="cpu", keep_ref_calls=True,
            report=report,
        )
    )  # fmt: skip
    return vcf, report


@pytest.fixture
def seen(run: tuple[Path, Path], browser: Any) -> Iterator[Opened]:
    """The report of the calls, opened."""
    with opened(browser) as seen:
        seen.open(run[1])
        yield seen


def records(vcf: Path, *filters: str) -> list[pysam.VariantRecord]:
    with pysam.VariantFile(str(vcf)) as found:
        return [record for record in found if set(record.filter) & set(filters)]


def parts(seen: Opened, chart: str) -> list[dict[str, float]]:
    """Boxes of the coloured parts of a chart."""
    return seen.page.locator(f"[data-chart='{chart}'] .bar-part").evaluate_all(
        "nodes => nodes.map(node => { const b = node.getBBox(); return {x: b.x, width: b.width, height: b.height}; })"
    )


def test_the_page_asks_for_nothing_and_does_not_complain(seen: Opened, run: tuple[Path, Path]) -> None:
    assert seen.requests == [run[1].as_uri()]
    assert seen.complaints == []
    assert run[1].stat().st_size < 100_000


def test_charts_are_drawn(seen: Opened) -> None:
    for chart in CHARTS:
        drawn = parts(seen, chart)
        assert drawn, chart
        assert all(part["width"] > 0 and part["height"] > 0 for part in drawn)
        area = seen.page.locator(f"[data-chart='{chart}'] svg").bounding_box()
        assert area["width"] > 300
        assert all(part["x"] + part["width"] <= area["width"] + 1 for part in drawn)


def test_tiles_are_what_bcftools_counts(seen: Opened, run: tuple[Path, Path]) -> None:
    stats = bcftools_stats(run[0], "PASS")
    numbers, tiles = dict(stats["SN"]), seen.tiles()
    assert tiles["records"] == numbers["number of records:"]
    assert tiles["SNPs"] == numbers["number of SNPs:"]
    assert int(tiles["insertions"]) + int(tiles["deletions"]) == int(numbers["number of indels:"])
    assert tiles["transitions / transversions"] == stats["TSTV"][0][2]
    snps, indels = stats["PSC"][0], list(map(int, stats["PSI"][0][5:9]))
    hets, homs = int(snps[3]) + sum(indels[:2]), int(snps[2]) + sum(indels[2:])
    assert float(tiles["het / hom-alt"]) == pytest.approx(hets / homs, abs=0.006)


def test_numbers_under_the_charts_are_those_of_the_vcf(seen: Opened, run: tuple[Path, Path]) -> None:
    passed = records(run[0], "PASS")
    gq = Counter(record.samples[0]["GQ"] for record in passed)
    shown = {int(label): sum(map(int, values)) for label, values in seen.table("gq").items()}
    assert {value: n for value, n in shown.items() if n} == gq
    genotypes = Counter("/".join(map(str, record.samples[0]["GT"])) for record in passed)
    (by_contig,) = seen.table("contigs").values()
    names = [name.split()[1] for name in seen.heads("contigs")[1:]]
    assert {name: int(n) for name, n in zip(names, by_contig, strict=True) if int(n)} == genotypes
    lengths = {int(label): sum(map(int, values)) for label, values in seen.table("indels").items()}
    expected = {int(length): int(n) for length, n, *_ in bcftools_stats(run[0], "PASS")["IDD"]}
    assert {length: n for length, n in lengths.items() if n} == expected


def test_the_reader_chooses_the_filter(seen: Opened, run: tuple[Path, Path]) -> None:
    both = records(run[0], "PASS", "RefCall")
    assert seen.tiles()["records"] == str(len(records(run[0], "PASS")))
    seen.page.get_by_label("RefCall").check()
    assert seen.tiles()["records"] == str(len(both))
    depths = sum(int(n) for values in seen.table("depth").values() for n in values)
    assert depths == len(both)
    seen.page.get_by_label("PASS", exact=True).uncheck()
    seen.page.get_by_label("RefCall").uncheck()
    assert seen.tiles()["records"] == "0"
    assert seen.tiles()["transitions / transversions"] == "–"
    assert not parts(seen, "gq")
    assert sum(int(n) for (n,) in seen.table("filters").values()) == len(both)  # of all, always
    assert seen.complaints == []


def test_a_series_can_be_hidden(seen: Opened) -> None:
    before = parts(seen, "types")
    card = seen.page.locator("[data-chart='types']")
    button = card.get_by_role("button", name="het 0/1")
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    hidden = parts(seen, "types")
    assert len(hidden) < len(before)
    button.click()
    assert parts(seen, "types") == before


def test_counts_can_be_logarithmic(seen: Opened) -> None:
    before = parts(seen, "vaf")
    seen.page.locator("[data-chart='vaf']").get_by_role("button", name="log").click()
    after = parts(seen, "vaf")
    assert min(p["height"] for p in after) > min(p["height"] for p in before)


def test_bars_tell_their_values(seen: Opened) -> None:
    tip, chart = seen.page.locator(".tip"), seen.page.locator("[data-chart='substitutions'] svg")
    assert tip.is_hidden()
    label, (transitions, transversions) = next(iter(seen.table("substitutions").items()))
    seen.page.locator("[data-chart='substitutions'] .hit").first.hover()
    assert tip.inner_text().splitlines()[:3] == [
        f"change: {label}",
        f"transition: {transitions}",
        f"transversion: {transversions}",
    ]
    seen.page.mouse.move(0, 0)
    chart.focus()
    seen.page.keyboard.press("ArrowRight")  # from the bar that was told last
    assert tip.inner_text().startswith(f"change: {list(seen.table('substitutions'))[1]}")
    seen.page.keyboard.press("Escape")
    assert tip.is_hidden()


def test_the_run_and_the_model_are_told(seen: Opened, run: tuple[Path, Path]) -> None:
    header = str(pysam.VariantFile(str(run[0])).header)
    told = seen.page.locator("[data-chart='provenance']").inner_text()
    command = next(line for line in header.splitlines() if line.startswith("##dvplugCommand="))
    assert command.partition("=")[2] in told
    assert "illumina-wgs@1.0.0" in seen.page.locator("[data-chart='model']").inner_text()
    assert seen.page.locator("[data-chart='metrics'] tbody tr").count() > 2
    assert seen.tiles()["candidates"] == str(len(records(run[0], "PASS", "RefCall", "LowQual", "LowGQ")))


def luminance(colour: str) -> float:
    """Relative luminance of rgb(r, g, b) (WCAG 2.2)."""
    values = [int(part) / 255 for part in colour[4:-1].split(",")]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_bars_stand_out_in_light_and_dark(scheme: str, run: tuple[Path, Path], browser: Any) -> None:
    with opened(browser, scheme=scheme) as seen:
        seen.open(run[1])
        page = luminance(seen.page.locator("body").evaluate("node => getComputedStyle(node).backgroundColor"))
        assert (page > 0.5) == (scheme == "light")
        card = luminance(
            seen.page.locator(".card").first.evaluate("node => getComputedStyle(node).backgroundColor")
        )
        for css, what, least in (
            (".card h3", "color", 4.5),
            (".card .note", "color", 4.5),
            (".card .bar-part", "fill", 2.4),
        ):
            of = luminance(seen.page.locator(css).first.evaluate(f"node => getComputedStyle(node).{what}"))
            assert (max(of, card) + 0.05) / (min(of, card) + 0.05) >= least


@pytest.mark.parametrize("width", [1600, 800, 380])
def test_the_page_fits_its_window(width: int, run: tuple[Path, Path], browser: Any) -> None:
    with opened(browser, width=width) as seen:
        seen.open(run[1])
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        boxes = seen.page.locator("article").evaluate_all(
            "all => all.map(a => a.getBoundingClientRect().right)"
        )
        assert max(boxes) <= width
        if width < 500:
            assert len(parts(seen, "gq")) > 5


def test_a_hostile_vcf_is_text(tmp_path: Path, browser: Any) -> None:
    vcf, report = tmp_path / "bad.vcf", tmp_path / "bad.html"
    evil = "</script><img src=http://127.0.0.1:9/x onerror=document.body.remove()>$title"
    record = "chr1\t5\t.\tA\tG\t30\tPASS\t.\tGT:GQ\t0/1:20\n"
    vcf.write_text((HEADER + record).replace("\tS\n", f"\t{evil}\n").replace("chr1", evil))
    write_call_report(vcf, report)
    with opened(browser) as seen:
        seen.open(report)
        assert seen.page.locator("h1").inner_text() == f"Variant calls of {evil}"
        assert list(seen.table("contigs")) == [evil]
        assert seen.page.locator("img").count() == 0
        assert seen.requests == [report.as_uri()]
        assert seen.complaints == []


@needs_shared
def test_a_real_slice_is_drawn(tmp_path: Path, browser: Any) -> None:
    """HG002's Illumina reads, called and evaluated: both pages are whole, and a picture of them is not empty."""
    from matplotlib.image import imread

    reference = SHARED / "reference" / "b37.chr20_regions.fa.gz"
    reads = SHARED / "illumina" / "HG002_b37.chr20_slices.2x150.60-96x.bam"
    truth = SHARED / "truth" / "HG002_b37_v4.2.1.chr20_slices_dev.vcf.gz"
    vcf, called, judged = (tmp_path / name for name in ("calls.vcf.gz", "calls.html", "judged.html"))
    where = ("20:18,784,000-18,820,000",)
    call_variants(CallOptions("auto", reference, (reads,), str(vcf), where, device="cpu", report=called))
    evaluate_and_report(truth, vcf, truth.with_name(truth.name.replace("vcf.gz", "bed")), reference, judged)
    for page in (called, judged):
        with opened(browser) as seen:
            seen.open(page)
            assert seen.complaints == []
            assert seen.requests == [page.as_uri()]
            shot = tmp_path / f"{page.stem}.png"
            seen.page.screenshot(path=shot, full_page=True)
            assert len(np.unique(imread(shot)[..., :3].reshape(-1, 3), axis=0)) > 20
            if page == called:
                assert all(parts(seen, chart) for chart in CHARTS)
                stats = bcftools_stats(vcf, "PASS")
                assert seen.tiles()["records"] == dict(stats["SN"])["number of records:"]
                assert seen.tiles()["transitions / transversions"] == stats["TSTV"][0][2]


@pytest.fixture(scope="module")
def evaluated(
    dataset: SimulatedDataset, run: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The calls with every tenth genotype made wrong, evaluated: the judged VCFs and the report."""
    folder = tmp_path_factory.mktemp("evaluated")
    query = folder / "query.vcf"
    with (
        pysam.VariantFile(str(run[0])) as calls,
        pysam.VariantFile(str(query), "w", header=calls.header) as out,
    ):
        for number, record in enumerate(calls):
            if number % 10 == 0 and record.samples[0]["GT"] == (0, 1):
                record.samples[0]["GT"] = (1, 1)
            out.write(record)
    evaluate_and_report(
        dataset.truth, query, dataset.confident, dataset.reference, folder / "report.html", out_dir=folder
    )
    return folder, folder / "report.html"


def test_an_evaluation_shows_counts_curves_calibration_and_errors(
    evaluated: tuple[Path, Path], dataset: SimulatedDataset, browser: Any
) -> None:
    folder, report = evaluated
    result = evaluate(dataset.truth, folder / "query.vcf", dataset.confident, dataset.reference)
    judged = read_judged(folder, dataset.reference)
    assert result.snp.fp > 1
    with opened(browser) as seen:
        seen.open(report)
        assert seen.requests == [report.as_uri()]
        cells = seen.page.locator("[data-chart='counts'] tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.cells].slice(0, 5).map(cell => cell.textContent))"
        )
        for row, name, counts in zip(cells, ("SNP", "INDEL"), (result.snp, result.indel), strict=True):
            assert row == [name, *map(str, (counts.tp_truth, counts.tp_query, counts.fp, counts.fn))]
        for kind in ("SNP", "INDEL"):
            curves = [precision_recall(judged, result, by)[kind] for by in ("qual", "gq")]
            assert seen.page.locator(f"[data-chart='curve-{kind}'] polyline").count() == 2
            shown = seen.page.locator(f"[data-chart='curve-{kind}'] circle").count()
            assert 0 < shown <= sum(map(len, curves))
            bands = [band for band in calibration(judged) if band["type"] == kind]
            assert seen.page.locator(f"[data-chart='calibration-{kind}'] circle").count() == len(bands)
        errors = seen.page.locator("[data-chart='errors'] tbody tr")
        assert errors.count() == sum(c.fp + c.fn for c in (result.snp, result.indel))
        why = seen.table("why")
        assert sum(map(int, why["genotype mismatch"])) == sum(
            one.error is not None and one.error[4] == "genotype_mismatch" for one in judged
        )
        seen.page.locator("[data-chart='curve-SNP'] circle").last.hover()
        assert "recall" in seen.page.locator(".tip").inner_text()
        assert seen.complaints == []


def test_the_command_reports_and_prints_the_same(
    evaluated: tuple[Path, Path],
    dataset: SimulatedDataset,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a browser: --report changes nothing of what is printed."""
    from dvplug.cli import main

    words = ["evaluate", "--truth", dataset.truth, "--query", evaluated[0] / "query.vcf"]
    words += ["--confident", dataset.confident, "--ref", dataset.reference, "--json"]
    printed = []
    for more in ([], ["--report", tmp_path / "report.html"]):
        with pytest.raises(SystemExit, match=r"^0$"):
            main([str(word) for word in (*words, *more)])
        printed.append(json.loads(capsys.readouterr().out))
    assert printed[0] == printed[1]
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
