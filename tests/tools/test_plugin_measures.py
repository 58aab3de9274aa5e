"""How a separate plugin's model is measured: on which worlds, on which contigs not, and what the table says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvplug.errors import InputError
from dvplug.evaluate import ClassCounts, Evaluation
from dvplug.genome.reference import Reference
from dvplug.plugins.loading import installed_plugins
from dvplug.simulate.world import World, draw_world
from dvplug.simulate.world_ranges import SINGLE
from dvplug_lab.plugin_measures import PluginMeasures, find_world, known_regions, require_held_out, row
from helpers.places import ROOT
from helpers.read_batches import write_fasta
from helpers.registry_fixtures import Site
from helpers.stated_reads import STATED


@pytest.fixture
def sbx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    place = Site(tmp_path / "site", monkeypatch)
    place.first_party()
    place.project(ROOT / "plugins" / "dvplug-sbx")
    installed_plugins.cache_clear()
    yield place
    place.forget()
    installed_plugins.cache_clear()


def test_contigs_of_the_training_are_refused(sbx: Site) -> None:
    require_held_out("sbx", ("chr13_32M", "chr21_37M"))
    with pytest.raises(InputError, match=r"sbx@1\.0\.0 may have been trained on chr7_4M"):
        require_held_out("sbx", ("chr13_32M", "chr7_4M"))
    # Of a shipped model the manifest names no contigs of this kind.
    with pytest.raises(InputError, match="may have been trained on chr13_32M"):
        require_held_out("ion", ("chr13_32M",))


@pytest.mark.parametrize("kind", ["ordinary", "crowded"])
def test_worlds_are_of_their_kind_with_reads_as_stated_and_at_the_depth(kind: str, tmp_path: Path) -> None:
    stated, genome = tmp_path / "reads.json", tmp_path / "genome.fa"
    stated.write_text(json.dumps(STATED))
    write_fasta(genome, {"a": "ACGTTGCA" * 5_000, "b": "ACGGTTCA" * 5_000})
    measures = PluginMeasures("sbx", stated, genome, ("a",), megabases=0.01, depth=17.0)
    with Reference.open(genome) as opened:
        plan = measures._plan(opened)
        _, world = find_world(plan, kind)
    assert world.library.depth == pytest.approx(17.0)
    assert world.machine.substitution_factor == world.machine.run_factor == 1.0
    assert (world.person.dense_share == 0) == (kind == "ordinary")
    assert {piece.contig for piece in plan.pieces} == {"a"}


def world_named(aligner: str) -> World:
    world = draw_world(SINGLE.worlds, 3)
    person = world.person.model_copy(update={"dense_share": 0.0})
    mapping = world.mapping.model_copy(update={"aligner": aligner})
    return world.model_copy(update={"person": person, "mapping": mapping})


def test_a_row_has_false_and_missed_ones_and_the_share_of_the_better_peer(tmp_path: Path) -> None:
    (tmp_path / "confident.bed").write_text("b\t0\t1500000\na\t50\t250050\n")
    (tmp_path / "tune.bed").write_text("a\t300000\t550000\n")
    assert [region.start for region in known_regions(tmp_path)] == [50, 300_000, 0]
    ours = Evaluation(ClassCounts(90, 90, 4, 6), ClassCounts(9, 9, 1, 0))
    better = Evaluation(ClassCounts(80, 80, 15, 5), ClassCounts(0, 0, 3, 7))
    worse = Evaluation(ClassCounts(80, 80, 30, 5), ClassCounts(0, 0, 2, 7))
    line = row(world_named("sr"), tmp_path, {"x": ours, "bcftools": better, "freebayes": worse, "y": ours})
    assert line == (
        "| 2.00 Mb: 96 SNPs, 9 indels; sr | 4/6; 1/0 (11) | 15/5; 3/7 (30) | 30/5; 2/7 (44) | 4/6; 1/0 (11) "
        "| SNPs 0.50, indels 0.11 |"
    )
