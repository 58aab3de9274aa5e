"""Inputs as people have them: CRAM, lanes, URLs, other indexes, packed references, BED from pipes. The same calls."""

from __future__ import annotations

import gzip
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

from dvplug.simulate import SimulatedDataset
from helpers.called_part import PART, call, contig_of
from helpers.command import records
from helpers.shared_data import SHARED, needs_shared

needs_samtools = pytest.mark.skipif(shutil.which("samtools") is None, reason="samtools is absent")


@pytest.fixture(scope="module")
def expected(dataset: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Records of 20 kb of the simulated dataset, from its plain BAM and FASTA."""
    out = tmp_path_factory.mktemp("expected") / "x.vcf"
    assert call(out, dataset.reference, dataset.reads, regions=f"{contig_of(dataset.reference)}:{PART}") == 0
    assert len(records(out)) > 10
    return records(out)


def assert_same(
    tmp_path: Path, dataset: SimulatedDataset, expected: list[str], reference: object, *reads: object
) -> None:
    out = tmp_path / "same.vcf"
    assert call(out, reference, *reads, regions=f"{contig_of(dataset.reference)}:{PART}") == 0
    assert records(out) == expected


# CRAM, indexes, packed references


@pytest.mark.parametrize("option", ["embed_ref=0", "embed_ref=1", "no_ref=1", "version=2.1"])
def test_cram(dataset: SimulatedDataset, tmp_path: Path, expected: list[str], option: str) -> None:
    path = tmp_path / "x.cram"
    words = ["-C", "-T", str(dataset.reference), "--output-fmt-option", option, "-o", str(path)]
    pysam.view(*words, str(dataset.reads), catch_stdout=False)
    pysam.index(str(path))
    assert_same(tmp_path, dataset, expected, dataset.reference, path)


def test_csi_index(dataset: SimulatedDataset, tmp_path: Path, expected: list[str]) -> None:
    path = Path(shutil.copy(dataset.reads, tmp_path / "x.bam"))
    pysam.index("-c", str(path))
    assert [p.name for p in tmp_path.glob("x.bam.*")] == ["x.bam.csi"]
    assert_same(tmp_path, dataset, expected, dataset.reference, path)


def test_a_packed_reference(dataset: SimulatedDataset, tmp_path: Path, expected: list[str]) -> None:
    packed = tmp_path / "genome.fa.gz"
    pysam.tabix_compress(str(dataset.reference), str(packed))
    pysam.faidx(str(packed))
    assert Path(f"{packed}.gzi").is_file()
    assert_same(tmp_path, dataset, expected, packed, dataset.reads)


# Lanes


@needs_samtools
@pytest.mark.parametrize("sort", [True, False], ids=["sorted by samtools", "in the order of the file"])
def test_lanes_give_the_records_of_their_merge(dataset: SimulatedDataset, tmp_path: Path, sort: bool) -> None:
    assert_lanes_are_called_as_their_merge(
        tmp_path, dataset.reference, dataset.reads, "chrS:1-40000", sort=sort
    )


@needs_samtools
@needs_shared
def test_real_lanes_give_the_records_of_their_merge(tmp_path: Path) -> None:
    reference, reads = "reference/b37.chr20_regions.fa.gz", "illumina/HG002_b37.chr20_slices.2x150.60-96x.bam"
    assert_lanes_are_called_as_their_merge(
        tmp_path, SHARED / reference, SHARED / reads, "20:18784000-18856000", sort=False
    )


def assert_lanes_are_called_as_their_merge(
    folder: Path, reference: Path, reads: Path, regions: str, *, sort: bool
) -> None:
    lanes = split(reads, folder, sort=sort)
    if sort:
        cram = lanes[0].with_suffix(".cram")
        pysam.view("-C", "-T", str(reference), "-o", str(cram), str(lanes[0]), catch_stdout=False)
        pysam.index(str(cram))
        lanes[0] = cram
    merged = folder / "merged.bam"
    subprocess.run(["samtools", "merge", "--reference", reference, "-o", merged, *lanes], check=True)
    pysam.index(str(merged))
    called = []
    for name, files in {"lanes": lanes, "merged": [merged]}.items():
        out = folder / f"{name}.vcf"
        assert call(out, reference, *files, regions=regions) == 0
        called.append(records(out))
    assert called[0] == called[1]
    assert len(called[0]) > 20


def split(bam: Path, folder: Path, *, sort: bool) -> list[Path]:
    """Deal the fragments of a BAM to three lanes, by the sum of the letters of their names."""
    lanes = [folder / f"lane{i}.bam" for i in range(3)]
    with pysam.AlignmentFile(str(bam)) as reads:
        files = [pysam.AlignmentFile(str(lane), "wb", template=reads) for lane in lanes]
        for read in reads:
            files[sum(read.query_name.encode()) % 3].write(read)
        for file in files:
            file.close()
    for lane in lanes:
        if sort:
            pysam.sort("-o", str(lane), str(lane))
        pysam.index(str(lane))
    return lanes


# BED


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("place", ["--regions=-", "--regions=/dev/stdin"])
def test_regions_from_a_pipe(
    dataset: SimulatedDataset, tmp_path: Path, expected: list[str], packed: bool, place: str
) -> None:
    bed = f"{contig_of(dataset.reference)}\t10000\t30000\n".encode()
    out = tmp_path / "x.vcf"
    words = [
        "call",
        "--tech",
        "illumina-wgs",
        "--ref",
        dataset.reference,
        "--reads",
        dataset.reads,
        "--out",
        out,
    ]
    words += ["--workers", 1, "--device", "cpu", place]
    code = "import sys\nfrom dvplug.cli import main\nmain(sys.argv[1:])"
    subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        input=gzip.compress(bed) if packed else bed,
        check=True,
    )
    assert records(out) == expected


def test_regions_from_a_packed_bed(dataset: SimulatedDataset, tmp_path: Path, expected: list[str]) -> None:
    bed = tmp_path / "targets.bed"
    bed.write_text(f"{contig_of(dataset.reference)}\t10000\t30000\n")
    pysam.tabix_compress(str(bed), str(tmp_path / "targets.bed.gz"))
    out = tmp_path / "x.vcf"
    assert call(out, dataset.reference, dataset.reads, regions=str(tmp_path / "targets.bed.gz")) == 0
    assert records(out) == expected


def test_targets_that_touch_are_called_as_one_wherever_the_seam_is(
    dataset: SimulatedDataset, tmp_path: Path
) -> None:
    """Seams lie before, within and behind each variant."""
    contig, bed, out = contig_of(dataset.reference), tmp_path / "targets.bed", tmp_path / "x.vcf"
    assert call(out, dataset.reference, dataset.reads, regions=f"{contig}:1-60000") == 0
    expected = records(out)
    placed = [(int(line.split("\t")[1]) - 1, len(line.split("\t")[3])) for line in expected]
    assert max(length for _, length in placed) > 2  # a deletion, which spans a seam
    seams = {seam for start, length in placed for seam in (start, start + 1, start + length)}
    edges = sorted({0, *seams, 60_000})
    lines = [f"{contig}\t{start}\t{end}\n" for start, end in itertools.pairwise(edges)]
    for order in (lines, lines[::-1]):
        bed.write_text("".join(order))
        assert call(out, dataset.reference, dataset.reads, regions=str(bed)) == 0
        assert records(out) == expected


# Names


def test_names_of_files_make_no_lines_of_the_header_and_do_not_reach_the_screen(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a\n##b\x1b[2J"
    folder.mkdir()
    reference = folder / "c\n##evil=1\t\x1b.fa"
    for suffix in ("", ".fai"):
        shutil.copy(f"{dataset.reference}{suffix}", f"{reference}{suffix}")
    bed, out = os.fsdecode(os.fsencode(folder) + b"/\xff\r.bed"), tmp_path / "x.vcf"
    Path(bed).write_text(f"{contig_of(dataset.reference)}\t10000\t11000\n")
    assert call(out, reference, dataset.reads, regions=bed) == 0
    header = [line for line in out.read_text().split("\n") if line.startswith("#")]
    assert [line for line in header if "evil" in line and line.startswith("##ref")] == [
        "##reference=c%0A##evil=1%09%1B.fa"
    ]
    assert not any(line.startswith(("##evil", "##b")) for line in header)
    (command,) = (line for line in header if line.startswith("##dvplugCommand="))
    assert "%FF" in command
    assert len(header[-1].split("\t")) == 10
    assert all(line.isprintable() for line in header[:-1])
    with pysam.VariantFile(str(out)) as vcf:
        assert list(vcf.header.contigs) == [contig_of(dataset.reference)]
    assert call(out, f"{reference}.none", dataset.reads) == 2
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert r"\x1b[2J" in said
    assert not [line for line in said.splitlines() if line.startswith("##")]
