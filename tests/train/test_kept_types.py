"""One model for whole genomes and exomes: its network is told which when it calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dvplug.calling.model_choice import choose_model, type_lines
from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.cli import main
from dvplug.engine.known_answers import verify_model
from dvplug.errors import ModelError
from dvplug.genotypes.genotyper import KerasPredictor, LiteRTPredictor, open_genotyper, told_type
from dvplug.genotypes.networks import fold_sequencing_type, predict_batch
from dvplug.inputs.read_evidence import Evidence
from dvplug.models import load_model
from dvplug.plugins.loading import installed_plugins
from dvplug.simulate import SimulatedDataset
from dvplug.train.examples import LabeledReads, make_examples
from dvplug.train.export import load_fit
from dvplug.train.state import network_of
from dvplug.train.store import ExampleReader
from dvplug_registry.manifest import Manifest
from dvplug_registry.model_folder import LoadedModel
from helpers.training_toys import toy_examples, write_shard

WGS, WES = TYPES = ("illumina-wgs", "illumina-wes")
CAPTURED = Evidence(read_length=150, concentration=0.05, depth=60.0)
EVERYWHERE = Evidence(read_length=150, concentration=0.45, depth=30.0)


@pytest.fixture(scope="module")
def made(dataset: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """A folder with ``fitted`` and ``model``, and the shards that both were tuned on."""
    folder = tmp_path_factory.mktemp("types")
    reads = LabeledReads.of(dataset.reference, [dataset.reads], dataset.truth, dataset.confident)
    places = {"train": ("chrS:1-12000", "chrS:12001-24000"), "tune": ("chrS:30001-40000", "chrS:40001-50000")}
    shards: dict[str, list[Path]] = {"train": [], "tune": []}
    for part, where in places.items():
        for tech, region in zip(TYPES, where, strict=True):
            shards[part].append(folder / f"{part}.{tech}.h5")
            assert make_examples(tech, reads, shards[part][-1], regions=(region,)) > 5
    train, tune = (list(map(str, shards[part])) for part in ("train", "tune"))
    run = ["train", "fit", *train, "--tune", *tune, "--out", str(folder / "fitted")]
    _ran(*run, "--sequencing-types", *TYPES, "--epochs", "2", "--batch-size", "8")
    told = ["--name", "illumina-both", "--model-version", "1.0.0", "--description", "d", "--held-out", "h"]
    _ran("train", "export", str(folder / "fitted"), "--tune", *tune, *told, "--out", str(folder / "model"))
    return folder, shards["tune"]


def _ran(*words: str) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([*words])


def _model(folder: Path, tech: str = "") -> LoadedModel:
    return replace(load_model(installed_plugins(), f"{folder}/model/"), sequencing_type=tech)


def test_the_manifest_names_the_types_and_the_model_verifies(made: tuple[Path, list[Path]]) -> None:
    manifest = _model(made[0]).manifest
    assert (manifest.sequencing_types, manifest.technology) == (TYPES, WGS)
    assert manifest.architecture_settings["sequencing_types"] == 2
    header = ExampleReader(made[1]).header
    assert manifest.features == header.features  # nothing that a plugin would have to measure
    assert verify_model(installed_plugins(), _model(made[0])) <= manifest.tolerance


@pytest.mark.parametrize("chosen", [0, 1])
def test_it_answers_for_each_type_as_the_network_folded_for_that_does(
    made: tuple[Path, list[Path]], chosen: int
) -> None:
    folder, tune = made
    model = _model(folder, TYPES[chosen])
    manifest = model.manifest
    state, _ = load_fit(folder / "fitted")
    typed = KerasPredictor(model, "cpu")._network
    plain = network_of(state.header, state.settings, typed=False)
    fold_sequencing_type(typed, plain, 2, chosen)
    part = next(ExampleReader(tune).in_order())
    folded = predict_batch(plain, part.images, part.features)
    by_weights = told_type(KerasPredictor(model, "cpu"), manifest, TYPES[chosen])
    np.testing.assert_allclose(by_weights.predict(part.images, part.features), folded, atol=1e-5)
    opened = open_genotyper(model, "cpu").predict(part.images, part.features)
    np.testing.assert_allclose(opened, folded, atol=manifest.tolerance)
    inputs = np.hstack([part.features, np.tile(np.eye(2, dtype=np.float32)[chosen], (len(part), 1))])
    bare = LiteRTPredictor(model.path("litert"), manifest.image.shape, inputs.shape[1])
    np.testing.assert_array_equal(bare.predict(part.images, inputs), opened)
    other = open_genotyper(_model(folder, TYPES[1 - chosen]), "cpu").predict(part.images, part.features)
    assert np.abs(other - opened).max() > 1e-6


def test_the_technology_decides_and_the_header_says_what_was_told(
    made: tuple[Path, list[Path]], dataset: SimulatedDataset, tmp_path: Path
) -> None:
    """Depth of a whole genome: where such reads are called as an exome's, the line shows it."""
    lines, records = {}, {}
    for tech in (*TYPES, "auto"):
        out = tmp_path / f"{tech}.vcf"
        options = CallOptions(
            tech, dataset.reference, (dataset.reads,), str(out), model=f"{made[0]}/model/", force=True
        )
        call_variants(options)
        text = out.read_text().splitlines()
        lines[tech] = [line for line in text if line.startswith("##dvplugSequencingType")]
        records[tech] = [line for line in text if not line.startswith("#")]
    for tech in TYPES:
        assert lines[tech][0].startswith(f'##dvplugSequencingType=<ID={tech},Of="illumina-wgs,illumina-wes",')
    assert lines["auto"] == lines[WGS]
    assert records["auto"] == records[WGS] != records[WES]


