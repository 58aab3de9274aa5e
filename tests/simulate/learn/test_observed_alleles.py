"""Alleles that reads show, counted over a region."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.simulate.learn.observed_alleles import count_alleles, covered_intervals, molecules_alike

REFERENCE_START, LENGTH = 20, 10


@pytest.fixture
def bam(tmp_path: Path) -> Path:
    """Reads from one place: plain, an insertion, a deletion, a clip, a low quality, and a duplicate."""
    path = tmp_path / "x.bam"
    header = pysam.AlignmentHeader.from_dict({"SQ": [{"SN": "c", "LN": 1000}]})
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for cigar, bases, quality, flag in (
            ("10M", "ACGTACGTAC", 30, 0),
            ("5M2I5M", "ACGTAGGCGTAC", 30, 0),
            ("5M2D3M", "ACGTATAC", 30, 0),
            ("4M6S", "ACGTTTTTTT", 30, 0),
            ("10M", "TTTTTTTTTT", 5, 0),
            ("10M", "TTTTTTTTTT", 30, pysam.FDUP),
        ):
            read = pysam.AlignedSegment(header)
            read.query_name, read.query_sequence, read.cigarstring, read.flag = cigar, bases, cigar, flag
            read.reference_id, read.reference_start, read.mapping_quality = 0, REFERENCE_START, 60
            read.query_qualities = pysam.qualitystring_to_array(chr(33 + quality) * len(bases))
            out.write(read)
    pysam.index(str(path))
    return path


def test_bases_indels_and_clips_are_counted(bam: Path) -> None:
    counts = count_alleles(bam, "c", REFERENCE_START, REFERENCE_START + LENGTH)
    assert counts.bases[0].tolist() == [4, 0, 0, 0]  # the base of low quality is none
    assert counts.depth.tolist() == [5] * 4 + [4] * 6
    assert dict(counts.indels) == {(4, "GG"): 1, (4, "-2"): 1}
    assert counts.clips.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]


def test_a_region_may_begin_inside_reads(bam: Path) -> None:
    whole = count_alleles(bam, "c", REFERENCE_START, REFERENCE_START + LENGTH)
    part = count_alleles(bam, "c", REFERENCE_START + 3, REFERENCE_START + 8)
    assert part.bases.tolist() == whole.bases[3:8].tolist()
    assert dict(part.indels) == {(1, "GG"): 1, (1, "-2"): 1}


def test_short_stretches_are_not_covered(bam: Path) -> None:
    assert covered_intervals(bam, min_depth=3) == []


def test_both_reads_of_a_fragment_and_its_copies_are_one_molecule(tmp_path: Path) -> None:
    """At 30, G is shown by three fragments, of which one is read from both ends and copied; at 35, by a read alone."""
    path = tmp_path / "x.bam"
    header = pysam.AlignmentHeader.from_dict({"SQ": [{"SN": "c", "LN": 1000}]})
    reads = [
        (start, tlen, "A" * 10 + "G" + "A" * 4 + other + "A" * 4 if start == 20 else "A" * 5 + "G" + "A" * 14)
        for start, tlen, other in (
            (20, 25, "A"), (20, 25, "A"), (20, 0, "A"), (20, 40, "C"), (25, -25, ""), (25, -25, ""),
        )
    ]  # fmt: skip
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for number, (start, tlen, bases) in enumerate(reads):
            read = pysam.AlignedSegment(header)
            read.query_name, read.query_sequence, read.cigarstring = f"r{number}", bases, "20M"
            read.reference_id, read.reference_start, read.mapping_quality = 0, start, 60
            read.flag, read.template_length = 1 | 16 * (tlen < 0), tlen
            read.query_qualities = pysam.qualitystring_to_array("?" * 20)
            out.write(read)
    pysam.index(str(path))
    counts = count_alleles(path, "c", 20, 60)
    counts.bases[:, 0] = 0
    assert counts.bases[[10, 15]].max(axis=1).tolist() == [6, 1]
    assert molecules_alike(path, counts, np.array([10, 15])).tolist() == [3, 1]
