"""Reads behind repeats, real and simulated ones side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.sequence.codes import decode_bases
from dvplug.simulate.genome import write_fasta
from dvplug.simulate.learn.after_runs import SHOWN
from dvplug_lab.read_comparison import UNITS, behind_repeats
from helpers.shared_data import SHARED, needs_shared

RUN, DEPTH = 11, 60


@pytest.fixture
def reads(tmp_path: Path) -> tuple[Path, Path]:
    """Forward reads of 100 bp around a homopolymer of 11 bp: behind it quality 20, and one base in ten wrong."""
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 4, 2000).astype(np.uint8)
    codes[1000 : 1000 + RUN], codes[999], codes[1000 + RUN] = 3, 0, 1
    fasta = write_fasta(tmp_path / "ref.fa", {"x": codes})
    header = pysam.AlignmentHeader.from_dict({"SQ": [{"SN": "x", "LN": 2000}]})
    with pysam.AlignmentFile(str(tmp_path / "r.bam"), "wb", header=header) as out:
        for start in np.sort(rng.integers(0, 1900, 2000 * DEPTH // 100)).tolist():
            shown, quality = codes[start : start + 100].copy(), np.full(100, 30)
            if start <= 1000 - SHOWN:
                behind = max(1000 + RUN - start, 0)
                wrong = np.flatnonzero(rng.random(100) < 0.1)
                wrong = wrong[wrong >= behind]
                shown[wrong] = (shown[wrong] + 1 + rng.integers(0, 3, len(wrong))) % 4
                quality[behind:] = 20
            read = pysam.AlignedSegment(header)
            read.query_name, read.query_sequence = f"r{start}", decode_bases(shown)
            read.query_qualities = pysam.qualitystring_to_array("".join(chr(33 + q) for q in quality))
            read.reference_id, read.reference_start, read.mapping_quality = 0, start, 60
            read.cigarstring = "100M"
            out.write(read)
    pysam.index(str(tmp_path / "r.bam"))
    return tmp_path / "r.bam", fasta


def test_what_was_planted_is_found(reads: tuple[Path, Path]) -> None:
    found = behind_repeats(*reads)
    assert list(found) == [f"{low}-{high - 1}" for low, high in UNITS]
    quality, wrong = map(float, found["10-12"].split(", "))
    assert quality == 20
    assert wrong == pytest.approx(10, abs=1.5)
    assert found["17-24"] == found["25-99"] == "-"


@needs_shared
def test_real_reads_are_worse_behind_longer_ones() -> None:
    found = behind_repeats(
        SHARED / "illumina/NA12878_b37.chr20_10.0-10.1M.2x101.50x.bam",
        SHARED / "reference/b37.chr20_regions.fa.gz",
    )
    told = [tuple(map(float, value.split(", "))) for value in found.values() if value != "-"]
    assert len(told) >= 4
    assert [quality for quality, _ in told[:4]] == sorted((quality for quality, _ in told[:4]), reverse=True)
    assert told[3][1] > 5 * told[0][1]
