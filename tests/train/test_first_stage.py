"""A first stage that is fitted to examples: when it answers, and what the model folder then holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dvplug.engine.known_answers import verify_model
from dvplug.errors import InputError
from dvplug.genotypes.first_stage import FeatureNetwork, settles
from dvplug.genotypes.genotyper import LiteRTPredictor
from dvplug.models import load_model
from dvplug.plugins.loading import installed_plugins
from dvplug.train import first_stage
from dvplug.train.export import Description, export, lapse_rates
from dvplug.train.first_stage import (
    NEVER,
    Answered,
    FirstStageSettings,
    add_first_stage,
    answers_of,
    choose_thresholds,
)
from dvplug.train.fit import fit
from dvplug.train.state import FitSettings
from dvplug.train.store import ExampleReader, Examples
from dvplug_registry.manifest import LapseRates
from dvplug_registry.model_folder import load_manifest, open_folder, verify_files
from helpers.command import run_captured
from helpers.training_toys import FEATURES, TINY, toy_examples, write_shard


def telling(n: int, seed: int) -> Examples:
    """Toy examples, whose second feature tells the label of about half of them."""
    examples = toy_examples(n, seed)
    random = np.random.default_rng(seed)
    told = random.random(n) < 0.5
    features = examples.features.copy()
    features[:, 1] = np.where(told, examples.labels / 2, random.random(n))
    features[:, 0] = told
    return Examples(examples.images, features, examples.labels)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with shards, a model, and that model with a first stage."""
    folder = tmp_path_factory.mktemp("first-stage")
    train = write_shard(folder / "train.h5", telling(3000, seed=0))
    tune = write_shard(folder / "tune.h5", telling(1500, seed=9))
    settings = FitSettings(architecture_settings=TINY, epochs=2, batch_size=32, learning_rate=1e-2)
    fit([train], [tune], settings, folder / "fit")
    about = Description(name="toy", version="1.0.0", description="A toy.", held_out="none")
    export(folder / "fit", [tune], about, folder / "model")
    chosen = FirstStageSettings(units=(16, 8), epochs=200, learning_rate=1e-2, labels=1.0, allowed=0.1)
    add_first_stage(folder / "model", [train], [tune], folder / "staged", chosen)
    return folder


def test_the_folder_is_whole_and_the_rest_of_it_as_before(work: Path) -> None:
    before, after = load_manifest(work / "model"), load_manifest(work / "staged")
    assert verify_files(work / "staged", after) == ()
    names = ("weights.safetensors", "network.tflite")
    assert [after.files[name] for name in names] == [before.files[name] for name in names]
    assert before.first_stage is None
    plugins = installed_plugins()
    verify_model(plugins, load_model(plugins, f"{work / 'staged'}/"))


def test_it_settles_what_features_tell_and_little_else(work: Path) -> None:
    stage = load_manifest(work / "staged").first_stage
    assert stage is not None
    tune = ExampleReader([work / "tune.h5"])
    features = np.concatenate([part.features for part in tune.in_order()])
    p = FeatureNetwork.load(work / "staged" / "first_stage.safetensors", len(FEATURES)).predict(features)
    taken = settles(p, np.zeros(len(p), np.bool_), stage)
    assert stage.examples == len(tune)
    assert stage.data == "3,000 examples: toy reads"
    assert stage.settled == taken.sum() > 0.3 * len(tune)
    told = features[:, 0] == 1
    assert taken[told].mean() > 0.8
    assert taken[~told].mean() < 0.05
    assert stage.indel == (NEVER,) * 3  # there are none to choose by
    assert [one.settled for one in stage.curve] == sorted((one.settled for one in stage.curve), reverse=True)


def test_lapses_are_of_both_together(work: Path) -> None:
    model, tune = open_folder(work / "staged"), ExampleReader([work / "tune.h5"])
    network = LiteRTPredictor(model.path("litert"), model.manifest.image.shape, len(FEATURES))
    both = answers_of(model, tune, network.predict)
    alone = answers_of(open_folder(work / "model"), tune, network.predict)
    differs = (both != alone).any(axis=1)
    assert model.manifest.first_stage is not None
    assert 0 < differs.sum() <= model.manifest.first_stage.settled
    known = load_manifest(work / "model").lapse_rates
    raised = first_stage._lapses(known, lapse_rates(both, tune), lapse_rates(alone, tune))
    assert model.manifest.lapse_rates == raised


def answered(network: list[int], indel: bool = False) -> Answered:
    """Examples of which the network calls these genotypes."""
    n = len(network)
    return Answered(
        np.zeros((n, 1), np.float32),
        np.eye(3, dtype=np.float32)[network],
        np.array(network, np.int8),
        np.full(n, indel),
    )


