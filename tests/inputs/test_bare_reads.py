"""What is read of a BAM file without pysam is what pysam says of it."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pysam
import pytest

from dvplug.inputs import bare_reads as of_bare_reads
from dvplug.inputs import read_evidence
from dvplug.inputs.bare_reads import bare_reads
from dvplug.simulate import SimulatedDataset

HEADER = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": n, "LN": 900_000} for n in ("a", "b")]}
CIGARS = ["100M", "3S40M2I20M5D30M5S", "10=1X80=9S", "20H100M", "50M1000N50M", "100I", None]


def written(path: Path, reads: int) -> Path:
    """A sorted, indexed BAM of reads of all kinds on two contigs, and of some that lie nowhere."""
    rng = random.Random(reads)
    places = sorted((rng.randrange(2), rng.randrange(800_000)) for _ in range(reads))
    with pysam.AlignmentFile(str(path), "wb", header=HEADER) as out:
        for k, (contig, start) in enumerate([*places, *[(-1, -1)] * 5]):
            read = pysam.AlignedSegment(out.header)
            read.query_name = f"r{k}" * rng.randrange(1, 9)
            read.reference_id, read.reference_start = contig, start
            read.flag = 4 if contig < 0 else rng.choice((0, 0, 0, 16, 256, 1024, 99, 2048, 4))
            read.mapping_quality = rng.choice((0, 20, 60, 255))
            read.query_sequence = "ACGTA" * 20
            read.cigarstring = None if contig < 0 else rng.choice(CIGARS)
            read.query_qualities = pysam.qualitystring_to_array("I" * 100)
            read.set_tag("RG", "x" * rng.randrange(1, 30))
            out.write(read)
    pysam.index(str(path))
    return path


@pytest.mark.parametrize("skipped", [0, 1, 700])
@pytest.mark.parametrize("start", [None, 0, 300_000])
def test_records_are_those_of_pysam(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skipped: int, start: int | None
) -> None:
    """From the beginning on, or on one contig; where parts end bears on nothing."""
    monkeypatch.setattr(of_bare_reads, "_CHUNK", 10_000)
    with pysam.AlignmentFile(str(written(tmp_path / "x.bam", 3000))) as file:
        reads = file.fetch(until_eof=True) if start is None else file.fetch("a", start)
        for _ in range(skipped + 1):
            next(reads)
        parts = list(bare_reads(file, None if start is None else 0))
        found = [row for part in parts for row in zip(*(column.tolist() for column in part), strict=True)]
        assert found == [
            (read.reference_id, read.reference_start, _end(read), read.flag, read.mapping_quality)
            for read in reads
        ]
    assert len(parts) > 1 or skipped


def _end(read: pysam.AlignedSegment) -> int:
    """Where it ends by its CIGAR, which pysam does not look at where a read is not mapped."""
    if not read.cigartuples:
        return 0
    return int(
        read.reference_start + (sum(n for code, n in read.cigartuples if code in (0, 2, 3, 7, 8)) or 1)
    )


@pytest.mark.parametrize(
    "limits", [(50_000, 10_000_000), (2000, 10_000_000), (50_000, 150_000), (500, 20_000)]
)
def test_evidence_does_not_depend_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int]
) -> None:
    """For any limits of what is looked at, in a small file and a large one, which has several places."""
    monkeypatch.setattr(read_evidence, "_MOST_READS", limits[0])
    monkeypatch.setattr(read_evidence, "_MOST_BASES", limits[1])
    monkeypatch.setattr(read_evidence, "EXAMINED", 50)
    path = written(tmp_path / "x.bam", 4000)
    with pysam.AlignmentFile(str(path)) as file:
        found = read_evidence.gather(file)
        monkeypatch.setattr(read_evidence, "_following", lambda *given: None)
        assert found == read_evidence.gather(file)
    assert found.reads


def test_evidence_of_a_simulated_genome(dataset: SimulatedDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    with pysam.AlignmentFile(str(dataset.reads)) as file:
        found = read_evidence.gather(file)
        monkeypatch.setattr(read_evidence, "_following", lambda *given: None)
        assert found == read_evidence.gather(file)
    assert found.depth


@pytest.mark.parametrize(("at", "value"), [(0, 5), (0, 1 << 30), (0, -9), (16, 0xFFFF)])
def test_damaged_records_are_errors(tmp_path: Path, at: int, value: int) -> None:
    """Sizes that cannot be, a record that the file does not hold whole, more CIGAR than there is record."""
    with pysam.BGZFile(str(written(tmp_path / "x.bam", 50)), "rb") as file:
        content = bytearray(file.read())
    with pysam.AlignmentFile(str(_packed(tmp_path / "y.bam", content))) as file:
        next(file)
        next(file)
        struct.pack_into("<i" if at == 0 else "<H", content, (file.tell() & 0xFFFF) + at, value)
    with pysam.AlignmentFile(str(_packed(tmp_path / "z.bam", content))) as file:
        next(file)
        next(file)
        with pytest.raises(OSError, match="record"):
            list(bare_reads(file, None))


def _packed(path: Path, content: bytearray) -> Path:
    """A file of one block of BGZF."""
    with pysam.BGZFile(str(path), "wb") as file:
        file.write(bytes(content))
    return path
