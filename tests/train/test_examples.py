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


@pytest.mark.parametrize("name", ["exA", "exA.hdf5", "exA.h5.gz"])
def test_a_shard_that_does_not_say_its_format_is_refused(
    dataset: SimulatedDataset, tmp_path: Path, name: str
) -> None:
    inputs = LabeledReads.of(dataset.reference, [dataset.reads], dataset.truth, dataset.confident)
    with pytest.raises(InputError, match=r"--out \S+ has an unknown format.*End it in \.h5"):
        make_examples("illumina-wgs", inputs, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
