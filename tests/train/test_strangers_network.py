"""A stranger's features and network go all the way: examples, fit, export, warm start, call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.engine.known_answers import verify_model
from dvplug.errors import ModelError, PluginError
from dvplug.genotypes.genotyper import KerasPredictor, open_genotyper
from dvplug.models import load_model
from dvplug.plugins.loading import installed_plugins
from dvplug.simulate import SimulatedDataset
from dvplug.train.examples import LabeledReads, make_examples
from dvplug.train.fit_inputs import require_network
from dvplug.train.state import FitSettings, read_fit
from dvplug.train.store import ExampleReader
from dvplug_registry.manifest import Manifest
from dvplug_registry.model_folder import load_manifest
from helpers.command import run_captured
from helpers.registry_fixtures import Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    place = Site(tmp_path / "site", monkeypatch)
    place.first_party()
    place.toy()
    installed_plugins.cache_clear()
    yield place
    place.forget()
    installed_plugins.cache_clear()


@pytest.fixture
def shards(site: Site, dataset: SimulatedDataset, tmp_path: Path) -> list[Path]:
    """Examples to train on, and others to tune on."""
    reads = LabeledReads.of(dataset.reference, [dataset.reads], dataset.truth, dataset.confident)
    made = [tmp_path / "train.h5", tmp_path / "tune.h5"]
    for out, where in zip(made, ("chrS:1-40000", "chrS:40001-60000"), strict=True):
        assert make_examples("toy", reads, out, regions=(where,)) > 15
    return made


def command(capfd: pytest.CaptureFixture[str], *words: object) -> str:
    code, out, err = run_captured(capfd, *map(str, words))
    assert code == 0, err
    return out + err


def test_it_is_trained_exported_and_called(
    site: Site,
    shards: list[Path],
    dataset: SimulatedDataset,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    train, tune = shards
    header = ExampleReader([train]).header
    assert (header.features, header.feature_sets) == (("n_alt", "vaf"), (("toy-counts", 1),))
    shares = np.concatenate([part.features[:, 1] for part in ExampleReader([train]).in_order()])
    labels = ExampleReader([train]).labels
    assert shares[labels == 2].mean() > 0.9 > 0.6 > shares[labels == 1].mean() > 0.4
    fitted, model = tmp_path / "fitted", tmp_path / "model"
    command(
        capfd, "train", "fit", train, "--tune", tune, "--out", fitted, "--architecture", "toy-dense",
        "--epochs", 150, "--batch-size", 8, "--learning-rate", 0.02,
    )  # fmt: skip
    state = read_fit(fitted)
    assert state.settings.architecture == "toy-dense"
    assert state.epochs[state.best].tune.log_loss < 0.5 * state.epochs[0].tune.chance_log_loss
    command(
        capfd, "train", "export", fitted, "--tune", tune, "--name", "dense", "--model-version", "1.0.0",
        "--description", "d", "--held-out", "h", "--out", model,
    )  # fmt: skip
    _require_whole(load_manifest(model))
    found = load_model(installed_plugins(), f"{model}/")
    assert verify_model(installed_plugins(), found) <= found.manifest.tolerance
    examples = next(ExampleReader([tune]).in_order())
    on_cpu = open_genotyper(found, "cpu").predict(examples.images, examples.features)
    by_weights = KerasPredictor(found, "cpu").predict(examples.images, examples.features)
    np.testing.assert_allclose(on_cpu, by_weights, atol=found.manifest.tolerance)
    out = tmp_path / "calls.vcf"
    call_variants(CallOptions("toy", dataset.reference, (dataset.reads,), str(out), model=f"{model}/"))
    with pysam.VariantFile(str(out)) as records:
        genotypes = [record.samples[0]["GT"] for record in records if "PASS" in record.filter]
    assert {(0, 1), (1, 1)} <= set(genotypes)
    _require_warm_start(tmp_path, shards, capfd)


def _require_whole(manifest: Manifest) -> None:
    """The manifest names the stranger's parts."""
    assert (manifest.architecture, manifest.features) == ("toy-dense", ("n_alt", "vaf"))
    assert [(one.name, one.version) for one in manifest.feature_sets] == [("toy-counts", 1)]
    assert manifest.genotyper == "litert"
    assert {entry.role for entry in manifest.files.values()} == {"weights", "litert", "known-answer"}


def _require_warm_start(tmp_path: Path, shards: list[Path], capfd: pytest.CaptureFixture[str]) -> None:
    """The network is that of the model, whether it is named or not; another one is refused."""
    begin = (
        "train",
        "fit",
        shards[0],
        "--tune",
        shards[1],
        "--epochs",
        1,
        "--batch-size",
        16,
        "--start-from",
    )
    for name, more in (("silent", ()), ("named", ("--architecture", "toy-dense"))):
        command(capfd, *begin, tmp_path / "model", "--out", tmp_path / name, *more)
        state = read_fit(tmp_path / name)
        assert (state.settings.architecture, state.started_from) == ("toy-dense", "dense@1.0.0")
        assert state.epochs[0].tune.log_loss < 0.6 * state.epochs[0].tune.chance_log_loss
    words = (*begin, tmp_path / "model", "--out", tmp_path / "other", "--architecture", "small-cnn")
    code, _, err = run_captured(capfd, *map(str, words))
    assert code == 2
    assert (
        "the settings are for another network than that of dense@1.0.0: small-cnn {} against toy-dense" in err
    )


def test_what_cannot_be_fitted_is_refused_before_any_training(site: Site) -> None:
    with pytest.raises(
        PluginError, match=r"no plugin offers the network 'toy-dens'\. Did you mean 'toy-dense'"
    ):
        require_network(FitSettings(architecture="toy-dens"))
    with pytest.raises(
        ModelError,
        match=r"settings \{'unit': 3\} do not fit the network 'toy-dense': unknown: unit\. Known settings: units",
    ):
        require_network(FitSettings(architecture="toy-dense", architecture_settings={"unit": 3}))
    with pytest.raises(
        ModelError, match="'toy-dense' cannot be fitted to examples of a and b together: it has no set"
    ):
        require_network(FitSettings(architecture="toy-dense", sequencing_types=("a", "b")))
    require_network(FitSettings(sequencing_types=("a", "b")))
