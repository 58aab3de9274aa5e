"""Indexes of BAM and CRAM: where they end, and whether they are of their file."""

from __future__ import annotations

import gzip
import shutil
import struct
from itertools import islice
from pathlib import Path

import pysam
import pytest

from dvplug.simulate import SimulatedDataset
from dvplug.system import indexes
from dvplug.system.indexes import belongs, cram_belongs, index_end
from helpers.called_part import call


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
        assert index_end(index) == (1, reads.tell(), unplaced)
    assert belongs(path, index, 1)
    assert not belongs(path, index, 2)
    longer = tmp_path / "longer.bam"
    longer.write_bytes(path.read_bytes() * 2)
    assert belongs(longer, index, 1) is (unplaced > 0)  # what follows may be reads without a position
    cut = tmp_path / "cut.bam"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert not belongs(cut, index, 1)
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
    assert not belongs(path, tmp_path / "x.bai", 1)


@pytest.mark.parametrize(
    "content",
    [
        b"BAI\1" + struct.pack("<2iIi", 1, 1, 37450, -1),
        b"BAI\1" + struct.pack("<4i", 1, 0, -5, 0),
        b"CSI\1" + struct.pack("<3i", 14, -1, 0),
        b"CSI\1" + struct.pack("<3i", 14, 1 << 20, 0),
        b"CSI\1" + struct.pack("<3i", 14, 5, -9),
        b"CSI\1" + struct.pack("<4i", 14, 5, 0, 1) + struct.pack("<iIQi", 1 << 30, 1, 0, -1) + bytes(64),
    ],
)
def test_counts_that_cannot_be_are_refused_before_they_are_counted_to(tmp_path: Path, content: bytes) -> None:
    for path, bytes_ in ((tmp_path / "x.bai", content), (tmp_path / "x.csi", gzip.compress(content))):
        path.write_bytes(bytes_)
        with pytest.raises(ValueError, match="cannot be a count in an index"):
            index_end(path)


def test_an_index_that_unpacks_to_more_than_any_is_not_unpacked(
    dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "MOST_UNPACKED", 50_000)
    index = tmp_path / "x.csi"
    index.write_bytes(gzip.compress(b"CSI\1" + bytes(49_996)))
    index_end(index)
    index.write_bytes(gzip.compress(b"CSI\1" + bytes(49_997)))
    with pytest.raises(ValueError, match="unpacks to more than 50000 bytes"):
        index_end(index)
    (tmp_path / "x.crai").write_bytes(gzip.compress(b"\n" * 50_001))
    assert not cram_belongs(dataset.reads, tmp_path / "x.crai")


@pytest.mark.parametrize("content", [gzip.compress(bytes(5000), mtime=0)[:-9], b"\x1f\x8b" + bytes(9)])
def test_a_packed_index_that_is_damaged_is_a_value_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.csi").write_bytes(content)
    with pytest.raises(ValueError, match="is damaged"):
        index_end(tmp_path / "x.csi")
