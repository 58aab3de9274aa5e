"""What reads show at an error."""

from __future__ import annotations

from pathlib import Path

import pysam

from dvplug_lab.comparison.errors import observed_alleles


def test_observed_alleles_name_the_bases_that_follow_and_deletions(tmp_path: Path) -> None:
    path = tmp_path / "x.bam"
    header = pysam.AlignmentHeader.from_dict({"SQ": [{"SN": "1", "LN": 100}]})
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for cigar, bases, quality in (
            ("10M", "ACGTACGTAC", 30),
            ("5M2I5M", "ACGTAGGCGTAC", 30),
            ("5M2D5M", "ACGTATACGT", 30),
            ("3M4D3M", "ACGCGT", 30),
            ("10M", "ACGTTCGTAC", 5),
        ):
            read = pysam.AlignedSegment(header)
            read.query_name, read.query_sequence, read.cigarstring = cigar, bases, cigar
            read.reference_id, read.reference_start, read.mapping_quality = 0, 20, 60
            read.query_qualities = pysam.qualitystring_to_array(chr(33 + quality) * len(bases))
            out.write(read)
    pysam.index(str(path))
    with pysam.AlignmentFile(str(path)) as alignments:
        assert observed_alleles(alignments, "1", 24) == {"A": 1, "AGG": 1, "A-2": 1, "*": 1}
