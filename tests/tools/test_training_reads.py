"""Where training reads are, what is labelled, and which reads are used again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.errors import InputError
from dvplug.simulate import SimulatedDataset
from dvplug.simulate.depths import DepthBlocks
from dvplug_lab.model_building import reads_of
from dvplug_lab.read_sets import sets_of
from dvplug_lab.recipes import Shard
from dvplug_lab.training_reads.build import is_made
from dvplug_lab.training_reads.plans import Plan, not_sequenced


def test_what_is_not_captured_is_not_labelled() -> None:
    blocks = DepthBlocks(np.array([0, 1_000, 1_400, 3_000]), np.array([0.0, 9.0, 0.0, 30.0]))
    plan = Plan(blocks, np.ones(5))
    assert not_sequenced("x", 5_000, plan, 0, 150) == [("x", 150, 1_150), ("x", 1_550, 3_150)]
    assert not_sequenced("x", 5_000, plan, 500) == [("x", 0, 1_500), ("x", 900, 3_500)]


def test_reads_made_by_another_recipe_are_refused(tmp_path: Path) -> None:
    (chosen, *_) = sets_of("ion")
    assert not is_made(chosen, tmp_path)
    (tmp_path / chosen.name).mkdir()
    done = tmp_path / chosen.name / "done.txt"
    done.write_text(f"{chosen}\n3 reads or pairs, 1 variants, 2 s\n")
    assert is_made(chosen, tmp_path)
    with pytest.raises(InputError, match="another recipe"):
        is_made(replace(chosen, seed=chosen.seed + 1), tmp_path)


def test_shifted_reads_are_there_while_examples_are_made(dataset: SimulatedDataset, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    shutil.copy(dataset.reads, folder / "reads.bam")
    with reads_of(Shard("set"), folder) as plain:
        assert plain == folder / "reads.bam"
    with (
        reads_of(Shard("set", shift="single"), folder) as shifted,
        pysam.AlignmentFile(str(shifted)) as reads,
    ):
        assert not any(read.template_length for read in reads)
    assert [path.name for path in folder.iterdir()] == ["reads.bam"]
