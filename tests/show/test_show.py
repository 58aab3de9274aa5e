"""`dvplug show`: the images and answers are those of `dvplug call`, and pictures show them pixel by pixel."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.calling.run import CallOptions, call_variants
from dvplug.cli import main
from dvplug.images.channels import BASE_PIXEL, SUPPORT_PIXEL
from dvplug.line.record import VcfRecord
from dvplug.line.region import Region
from dvplug.plugins.builtin import CHANNELS
from dvplug.records.vcf import format_record
from dvplug.show.pictures import BASE_COLOURS, LEGENDS, draw_pileups, palette, row_groups
from dvplug.show.sites import ImageView, NoCandidate, Site, show_positions
from dvplug.show.terminal_pictures import LEFT, UPPER_HALF, picture_lines
from dvplug.simulate import SimulatedDataset
from dvplug.technology import ImageLayout
from helpers.shared_data import SHARED, needs_shared

LAYOUT = ImageLayout(
    height=12, width=11, reference_rows=1, channels=("read_base", "base_quality", "read_supports_variant")
)


def run(*words: object) -> int:
    with pytest.raises(SystemExit, match=r"^[012]$") as stop:
        main([str(word) for word in words])
    return int(stop.value.code or 0)


@pytest.mark.parametrize("tech", ["illumina-wgs", "pacbio"])
def test_what_is_shown_is_what_is_called(tech: str, dataset: SimulatedDataset, tmp_path: Path) -> None:
    """Every record of a VCF, RefCalls and all, with reads that are realigned and reads that are phased."""
    out = tmp_path / "calls.vcf"
    call_variants(
        CallOptions(
            tech, dataset.reference, (dataset.reads,), str(out), keep_ref_calls=True, device="cpu", force=True
        )
    )
    lines = [line for line in out.read_text().splitlines(keepends=True) if not line.startswith("#")]
    positions = list(dict.fromkeys(":".join(line.split("\t")[:2]) for line in lines))
    shown = show_positions(positions, tech, dataset.reference, [dataset.reads])
    assert [format_record(site.record) for site in shown.sites] == lines
    assert {len(site.images) for site in shown.sites} > {1}
    for site in shown.sites:
        n = len(site.alts)
        assert len(site.images) == n + n * (n - 1) // 2
        assert all(sum(view.probabilities) == pytest.approx(1, abs=1e-5) for view in site.images)


@needs_shared
def test_what_is_shown_of_real_reads_is_what_is_called(tmp_path: Path) -> None:
    reference = SHARED / "reference" / "b37.chr20_regions.fa.gz"
    reads = SHARED / "illumina" / "HG002_b37.chr20_slices.2x150.60-96x.bam"
    out, where = tmp_path / "calls.vcf", ("20:18,784,000-18,790,000",)
    call_variants(
        CallOptions("illumina-wgs", reference, (reads,), str(out), where, keep_ref_calls=True, device="cpu")
    )
    lines = [line for line in out.read_text().splitlines(keepends=True) if not line.startswith("#")]
    positions = [":".join(line.split("\t")[:2]) for line in lines]
    assert len(positions) > 10
    shown = show_positions(positions, "illumina-wgs", reference, [reads])
    assert [format_record(site.record) for site in shown.sites] == lines


def bases_at(data: SimulatedDataset, start: int, end: int) -> list[Counter[str]]:
    """Bases that reads show at each position, counted by pysam."""
    found = [Counter[str]() for _ in range(start, end)]
    with pysam.AlignmentFile(str(data.reads)) as reads:
        for column in reads.pileup(
            reads.references[0], start, end, truncate=True, stepper="nofilter", ignore_overlaps=False,
            min_base_quality=10, max_depth=10**6,
        ):  # fmt: skip
            for read in column.pileups:
                if not read.alignment.flag & 0xF04 and read.alignment.mapping_quality >= 5:
                    base = "*" if read.is_del else read.alignment.query_sequence[read.query_position]
                    found[column.reference_pos - start][base + "+" * (read.indel != 0)] += 1
    return found


def test_without_a_candidate_the_reads_are_counted(dataset: SimulatedDataset, called: Path) -> None:
    contig = pysam.FastaFile(str(dataset.reference)).references[0]
    with pysam.VariantFile(str(called)) as records:
        taken = [record.start for record in records]
    start, end = taken[3] - 150, taken[3]
    counted = bases_at(dataset, start, end)
    far = [i for i in range(start, end) if min(abs(i - t) for t in taken) > 20]
    shown = show_positions(
        [f"{contig}:{i + 1}" for i in far], "illumina-wgs", dataset.reference, [dataset.reads]
    )
    assert not shown.sites
    with_errors = 0
    for at, found in zip(far, shown.found, strict=True):
        assert isinstance(found, NoCandidate)
        bases = counted[at - start]
        if set(bases) == {found.ref}:
            assert found.counts == {}
            assert found.reads >= bases[found.ref]
        elif not any("+" in base or base == "*" for base in bases):
            expected = {base if base == found.ref else f"{found.ref}>{base}": n for base, n in bases.items()}
            assert found.counts == expected
            assert found.depth == sum(bases.values())
            with_errors += 1
        nearest = sorted(taken, key=lambda t: abs(t - at))[: len(found.nearest)]
        assert [site.record.start for site in found.nearest] == sorted(nearest)
    assert with_errors


def drawn_back(image: np.ndarray, width: int) -> np.ndarray:
    """The colours uint8[rows, columns, 3] of the panels of one row of panels, read from the terminal's text."""
    rows = []
    for line in picture_lines(image, LAYOUT, width):
        if UPPER_HALF not in line.plain:
            continue
        cells = np.full((2, 100, 3), -1)
        for span in line.spans:
            if set(line.plain[span.start : span.end]) == {UPPER_HALF}:
                cells[0, span.start : span.end] = span.style.color.triplet
                cells[1, span.start : span.end] = span.style.bgcolor.triplet
        rows += list(cells[:, LEFT:])
    return np.array(rows)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), used=st.integers(1, 12), width=st.integers(10, 60))
