"""What is counted of false candidates, and the table of real beside simulated ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.errors import InputError
from dvplug.line.region import Region
from dvplug.simulate import SimulatedDataset
from dvplug_lab.comparison.false_candidates import (
    FRACTIONS,
    PIECE,
    QUARTILES,
    about_as_deep,
    describe,
    false_candidates,
    tables,
)
from dvplug_lab.comparison.sets import ValidationSet, confident_regions, mean_depth


def test_false_ones_are_counted_by_kind_and_share() -> None:
    columns = {
        "alt_fraction": np.array([0.1, 0.1, 0.22, 0.5, 0.22, 0.13], np.float32),
        "is_snp": np.array([1, 1, 1, 1, 0, 0], np.float32),
        "homopolymer": np.array([0, 0, 0, 0, 0.3, 0.25], np.float32),
        "alt_mismatches": np.array([9, 9, 1, 9, 3, 5], np.float32),
    }
    found = describe(columns, np.array([0, 0, 0, 1, 0, 0], np.int8), 200_000)
    shown = {kind: dict(zip(FRACTIONS[:-1], row, strict=True)) for kind, row in found.per_100_kb.items()}
    assert shown["SNP"] == dict.fromkeys(FRACTIONS[:-1], 0.0) | {0.08: 1.0, 0.2: 0.5}
    assert (shown["indel in a run"][0.2], shown["other indel"][0.12]) == (0.5, 0.5)
    assert sum(row.sum() for row in found.per_100_kb.values()) == pytest.approx(5 / 2)
    assert found.like.keys() == {"alt_mismatches"}
    assert found.like["alt_mismatches"][QUARTILES.index(50)] == 3


def test_a_set_is_described_beside_itself_thinned(dataset: SimulatedDataset) -> None:
    chosen = ValidationSet(
        "whole", "illumina-wgs", dataset.reference, dataset.reads, dataset.truth, dataset.confident
    )
    full = mean_depth(chosen.reads, confident_regions(chosen))
    found = {"whole": false_candidates(chosen, full), "half": false_candidates(chosen, full / 2)}
    assert all(sum(row.sum() for row in one.per_100_kb.values()) > 0 for one in found.values())
    counts, like = tables(found)
    assert [str(column.header) for column in counts.columns] == ["kind", "share of the alt", "whole", "half"]
    assert counts.row_count == 3 * (len(FRACTIONS) - 1)
    assert like.row_count > 0


def test_pieces_of_another_depth_are_left_out(tmp_path: Path) -> None:
    reads = tmp_path / "reads.bam"
    header = pysam.AlignmentHeader.from_references(["1"], [3 * PIECE])
    with pysam.AlignmentFile(str(reads), "wb", header=header) as out:
        for start in range(0, 3 * PIECE, 100):
            for _ in range((10, 20, 28)[start // PIECE]):
                read = pysam.AlignedSegment(header)
                read.query_name, read.reference_id, read.reference_start = "r", 0, start
                read.cigarstring, read.query_sequence = "100M", "A" * 100
                out.write(read)
    pysam.index(str(reads))
    whole = [Region("1", 0, 3 * PIECE)]
    assert about_as_deep(reads, whole, 20) == [("1", PIECE, 2 * PIECE)]
    assert about_as_deep(reads, whole, 24) == [("1", PIECE, 2 * PIECE), ("1", 2 * PIECE, 3 * PIECE)]
    with pytest.raises(InputError, match="is nowhere about 5x deep: false candidates are compared"):
        about_as_deep(reads, whole, 5)
