"""What is counted of false candidates, and the table of real beside simulated ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dvplug.simulate import SimulatedDataset
from dvplug_lab.comparison.false_candidates import (
    FRACTIONS,
    QUARTILES,
    describe,
    false_candidates,
    tables,
)
from dvplug_lab.comparison.sets import ValidationSet


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


def test_a_set_is_described_beside_itself_thinned(dataset: SimulatedDataset, tmp_path: Path) -> None:
    chosen = ValidationSet(
        "whole", "illumina-wgs", dataset.reference, dataset.reads, dataset.truth, dataset.confident
    )
    found = {
        "whole": false_candidates(chosen),
        "half": false_candidates(replace(chosen, name="half"), 0.5),
    }
    assert all(sum(row.sum() for row in one.per_100_kb.values()) > 0 for one in found.values())
    counts, like = tables(found)
    assert [str(column.header) for column in counts.columns] == ["kind", "share of the alt", "whole", "half"]
    assert counts.row_count == 3 * (len(FRACTIONS) - 1)
    assert like.row_count > 0