def test_the_terminal_shows_every_pixel(seed: int, used: int, width: int) -> None:
    image = np.zeros((12, 11, 3), np.uint8)
    image[:used] = np.random.default_rng(seed).integers(1, 256, (used, 11, 3))
    colours = drawn_back(image, width)
    lines = used + used % 2
    columns = min(11, (width - LEFT - 1) // 2 * 2 + 1) if width - LEFT >= 11 else 11
    across = max(1, (max(width - LEFT, 11) + 2) // (columns + 2))
    first = (11 - columns) // 2
    for k, channel in enumerate(LAYOUT.channels):
        row, column = k // across * lines, k % across * (columns + 2)
        expected = np.zeros((lines, columns, 3), np.uint8)
        expected[:used] = palette(channel)[image[:used, first : first + columns, k]]
        assert np.array_equal(colours[row : row + lines, column : column + columns], expected)


def one_site(base: int) -> Site:
    """A site whose reads all show one base: four rows, two of the alt and two of the reference."""
    image = np.zeros((12, 11, 3), np.uint8)
    image[:5, :, 0], image[:5, :, 1] = BASE_PIXEL[base], 254
    image[:5, :, 2] = SUPPORT_PIXEL[[3, 1, 1, 3, 3]][:, None]
    record = VcfRecord("chr1", 99, "A", ("C",), 30.0, "PASS", (0, 1), 30, 4, (2, 2), (0.5,), (30, 0, 30))
    return Site(Region("chr1", 99, 100), "A", ("C",), (ImageView(("C",), image, (0.0, 1.0, 0.0)),), record)


@pytest.mark.parametrize("base", range(4))
def test_the_picture_shows_bases_in_their_colours(base: int, tmp_path: Path) -> None:
    from matplotlib.image import imread

    draw_pileups([one_site(base)], LAYOUT, tmp_path / "picture.png")
    pixels = (imread(tmp_path / "picture.png")[:, :, :3] * 255).round().astype(np.int64)
    counts = [(pixels == colour).all(axis=2).sum() for colour in BASE_COLOURS.values()]
    assert counts[base] > 5 * max(counts[:base] + counts[base + 1 :])  # the others are in the legend alone
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


def test_rows_are_grouped_by_what_they_support() -> None:
    assert row_groups(one_site(0).images[0].pixels, LAYOUT) == [
        ("genome", 0, 1),
        ("alt", 1, 3),
        ("ref", 3, 5),
    ]
    bare = LAYOUT.model_copy(update={"channels": ("read_base",)})
    assert row_groups(one_site(0).images[0].pixels[:, :, :1], bare) == [("genome", 0, 1), ("reads", 1, 5)]


def test_every_channel_of_the_engine_has_a_legend() -> None:
    assert list(LEGENDS) == list(CHANNELS)


def arguments(data: SimulatedDataset, *more: object) -> list[object]:
    return ["show", "--tech", "illumina-wgs", "--ref", data.reference, "--reads", data.reads, *more]


def test_the_command_prints_the_call_and_draws(
    dataset: SimulatedDataset, called: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pysam.VariantFile(str(called)) as records:
        record = next(record for record in records if "PASS" in record.filter)
    picture = tmp_path / "picture.png"
    assert run(*arguments(dataset, "--at", f"{record.chrom}:{record.pos:,}", "--out", picture)) == 0
    printed = capsys.readouterr().out
    sample = record.samples[0]
    assert f"{record.chrom}:{record.pos:,} {record.ref}>{','.join(record.alts)}" in printed
    assert f"GT {'/'.join(map(str, sample['GT']))}  PASS  GQ {sample['GQ']}" in printed
    assert f"AD {','.join(map(str, sample['AD']))}" in printed
    assert len(re.findall(r"P\(no copy\) [01]\.\d+", printed)) == 1
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--at", "chrS:100-200"], "is 101 bases long"),
        (["--at", "chrX:100"], "Unknown contig 'chrX'"),
        (["--at", "chrS:100", "--out", "picture.jpg"], "has an unknown format"),
        (["--at", "chrS:100", "--out", "nowhere/picture.png"], "Folder nowhere of --out does not exist"),
        (["--at", "chrS:100", "--out", "picture.png"], "no position has a candidate"),
    ],
)
def test_mistakes_are_named(
    more: list[str], message: str, dataset: SimulatedDataset, capsys: pytest.CaptureFixture[str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(*arguments(dataset, *more)) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())