def test_what_the_depth_looks_like_stands_beside_the_type(made: tuple[Path, list[Path]]) -> None:
    plugins, request = installed_plugins(), f"{made[0]}/model/"
    said = {}
    for tech in TYPES:
        for name, evidence in (("capture", CAPTURED), ("whole", EVERYWHERE), ("nothing", Evidence())):
            model = choose_model(plugins, plugins.technology(tech), {"a": evidence}, request)
            assert model.sequencing_type == tech
            (said[tech, name],) = type_lines(model, {"a": evidence})
    assert 'ID=illumina-wgs,Of="illumina-wgs,illumina-wes",Depth="of a capture">' in said[WGS, "capture"]
    assert said[WES, "whole"].endswith('Depth="of a whole genome">')
    assert said[WES, "nothing"].endswith('Depth="unclear">')
    ordinary = choose_model(plugins, plugins.technology(WGS), {"a": EVERYWHERE})
    assert type_lines(ordinary, {"a": EVERYWHERE}) == []


def test_another_technology_is_refused(
    made: tuple[Path, list[Path]], dataset: SimulatedDataset, tmp_path: Path
) -> None:
    options = CallOptions(
        "pacbio",
        dataset.reference,
        (dataset.reads,),
        str(tmp_path / "o.vcf"),
        model=f"{made[0]}/model/",
        force=True,
    )
    with pytest.raises(
        ModelError, match="technology: the model has illumina-wgs and illumina-wes, the profile pacbio"
    ):
        call_variants(options)


def test_types_of_a_manifest_are_two_and_its_own_is_among_them(made: tuple[Path, list[Path]]) -> None:
    given = _model(made[0]).manifest.model_dump(mode="json")
    for types in ([WGS], [WGS, WGS], [WES, "ion"]):
        with pytest.raises(
            ValueError, match="sequencing_types are two or more technologies, illumina-wgs among them"
        ):
            Manifest.model_validate(given | {"sequencing_types": types})


def test_examples_of_a_technology_that_is_not_named_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards = [str(write_shard(tmp_path / f"{n}.h5", toy_examples(32, seed=1))) for n in ("a", "b")]
    words = ["train", "fit", shards[0], "--tune", shards[1], "--out", str(tmp_path / "f")]
    with pytest.raises(SystemExit, match=r"[^0]"):
        main([*words, "--sequencing-types", "other"])
    assert "has examples of toy" in " ".join(capsys.readouterr().err.split())
