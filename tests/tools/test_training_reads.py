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
from dvplug.simulate.variants import PhasedVariant
from dvplug_lab.model_building import reads_of
from dvplug_lab.read_sets import EVEN, FEWER_HIDDEN, sets_of
from dvplug_lab.recipes import Shard
from dvplug_lab.training_reads.build import add_foreign, is_made
from dvplug_lab.training_reads.plans import Plan, not_sequenced


def test_what_is_not_captured_is_not_labelled() -> None:
    blocks = DepthBlocks(np.array([0, 1_000, 1_400, 3_000]), np.array([0.0, 9.0, 0.0, 30.0]))
    plan = Plan(blocks, np.ones(5))
    assert not_sequenced("x", 5_000, plan, 0, 150) == [("x", 150, 1_150), ("x", 1_550, 3_150)]
    assert not_sequenced("x", 5_000, plan, 500) == [("x", 0, 1_500), ("x", 900, 3_500)]


def test_of_all_reads_a_share_is_of_another_person() -> None:
    codes = np.zeros(2_000, np.uint8)
    own, others = [PhasedVariant(9, "A", "C", (1, 1))], [PhasedVariant(30, "A", "G", (0, 1))]
    copies = {"x": (codes, own)}
    plans = {"x": Plan(DepthBlocks(np.array([0, 1_000]), np.array([38.0, 0.0])), np.ones(3))}
    add_foreign(copies, plans, {"x": others}, 0.05)
    assert copies["x"] == (codes, own)
    (foreign,) = set(copies) - {"x"}
    assert copies[foreign] == (codes, others)
    assert plans[foreign].blocks.depth.tolist() == pytest.approx([2.0, 0.0])  # of 40 in all
    assert plans["x"].blocks.depth.tolist() == [38.0, 0.0]


def test_whole_genomes_are_of_one_depth_each() -> None:
    """By a depth that differs from place to place no network learns what copies add to it."""
    ordinary = [one for one in sets_of("illumina-wgs") if one.hidden_share == FEWER_HIDDEN]
    assert len({one.depths for one in ordinary}) == len(EVEN)
    assert all(one.depths[1] < 1.5 * one.depths[0] for one in ordinary)
    assert len({one.seed for one in sets_of("illumina-wgs") if not one.tune_only}) == len(
        [one for one in sets_of("illumina-wgs") if not one.tune_only]
    )


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
