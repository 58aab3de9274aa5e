"""World sets: what they are made of, where they are labelled, and what the plan says."""

from __future__ import annotations

import numpy as np
import pytest

from dvplug.simulate.genome import random_genome
from dvplug.simulate.world_reads import WorldPerson, WorldRun, lay_out, write_labels
from dvplug_lab.read_sets import HELD_OUT, MAIN, NEVER, REAL_END, TUNE
from dvplug_lab.recipes import recipe_of
from dvplug_lab.shifts.reads import SHIFTS
from dvplug_lab.training_reads.costs import cost_of, plan_text, total
from dvplug_lab.training_reads.worlds import labelled
from dvplug_lab.world_sets import PLANS, scaled, worlds_of
from helpers.shared_data import SHARED, needs_shared


@pytest.mark.parametrize("technology", PLANS)
def test_worlds_are_never_of_what_is_held_out(technology: str) -> None:
    sets = worlds_of(technology)
    assert not {name for w in sets for name in w.contigs} & set(HELD_OUT)
    assert len({w.name for w in sets}) == len({w.seed for w in sets}) == len(sets)
    assert {w.technology for w in sets} == {technology}
    assert {w.world.person.truth for w in sets if w.fasta == MAIN} == {0, 1}
    assert len({w.profile_bam for w in sets}) == len(PLANS[technology].sources)


def test_shards_of_a_recipe_are_of_its_worlds_too() -> None:
    shards = recipe_of("pacbio").shards("pacbio")
    names = {shard.read_set for shard in shards if shard.part == "train"}
    assert {w.name for w in worlds_of("pacbio")} < names
    tuned = {shard.read_set for shard in shards if shard.part == "tune"}
    assert {w.name for w in worlds_of("pacbio") if w.fasta == MAIN} < tuned


def test_ordinary_sets_are_shown_shifted_too() -> None:
    shards = recipe_of("illumina-wgs").shards("illumina-wgs")
    shifted = [shard for shard in shards if shard.shift]
    assert {shard.shift for shard in shifted} == {"single", "mapq-255", "length-75"} < set(SHIFTS)
    sets = {shard.read_set for shard in shifted}
    assert len(shifted) == 3 * len(sets)
    assert not sets & {w.name for w in worlds_of("illumina-wgs")}
    assert "illumina_held_out" not in sets
    assert {shard.part for shard in shifted} == {"train"}
    assert len({shard.name for shard in shards}) == len(shards)


@pytest.mark.parametrize("technology", ["illumina-wgs", "illumina-wes"])
def test_alleles_of_short_reads_worlds_are_about_even(technology: str) -> None:
    kept = [w.world.library for w in worlds_of(technology)]
    assert len(kept) < PLANS[technology].count
    assert all(one.alt_share - one.site_sd > 1 / 3 for one in kept)


@needs_shared
def test_what_validates_is_not_labelled(tmp_path) -> None:
    codes = random_genome(200_000, np.random.default_rng(1))
    codes = np.tile(codes, 50)
    inside = labelled(SHARED, "chr20", codes)
    assert inside.mean() > 0.5
    for name, start, end in NEVER:
        assert name == "chr20"
        assert not inside[start:end].any()
    chosen = next(w for w in worlds_of("illumina-wgs") if w.contigs == ("chr20",))
    person = WorldPerson({"chr20": codes}, {"chr20": []}, {"chr20": inside}, (TUNE,), {"chr20": REAL_END})
    run = WorldRun("s", chosen.world, chosen.noise, chosen.bases, "")
    write_labels(tmp_path, person, lay_out(person, run, 0.0, np.random.default_rng(2)))
    rows = [line.split() for line in (tmp_path / "confident.bed").read_text().splitlines()]
    assert all(int(end) <= TUNE[1] or int(start) >= TUNE[2] for _, start, end in rows)
    rows = [line.split() for line in (tmp_path / "tune.bed").read_text().splitlines()]
    assert rows
    assert all(TUNE[1] <= int(start) < int(end) <= TUNE[2] for _, start, end in rows)


def test_the_plan_adds_worlds_up() -> None:
    sets = worlds_of("ion")
    costs = [cost_of(chosen) for chosen in sets]
    assert total(costs).examples == pytest.approx(sum(cost.examples for cost in costs))
    header, *lines = plan_text(["ion"], every=True).splitlines()
    assert len(lines) == len(sets) + 1
    assert len(header.split("\t")) == len(lines[-1].split("\t"))
    half = scaled(sets[0], 0.5)
    assert cost_of(half).bases == pytest.approx(costs[0].bases / 2)


@pytest.mark.parametrize("technology", PLANS)
def test_worlds_give_about_as_many_examples_as_ordinary_sets(technology: str) -> None:
    assert 1e5 < total(map(cost_of, worlds_of(technology))).examples < 5e5
