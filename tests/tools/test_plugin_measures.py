"""How a separate plugin's model is measured: on which worlds, on which contigs not, and what the table says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pysam
import pytest

from dvplug.errors import InputError
from dvplug.evaluate import ClassCounts, Evaluation
from dvplug.evaluate.subsets import Called, SubsetCounts
from dvplug.genome.reference import Reference
from dvplug.plugins.loading import installed_plugins
from dvplug.simulate.world import World, draw_world
from dvplug.simulate.world_ranges import SINGLE
from dvplug_lab.plugin_measures import (
    ELSEWHERE,
    PluginMeasures,
    easier_strata,
    find_world,
    known_regions,
    require_held_out,
    rows,
)
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


def counted(snp: ClassCounts, indel: ClassCounts, elsewhere: int) -> Evaluation:
    """An evaluation in whose easier part are so many false SNPs, and nothing else."""
    tally = {("QUERY.FP", Called("SNP", (), "")): elsewhere}
    return Evaluation(snp, indel, subsets={ELSEWHERE: SubsetCounts(0, 0, tally)})


def test_rows_have_false_and_missed_ones_and_the_share_of_the_better_peer(tmp_path: Path) -> None:
    (tmp_path / "confident.bed").write_text("b\t0\t1500000\na\t50\t250050\n")
    (tmp_path / "tune.bed").write_text("a\t300000\t550000\n")
    assert [region.start for region in known_regions(tmp_path)] == [50, 300_000, 0]
    ours = counted(ClassCounts(90, 90, 4, 6), ClassCounts(9, 9, 1, 0), 1)
    better = counted(ClassCounts(80, 80, 15, 5), ClassCounts(0, 0, 3, 7), 5)
    worse = counted(ClassCounts(80, 80, 30, 5), ClassCounts(0, 0, 2, 7), 4)
    found = {"x": ours, "bcftools": better, "freebayes": worse, "y": ours}
    whole, easier = rows(world_named("sr"), tmp_path, found, 2)
    assert whole == (
        "| 2.00 Mb; sr: 96 SNPs, 9 indels | 4/6; 1/0 (11) | 15/5; 3/7 (30) | 30/5; 2/7 (44) | 4/6; 1/0 (11) "
        "| SNPs 0.50, indels 0.11 |"
    )
    assert easier.endswith(
        "| 1/0; 0/0 (1) | 5/0; 0/0 (5) | 4/0; 0/0 (4) | 1/0; 0/0 (1) | SNPs 0.25, indels - |"
    )


def test_the_easier_part_has_neither_long_homopolymers_nor_reads_of_unsure_places(tmp_path: Path) -> None:
    sequence = "ACGT" * 75 + "A" * 11 + "CGT" + "C" * 12 + "GACT" * 150
    write_fasta(tmp_path / "ref.fa", {"c": sequence})
    header = {
        "HD": {"VN": "1.6", "SO": "coordinate"},
        "SQ": [{"SN": "c", "LN": len(sequence)}],
    }
    with pysam.AlignmentFile(str(tmp_path / "reads.bam"), "wb", header=header) as out:
        for start, quality in ((0, 60), (0, 10), (500, 60), (500, 0), (500, 20)):
            read = pysam.AlignedSegment()
            read.query_name, read.reference_id, read.reference_start = f"r{start}.{quality}", 0, start
            read.mapping_quality, read.cigarstring = quality, "400M"
            read.query_sequence = sequence[start : start + 400]
            out.write(read)
    pysam.index(str(tmp_path / "reads.bam"))
    easier_strata(tmp_path)
    # Of the first two reads the mean is 35, of the other three 27; a run of 11 bp is no long one.
    assert (tmp_path / "elsewhere.bed").read_text() == "c\t0\t313\nc\t327\t500\n"