def test_a_threshold_is_the_lowest_at_which_it_agrees() -> None:
    sure = np.array([0.9, *[0.975] * 200, *[0.985] * 200, *[0.9999999] * 50], np.float32)
    p = np.stack([sure, 1 - sure, np.zeros_like(sure)], axis=1)
    agreeing = choose_thresholds(p, answered([0] * len(p)))
    assert agreeing.snp == (0.97, NEVER, NEVER)
    assert agreeing.indel == (NEVER,) * 3
    network = [0] * len(p)
    network[5] = 1  # where the first stage says .975
    differing = choose_thresholds(p, answered(network, indel=True))
    assert differing.indel == (0.98, NEVER, NEVER)
    assert (differing.settled, differing.disagreements) == (250, 0)
    assert (differing.curve[0].settled, differing.curve[0].disagreements, differing.curve[0].wrong) == (
        450,
        1,
        1,
    )
    assert differing.curve[0].wrong_by_network == 0
    allowed = choose_thresholds(p, answered(network, indel=True), allowed=0.01)
    assert allowed.indel == (0.97, NEVER, NEVER)
    few = choose_thresholds(p[-50:], answered([0] * 50))
    assert few.snp == (NEVER,) * 3


def test_variants_are_settled_only_where_users_would_keep_them() -> None:
    sure = np.array([*[0.985] * 200, *[0.993] * 200, *[0.997] * 200], np.float32)
    p = np.stack([np.zeros_like(sure), sure, 1 - sure], axis=1)
    assert choose_thresholds(p, answered([1] * len(p))).snp == (NEVER, 0.99, NEVER)
    assert choose_thresholds(p, answered([1] * len(p), indel=True)).indel == (NEVER, 0.995, NEVER)


def test_tune_examples_that_it_was_fitted_to_are_refused(work: Path, tmp_path: Path) -> None:
    train, out = work / "train.h5", tmp_path / "out"
    with pytest.raises(InputError, match=r"'train\.h5' is among both training and tune examples"):
        add_first_stage(work / "model", [train], [train], out)
    tune = write_shard(tmp_path / "tune.h5", telling(20, seed=3), contigs=("train",))
    with pytest.raises(InputError, match="training and tune examples share 20 places"):
        add_first_stage(work / "model", [train], [tune], out)
    assert not out.exists()


@pytest.mark.parametrize("option", ["--epochs=0", "--units=0", "--allowed=2", "--allowed=nan", "--seed=-1"])
def test_options_out_of_range_are_refused(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    given = [
        "--examples",
        str(work / "train.h5"),
        "--tune",
        str(work / "tune.h5"),
        "--out",
        str(tmp_path / "out"),
    ]
    code, _, err = run_captured(capsys, "train", "first-stage", f"{work / 'model'}", *given, option)
    assert code == 2
    name = option.strip("-").split("=")[0]
    assert f"a setting of the fit is out of range: {name}" in " ".join(err.split())


def test_examples_of_another_kind_are_refused(work: Path, tmp_path: Path) -> None:
    other = write_shard(tmp_path / "other.h5", telling(20, seed=3), features=("depth", "other"))
    with pytest.raises(InputError, match=r"has other features or another layout than toy@1\.0\.0"):
        add_first_stage(work / "model", [other], [other], tmp_path / "out")
    layout = ExampleReader([work / "train.h5"]).header.layout
    turned = layout.model_copy(update={"channels": layout.channels[::-1]})
    other = write_shard(tmp_path / "turned.h5", telling(20, seed=3), layout=turned)
    with pytest.raises(InputError, match=r"has other features or another layout than toy@1\.0\.0"):
        add_first_stage(work / "model", [other], [work / "tune.h5"], tmp_path / "out")
    changed: list[tuple[dict, str]] = [
        ({"technology": "other"}, r"has examples of other, and toy@1\.0\.0 is for toy"),
        (
            {"encoder_version": 2},
            r"another version .*: pileup 2, toy-counts 3 against pileup 1, toy-counts 3",
        ),
        (
            {"feature_sets": (("toy-counts", 4),)},
            r"another version .*: pileup 1, toy-counts 4 against pileup 1",
        ),
    ]
    for number, (changes, says) in enumerate(changed):
        other = write_shard(tmp_path / f"{number}.h5", telling(20, seed=3), **changes)
        for examples, tune in ((other, work / "tune.h5"), (work / "train.h5", other)):
            with pytest.raises(InputError, match=says):
                add_first_stage(work / "model", [examples], [tune], tmp_path / "out")
    with pytest.raises(InputError, match="exists already"):
        add_first_stage(work / "model", [work / "train.h5"], [work / "tune.h5"], work / "staged")


def test_lapses_are_those_of_the_network_unless_both_together_lapse_more_often() -> None:
    """Whatever few examples the first stage is measured on: only how it compares with the network on them counts."""
    known = LapseRates(snp=((0, 0.02), (20, 0.004), (40, 0.0002)), indel=((0, 0.05), (30, 0.001)))
    network = LapseRates(snp=((0, 0.1), (20, 0.02)), indel=((0, 0.2), (20, 0.1)))
    joined = LapseRates(snp=((0, 0.1), (20, 0.01), (40, 0.001)), indel=((0, 0.1), (25, 0.1)))
    assert first_stage._lapses(known, joined, network) == known
    worse = LapseRates(snp=((0, 0.1), (20, 0.02), (30, 0.02)), indel=((0, 0.3), (20, 0.2)))
    assert first_stage._lapses(known, worse, network).indel == ((0, 0.075), (30, 0.002))
    surer = LapseRates(snp=((0, 0.1), (40, 0.09)), indel=((0, 0.1),))
    assert first_stage._lapses(known, surer, network).snp == ((0, 0.02), (20, 0.02), (40, 0.0009))
