"""Inputs as people have them: CRAM, lanes, URLs, other indexes, packed references, BED from pipes. The same calls."""

from __future__ import annotations

import gzip
import shutil
import struct
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pysam
import pytest

from dvplug.cli import main
from dvplug.inputs.alignment_index import belongs, cram_belongs, index_end
from dvplug.simulate import SimulatedDataset
from dvplug.system.locations import beside, file_name, is_remote, location, shown
from helpers.shared_data import SHARED, needs_shared

needs_samtools = pytest.mark.skipif(shutil.which("samtools") is None, reason="samtools is absent")
PART = "10001-30000"


def contig_of(reference: Path) -> str:
    with pysam.FastaFile(str(reference)) as fasta:
        return str(fasta.references[0])


def call(out: Path, reference: object, *reads: object, regions: str | None = None, workers: int = 1) -> int:
    words = [
        "call",
        "--tech",
        "illumina-wgs",
        "--ref",
        reference,
        "--out",
        out,
        "--device",
        "cpu",
        "--workers",
        workers,
    ]
    words += ["--reads", *reads, *(["--regions", regions] if regions else [])]
    with pytest.raises(SystemExit, match=r"^[012]$") as stop:
        main([str(word) for word in words])
    return int(stop.value.code or 0)


def records(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


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


@pytest.mark.parametrize("unplaced", [0, 3])
@pytest.mark.parametrize("options", [(), ("-c",), ("-c", "-m", "12")])
def test_where_an_index_ends(
    dataset: SimulatedDataset, tmp_path: Path, options: tuple, unplaced: int
) -> None:
    path = tmp_path / "x.bam"
    with (
        pysam.AlignmentFile(str(dataset.reads)) as reads,
        pysam.AlignmentFile(str(path), "wb", template=reads) as out,
    ):
        for read in reads:
            out.write(read)
        for i in range(unplaced):
            read = pysam.AlignedSegment()
            read.query_name, read.flag, read.query_sequence = f"u{i}", 4, "ACGT"
            out.write(read)
    pysam.index(*options, str(path))
    (index,) = tmp_path.glob("x.bam.*i")
    with pysam.AlignmentFile(str(path)) as reads:
        for _ in islice(reads, reads.mapped):  # as many as have a position
            pass
        assert index_end(index) == (reads.tell(), unplaced)
    assert belongs(path, index)
    longer = tmp_path / "longer.bam"
    longer.write_bytes(path.read_bytes() * 2)
    assert belongs(longer, index) is (unplaced > 0)  # what follows may be reads without a position
    cut = tmp_path / "cut.bam"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert not belongs(cut, index)
    (tmp_path / "junk").write_bytes(b"BAI\1\1\0")
    with pytest.raises(ValueError, match="breaks off"):
        index_end(tmp_path / "junk")


@pytest.mark.parametrize("options", [[], ["slices_per_container=3"], ["version=2.1"]], ids=str)
def test_an_index_of_cram_belongs_to_its_file_alone(
    dataset: SimulatedDataset, tmp_path: Path, options: list[str]
) -> None:
    crams = []
    for size in (300, 700):
        crams.append(tmp_path / f"{size}.cram")
        with (
            pysam.AlignmentFile(str(dataset.reads)) as reads,
            pysam.AlignmentFile(
                str(crams[-1]), "wc", template=reads, reference_filename=str(dataset.reference),
                format_options=[f"seqs_per_slice={size}".encode(), *(o.encode() for o in options)],
            ) as out,
        ):  # fmt: skip
            for read in reads:
                out.write(read)
        pysam.index(str(crams[-1]))
    indexes = [Path(f"{cram}.crai") for cram in crams]
    text = gzip.decompress(indexes[0].read_bytes())
    assert text.count(b"\n") > 20
    for cram, index in zip(crams, indexes, strict=True):
        assert [cram_belongs(other, index) for other in crams] == [other == cram for other in crams]
    broken = tmp_path / "broken.crai"
    columns = [line.split(b"\t") for line in text.splitlines()]
    for offset in (b"99999999999999999999999", b"-1", b"x", b"0"):
        broken.write_bytes(b"\n".join(b"\t".join([*c[:3], offset, *c[4:]]) for c in columns))
        assert not cram_belongs(crams[0], broken)
    broken.write_bytes(indexes[0].read_bytes()[:-30])
    assert not cram_belongs(crams[0], broken)


@pytest.mark.parametrize("kind", ["bam", "cram"])
def test_the_index_of_another_file_is_refused(
    kind: str, dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, other = tmp_path / f"ours.{kind}", tmp_path / f"other.{kind}"
    for path, step in ((ours, 1), (other, 2)):
        with (
            pysam.AlignmentFile(str(dataset.reads)) as reads,
            pysam.AlignmentFile(
                str(path), "w" + kind[0], template=reads, reference_filename=str(dataset.reference)
            ) as out,
        ):
            for read in islice(reads, 0, None, step):
                out.write(read)
        pysam.index(str(path))
    suffix = "bai" if kind == "bam" else "crai"
    shutil.copy(f"{other}.{suffix}", f"{ours}.{suffix}")
    assert call(tmp_path / "x.vcf", dataset.reference, ours) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"The index {ours}.{suffix} is not of {ours}" in said
    assert f"samtools index {ours}" in said


@pytest.mark.parametrize("kind", ["bam", "cram"])
def test_an_index_that_knows_of_no_read_is_refused(
    kind: str, dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"reads.{kind}"
    with (
        pysam.AlignmentFile(str(dataset.reads)) as reads,
        pysam.AlignmentFile(
            str(path), "w" + kind[0], template=reads, reference_filename=str(dataset.reference)
        ) as out,
    ):
        for read in reads:
            out.write(read)
    empty = b"BAI\1" + struct.pack("<iii", 1, 0, 0) if kind == "bam" else gzip.compress(b"")
    path.with_name(f"reads.{kind}.{'bai' if kind == 'bam' else 'crai'}").write_bytes(empty)
    assert call(tmp_path / "x.vcf", dataset.reference, path) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"The index of {path} is damaged: it knows of no read at chrS:" in said
    assert not (tmp_path / "x.vcf").exists()


def test_an_index_that_points_out_of_every_file_system_is_of_another_file(
    dataset: SimulatedDataset, tmp_path: Path
) -> None:
    path = tmp_path / "x.bam"
    shutil.copy(dataset.reads, path)
    (tmp_path / "x.bai").write_bytes(
        b"BAI\1" + struct.pack("<2iIi4Q", 1, 1, 37450, 2, 0, (1 << 63) + 1, 0, 0) + struct.pack("<iQ", 0, 0)
    )
    assert not belongs(path, tmp_path / "x.bai")


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


def test_locations() -> None:
    for text in ("https://a.b/c.bam", "s3://b/k.cram", "gs://b/k.bam", "ftp://h/f.bam", "http://h/f.bam"):
        assert is_remote(location(text))
        assert location(text) == shown(text) == text
    for text in ("reads.bam", "/data/http:/x.bam", "https.bam", "C://x.bam"):
        assert location(text) == Path(text)
    assert location("file:///data/x.bam") == Path("/data/x.bam")
    signed = "https://me:word@a.b/c/x.bam?X-Amz-Signature=1#f##idx##https://a.b/x.bai"
    assert shown(signed) == "https://a.b/c/x.bam"
    assert file_name(signed) == file_name(Path("/data/x.bam")) == "x.bam"
    assert beside("https://a.b/x.bam?sig=1", ".bai") == "https://a.b/x.bam.bai?sig=1"


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
