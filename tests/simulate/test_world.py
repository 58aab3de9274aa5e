"""Worlds: the same for the same seed, within their ranges, and no axis tells of another."""

from __future__ import annotations

import numpy as np

from dvplug.simulate.world import World, draw_world
from helpers.worlds import RANGES

MANY = [draw_world(RANGES, seed) for seed in range(600)]


def test_a_seed_is_a_world_and_its_json_too() -> None:
    assert draw_world(RANGES, 7) == draw_world(RANGES, 7) != draw_world(RANGES, 8)
    assert World.model_validate_json(MANY[3].model_dump_json()) == MANY[3]


def test_no_axis_tells_of_another() -> None:
    axes = {
        "shift": [w.machine.quality.shift for w in MANY],
        "errors": [np.log(w.machine.substitution_factor) for w in MANY],
        "runs": [np.log(w.machine.run_factor) for w in MANY],
        "indels": [np.log(w.machine.other_indel_factor) for w in MANY],
        "depth": [np.log(w.library.depth) for w in MANY],
        "dense": [w.person.dense_share for w in MANY],
        "paralogs": [w.person.hidden_share > 0 for w in MANY],
        "balance": [w.library.alt_share for w in MANY],
        "duplicates": [w.library.duplicate_share for w in MANY],
        "paired": [w.machine.paired for w in MANY],
        "scale": [w.mapping.scale != "as-mapped" for w in MANY],
        "absent": [w.machine.quality.bins == "flat" for w in MANY],
    }
    between = np.corrcoef(np.array(list(axes.values()), float)) - np.eye(len(axes))
    assert np.abs(between).max() < 4.5 / np.sqrt(len(MANY))  # of 66 correlations of nothing


def test_the_ranges_are_used_to_their_ends() -> None:
    depth = np.array([w.library.depth for w in MANY])
    assert depth.min() < 6 < 250 < depth.max() <= 300
    length = np.array([w.machine.read_length for w in MANY])
    assert length.min() < 40 < 280 < length.max() <= 300
    shift = np.array([w.machine.quality.shift for w in MANY])
    assert -12 <= shift.min() < -11 < 4.5 < shift.max() <= 5
    run = np.array([w.machine.run_factor for w in MANY])
    assert 0.3 <= run.min() < 0.32 < 2.8 < run.max() <= 3
    assert {w.machine.quality.bins for w in MANY} == {"none", "eight", "novaseq", "nextseq", "two", "flat"}
    assert {w.mapping.scale for w in MANY} == {"as-mapped", "bowtie2", "stretched", "flat", "unknown"}
    assert 0.02 < np.mean([w.machine.quality.absent for w in MANY]) < 0.09


def test_an_axis_that_is_drawn_otherwise_leaves_the_others() -> None:
    other = draw_world(RANGES.model_copy(update={"quality_shifts": (-1.0, 1.0), "hidden": (0.1, 0.2)}), 5)
    usual = draw_world(RANGES, 5)
    assert other.library == usual.library
    assert other.mapping == usual.mapping
    assert other.machine.model_copy(update={"quality": usual.machine.quality}) == usual.machine


def test_backtrack_maps_short_reads_alone() -> None:
    found = [w.machine.read_length for w in MANY if w.mapping.aligner == "bwa-aln"]
    assert found
    assert max(found) <= 110


def test_density_and_paralogs_are_met_together() -> None:
    kinds = {(w.person.dense_share > 0.5, w.person.hidden_share > 0) for w in MANY}
    assert len(kinds) == 4
