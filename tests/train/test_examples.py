"""Making examples: what is refused before anything is read."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from dvplug.errors import InputError
from dvplug.simulate import SimulatedDataset
from dvplug.train.examples import LabeledReads, make_examples


@pytest.mark.parametrize("share", [math.nan, 0.0, -1.0, 1.5])
def test_a_share_of_the_fragments_is_one(dataset: SimulatedDataset, tmp_path: Path, share: float) -> None:
    inputs = LabeledReads(dataset.reference, (dataset.reads,), dataset.truth, dataset.confident, share)
    with pytest.raises(InputError, match=r"--keep-fraction \S+ is no share of the fragments"):
        make_examples("illumina-wgs", inputs, tmp_path / "x.h5")
    assert list(tmp_path.iterdir()) == []
