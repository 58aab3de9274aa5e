"""The sample of a run: counted again read by read, and the same for parts of it as for their merge."""

from __future__ import annotations

import gzip
import random
import statistics
from collections import Counter
from pathlib import Path

import pysam
import pytest

from dvplug.errors import InputError
from dvplug.inputs.run_sample import RunSample, sample_run
from dvplug.inputs.sampled_reads import SampledReads
from dvplug.reads.groups import ReadSource
from dvplug.simulate import SimulatedDataset
from dvplug.technology import ReadFilter
from helpers.read_batches import Read, alignment_file

FILTER = ReadFilter()


def test_measures_are_those_of_the_reads(dataset: SimulatedDataset) -> None:
    """The file is sampled in windows of 10 kb that hold 1,000 reads or more: which ones, its first reads tell."""
    found = sample_run([ReadSource(dataset.reads)], dataset.reference, FILTER)
    qualities: Counter[int] = Counter()
    with pysam.AlignmentFile(str(dataset.reads)) as reads:
        all_reads = list(reads)
    windows = Counter(read.reference_start // 10_000 for read in all_reads)
    assert found.reads in {sum(windows[w] for w in chosen) for chosen in _some(sorted(windows))}
    for read in all_reads:
        qualities.update(min(q, 40) for q in read.query_qualities or ())
    assert found.measures["read_length"] == 150
    assert found.measures["with_fragment_length"] == 1
    assert found.measures["mapping_quality"] == 60
    assert found.measures["base_quality"] == statistics.median_low(sorted(qualities.elements()))
    assert found.measures["reverse_strand"] == pytest.approx(0.5, abs=0.02)
    assert found.measures["distinct_starts"] == pytest.approx(0.9, abs=0.05)
    assert 0.5 < found.measures["differing_positions"] < 3
    assert sum(found.base_quality) == pytest.approx(1)
    for quality, count in qualities.items():
        assert found.base_quality[quality] == pytest.approx(count / qualities.total(), abs=0.01)
    lengths = [abs(read.template_length) for read in all_reads]
    assert found.fragment_length == pytest.approx(statistics.median(lengths), abs=8)


def test_a_damaged_record_is_told_where_the_next_read_is_looked_for(tmp_path: Path) -> None:
    reads = [Read(k, "8M", "ACGTACGT") for k in range(0, 40, 4)]
    alignment_file(tmp_path / "x.bam", reads, {"c": "ACGT" * 100}).close()
    unpacked = bytearray(gzip.decompress((tmp_path / "x.bam").read_bytes()))
    last = unpacked.rindex(b"\x80\x00\x00\x00")  # its CIGAR, 8M
    for cigar in (b"\x80\x00\x00\x00", b"\x90\x00\x00\x00"):  # as it was; of a base more than there are
        unpacked[last : last + 4] = cigar
        with pysam.BGZFile(str(tmp_path / "x.bam"), "wb0") as out:  # stored, so that nothing lies elsewhere
            out.write(bytes(unpacked))
        if cigar[0] == 0x80:
            pysam.index(str(tmp_path / "x.bam"))
    with SampledReads([ReadSource(tmp_path / "x.bam")], tmp_path / "x.fa", FILTER) as sampled:
        assert sampled.next_read("c", 30) == 32
        with pytest.raises(InputError, match=r"cannot read .*x\.bam at c:35: .*samtools quickcheck"):
            sampled.next_read("c", 34)


def _some(windows: list[int]) -> list[list[int]]:
    """All subsets of six windows."""
    return [[w for k, w in enumerate(windows) if bits >> k & 1] for bits in range(1, 1 << len(windows))]


def test_few_reads_tell_no_shares_and_none_tell_nothing(tmp_path: Path) -> None:
    contigs = {"c": "ACGT" * 100}
    few = [Read(k, "8M", "ACGTACGT") for k in range(0, 40, 4)]
    alignment_file(tmp_path / "few.bam", few, contigs).close()
    found = sample_run([ReadSource(tmp_path / "few.bam")], tmp_path / "few.fa", FILTER)
    assert found.reads == 10
    assert found.measures == {
        "with_fragment_length": 0,
        "read_length": 8,
        "base_quality": 30,
        "mapping_quality": 60,
    }
    alignment_file(tmp_path / "none.bam", [], contigs).close()
    assert sample_run([ReadSource(tmp_path / "none.bam")], tmp_path / "none.fa", FILTER) == RunSample()


def test_cram_is_measured_where_its_reads_are(tmp_path: Path) -> None:
    """Its index does not count reads: five contigs without any are longer than the one that has them."""
    rng = random.Random(3)
    contigs = {"r": "".join(rng.choices("ACGT", k=8_000))}
    contigs |= {f"empty{k}": "ACGT" * 4_000 for k in range(6)}
    reads = [Read(k, "50M", contigs["r"][k : k + 50], tlen=300, name=f"r{k}") for k in range(0, 7_900, 5)]
    found = []
    for name in ("r.bam", "r.cram"):
        alignment_file(tmp_path / name, reads, contigs).close()
        found.append(sample_run([ReadSource(tmp_path / name)], tmp_path / "r.fa", FILTER))
    assert found[0].reads == len(reads)
    assert found[1] == found[0]
