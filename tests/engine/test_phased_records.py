"""Long reads are phased. Records depend neither on what haplotypes are called, nor on what is called around them."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pysam
import pytest

import dvplug
from dvplug.candidates import phasing
from dvplug.line.contexts import PhaseContext
from dvplug.line.record import VcfRecord
from dvplug.sequence.arrays import UInt8s
from helpers.shared_data import SHARED, needs_shared

REFERENCE = "reference/grch38.chr20_and_21_10M.fa.gz"
SETS = {
    "pacbio": ("pacbio/HG002_GRCh38.hifi_sequel2.chr20_60-160k.21x.bam", 60_000, 160_000),
    "ont": ("ont/HG002_GRCh38.r10.4.1_sup.chr20_5.02-5.075M.bam", 5_020_000, 5_052_500),
}


def whole_chr20(tmp_path: Path, reads: Path) -> Path:
    """The reference of the reads: its first 10 Mb are at hand, the rest is N."""
    with pysam.AlignmentFile(str(reads)) as file, pysam.FastaFile(str(SHARED / REFERENCE)) as given:
        bases = given.fetch("chr20").ljust(file.get_reference_length("chr20"), "N")
    path = tmp_path / "chr20.fa"
    path.write_text(f">chr20\n{bases}\n")
    pysam.faidx(str(path))
    return path


def called(tech: str, reference: Path, *regions: tuple[int, int]) -> list[VcfRecord]:
    reads = SHARED / SETS[tech][0]
    places = [f"chr20:{start + 1}-{end}" for start, end in regions]
    return list(dvplug.call(tech, reference, reads, regions=places, device="cpu", force=True))


def swapped(context: PhaseContext) -> UInt8s:
    phased = phasing.phase_reads(context.reads, context.candidates)
    assert phased.haplotype.any()
    return np.array([0, 2, 1], np.uint8)[phased.haplotype]


@needs_shared
@pytest.mark.parametrize("tech", SETS)
def test_records_depend_on_neither_labels_nor_cuts(
    tech: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, first, last = SETS[tech]
    reference = whole_chr20(tmp_path, SHARED / file)
    whole = called(tech, reference, (first, last))
    assert len(whole) > 50
    monkeypatch.setattr(phasing, "phase_in_context", swapped)
    assert called(tech, reference, (first, last)) == whole
    monkeypatch.undo()
    rng = random.Random(20)
    cuts = sorted({first, last, *rng.sample(range(first, last), 19)})
    pieces = list(pairwise(cuts))
    halves = [called(tech, reference, *half) for half in (pieces[::2], pieces[1::2])]
    assert sorted(map(unphased, chain(*halves))) == sorted(map(unphased, whole))
    for half in halves:
        assert_lies_as(half, {record[:4]: record for record in whole})


def unphased(record: VcfRecord) -> VcfRecord:
    return record._replace(gt=tuple(sorted(record.gt)), phased=False, phase_set=None)


def assert_lies_as(part: list[VcfRecord], whole: dict[tuple[object, ...], VcfRecord]) -> None:
    """In each block of a part, calls lie to each other as in the whole."""
    blocks = defaultdict(set)
    for record in part:
        other = whole[record[:4]]
        assert other.phased or not record.phased
        if record.phased:
            blocks[record.phase_set].add((other.phase_set, record.gt == other.gt))
    assert blocks
    assert all(len(found) == 1 for found in blocks.values())
