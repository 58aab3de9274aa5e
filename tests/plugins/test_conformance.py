"""The conformance kit: our plugins and a stranger's pass it, and each of its tests can fail."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dvplug.errors import ModelError, PluginError
from dvplug.line.image_batch import EMPTY, Pileup
from dvplug.plugins.feature_sets import chosen_features
from dvplug.plugins.loading import Plugins, load_plugins
from dvplug.testing import PluginConformance
from helpers.registry_fixtures import REPOSITORY, TOY, Site, make_model

needs_genotyper = pytest.mark.skipif(
    importlib.util.find_spec("dvplug.genotypes.genotyper") is None,
    reason="dvplug.genotypes.genotyper is not here",
)
ILLUMINA_MODELS = REPOSITORY / "plugins" / "dvplug_illumina" / "models"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    place = Site(tmp_path, monkeypatch)
    yield place
    place.forget()


@pytest.fixture
def toy_package(site: Site) -> Path:
    """The toy, with its model."""
    return site.toy()


class TestToy(PluginConformance):
    """A stranger's plugin, as its author would test it."""

    entry_point = "toy"

    @pytest.fixture(autouse=True)
    def _installed(self, toy_package: Path) -> None:
        """Install it."""


class TestIllumina(PluginConformance):
    """Ours."""

    entry_point = "illumina"

    @pytest.fixture(autouse=True)
    def _installed(self, site: Site) -> None:
        site.first_party()

    @pytest.mark.skipif(not ILLUMINA_MODELS.is_dir(), reason="the Illumina model is not here")
    def test_plugin_loads_without_a_problem(self) -> None:
        super().test_plugin_loads_without_a_problem()

    @needs_genotyper
    @pytest.mark.skipif(not ILLUMINA_MODELS.is_dir(), reason="the Illumina model is not here")
    def test_models_fit_and_verify(self) -> None:
        super().test_models_fit_and_verify()

    def test_its_names(self) -> None:
        plugins = self.plugins()
        for name in ("illumina-wgs", "illumina", "wgs"):
            assert plugins.technology(name).image.shape == (64, 55, 7)


class TestPacBio(PluginConformance):
    """Ours, for long reads."""

    entry_point = "pacbio"

    @pytest.fixture(autouse=True)
    def _installed(self, site: Site) -> None:
        site.first_party()

    def test_its_names(self) -> None:
        plugins = self.plugins()
        for name in ("pacbio", "hifi"):
            assert plugins.technology(name).phase_reads


class TestOnt(PluginConformance):
    """Ours, for nanopore reads."""

    entry_point = "ont"

    @pytest.fixture(autouse=True)
    def _installed(self, site: Site) -> None:
        site.first_party()

    def test_its_names(self) -> None:
        plugins = self.plugins()
        for name in ("ont", "ont-r10"):
            assert plugins.technology(name).phase_reads


class TestIon(PluginConformance):
    """Ours, for Ion Torrent reads."""

    entry_point = "ion"

    @pytest.fixture(autouse=True)
    def _installed(self, site: Site) -> None:
        site.first_party()

    def test_its_names(self) -> None:
        plugins = self.plugins()
        for name in ("ion", "ion-torrent"):
            assert "homopolymer_length" in plugins.technology(name).image.channels


class TestBuiltin(PluginConformance):
    """The engine's own parts."""

    entry_point = "builtin"

    def plugins(self) -> Plugins:
        return load_plugins(())

    @needs_genotyper
    def test_functions_can_be_imported_and_called_as_specified(self) -> None:
        super().test_functions_can_be_imported_and_called_as_specified()

    def test_features_can_be_imported(self) -> None:
        plugins = self.plugins()
        for name in plugins.names("feature set"):
            features = chosen_features(plugins, [name]).columns
            assert len(features) > 5
            assert all(isinstance(column, str) for column in features)


def test_the_toy_s_channel_draws_where_reads_lie(toy_package: Path) -> None:
    cell = np.full((1, 8, 11), EMPTY, np.int32)
    cell[0, 3, 2:7] = range(5)
    row = cell[:, :, 0]
    pileup = Pileup(None, cell, cell > 0, row, row > 0, row > 0, cell[:, 0])  # type: ignore[arg-type]
    images = np.zeros((1, 8, 11, 2), np.uint8)
    load_plugins(["toy"]).channel("toy_stripes").load()(pileup, images[..., 1])
    assert images[0, 3, :, 1].tolist() == [0, 0, 255, 0, 255, 0, 255, 0, 0, 0, 0]
    assert images.astype(int).sum() == 3 * 255


ENCODER = """
@hookimpl
def dvplug_image_encoders():
    from dvplug.hookspecs import ImageEncoder
    return [ImageEncoder("short", "one channel less", "dvplug_toy:encode")]


def encode(context):
    from dataclasses import replace
    from dvplug.images.encoders import encode_in_context
    drawn = encode_in_context(context)
    return replace(drawn, images=drawn.images[..., :-1])


"""


class _Toy(PluginConformance):
    """The kit, to be run by hand on a toy that has been broken."""

    entry_point = "toy"


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_kit_finds_a_plugin_that_does_not_load(toy_package: Path) -> None:
    _edit(toy_package / "__init__.py", "DVPLUG_API = 3", "DVPLUG_API = 0")
    with pytest.raises(AssertionError, match="it was written for hook API 0"):
        _Toy().test_plugin_loads_without_a_problem()


def test_kit_finds_a_plugin_that_is_not_installed() -> None:
    with pytest.raises(PluginError, match="no plugin 'toy'"):
        _Toy().test_plugin_loads_without_a_problem()


@pytest.mark.parametrize("arguments", ["image, out", "pileup", "pileup, out, colour", ""])
def test_kit_finds_a_function_with_other_arguments(toy_package: Path, arguments: str) -> None:
    _edit(toy_package / "drawing.py", "pileup: Pileup, out: NDArray[np.uint8]", arguments)
    with pytest.raises(AssertionError, match=r"channel 'toy_stripes' has to take \(pileup, out\), not "):
        _Toy().test_functions_can_be_imported_and_called_as_specified()


def test_kit_finds_a_function_that_is_not_there(toy_package: Path) -> None:
    _edit(toy_package / "drawing.py", "def stripes", "def strips")
    with pytest.raises(
        PluginError, match=r"'dvplug_toy\.drawing:stripes' cannot be imported: AttributeError"
    ):
        _Toy().test_functions_can_be_imported_and_called_as_specified()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '("read_base", "toy_stripes")',
            '("read_bass", "toy_stripes")',
            "no plugin offers the channel 'read_bass'. Did",
        ),
        ("image=layout", 'image=layout, genotyper="toy"', "no plugin offers the genotyper 'toy'"),
        (
            "image=layout",
            'image=layout, image_encoder="pile"',
            "no plugin offers the image encoder 'pile'. Did",
        ),
        ('("toy-counts",)', '("toy-count",)', "no plugin offers the feature set 'toy-count'. Did"),
        ('finder="toy-finder"', 'finder="x"', "no plugin offers the candidate finder 'x'"),
    ],
)
def test_kit_finds_a_part_that_does_not_exist(toy_package: Path, old: str, new: str, message: str) -> None:
    _edit(toy_package / "__init__.py", old, new)
    with pytest.raises(PluginError, match=message):
        _Toy().test_profiles_name_parts_that_exist()


def test_kit_finds_models_that_are_absent_misfit_or_damaged(toy_package: Path) -> None:
    models = toy_package / "models"
    (models / "toy-1.0.0" / "formula.bin").write_bytes(b"")
    with pytest.raises(ModelError, match=r"formula\.bin is damaged"):
        _Toy().test_models_fit_and_verify()
    make_model(models, version="1.1.0", encoder={"name": "pileup", "version": 7})
    with pytest.raises(ModelError, match="encoder: the model has pileup version 7"):
        _Toy().test_models_fit_and_verify()
    _edit(toy_package / "__init__.py", "toy >=1,<2", "toys@1")
    for name in [name for name in sys.modules if name.startswith("dvplug_toy")]:
        del sys.modules[name]
    with pytest.raises(ModelError, match=r"no model is called 'toys' .*Did you mean 'toy'"):
        _Toy().test_models_fit_and_verify()


def test_kit_finds_models_with_settings_that_the_genotyper_does_not_know(toy_package: Path) -> None:
    make_model(toy_package / "models", version="1.1.0", genotyper_settings={"precision": "int8"})
    with pytest.raises(
        ModelError,
        match=r"settings \{'precision': 'int8'\} do not fit the genotyper 'toy-formula': unknown: precision\. "
        "Known settings: none",
    ):
        _Toy().test_models_fit_and_verify()


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="keras is not installed")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name="hidden"', "", "a network with a layer called 'dense.*Keras calls layers without a name so"),
        ('layers.Dense(3, name="logits")(x)', "x", r"a network without logits, its layers being \['image'.*Dense"),
        ("Dense(3,", "Dense(3, activation='softmax',", "logits of 3 units, with a bias: its one output"),
        ("Dense(3,", "Dense(2,", "logits of 2 units, with a bias: its one output"),
        ("[image, given], layers", "[given, image], layers",
         r"the inputs float32\[n, 5\] uint8\[n, 32, 33, 3\]: it is given image and features, in this order: uint8"),
        ('dtype="uint8"', 'dtype="float32"', r"the inputs float32\[n, 32, 33, 3\] float32\[n, 5\]: it is given"),
        ("return keras.Model(", "return str((", r"gave a str: it has to be a keras\.Model"),
        ("import keras\n    from", "import kerass\n    from", "failed: ModuleNotFoundError: No module named 'kerass'"),
    ],
)  # fmt: skip
def test_kit_finds_networks_that_cannot_be_trained(
    toy_package: Path, old: str, new: str, message: str
) -> None:
    _edit(toy_package / "network.py", old, new)
    if "str((" in new:
        _edit(toy_package / "network.py", '(x), name="toy_dense")', "(x)))")
    with pytest.raises(PluginError, match=f"the network 'toy-dense' of dvplug-toy 0.3.0 .*{message}"):
        _Toy().test_networks_can_be_built()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("default=16, ", "", "do not fit the network 'toy-dense': units: Field required"),
        (
            "DenseSettings(Frozen)",
            "DenseSettings",
            "declares the settings dvplug_toy.network:DenseSettings: they have to be a class that derives",
        ),
    ],
)
def test_kit_finds_settings_that_are_not_as_they_should_be(
    toy_package: Path, old: str, new: str, message: str
) -> None:
    _edit(toy_package / "network.py", old, new)
    with pytest.raises((ModelError, PluginError), match=message):
        _Toy().test_settings_are_declared_as_classes()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "drawing.py",
            "_stripes(pileup.cell, out)",
            "out[:] = np.random.default_rng().integers(1, 255)",
            "toy: images differ from run to run",
        ),
        ("measuring.py", "reads / 100", "reads * np.random.random()", "toy: features differ from run to run"),
    ],
)
def test_kit_finds_images_that_are_not_as_declared(
    toy_package: Path, file: str, old: str, new: str, message: str
) -> None:
    _edit(toy_package / file, old, new)
    with pytest.raises(AssertionError, match=message):
        _Toy().test_images_are_as_declared_and_always_the_same()


def test_kit_finds_an_encoder_that_leaves_a_channel_out(toy_package: Path) -> None:
    _edit(
        toy_package / "__init__.py",
        "@hookimpl\ndef dvplug_channels",
        ENCODER + "@hookimpl\ndef dvplug_channels",
    )
    _edit(toy_package / "__init__.py", "image=layout,", 'image=layout, image_encoder="short",')
    with pytest.raises(
        PluginError,
        match=r"'short' of dvplug-toy 0\.3\.0 .*gave images uint8\[(\d+), 8, 11, 1\].*has to be uint8\[\1, 8, 11, 2\]",
    ):
        _Toy().test_images_are_as_declared_and_always_the_same()


def test_kit_finds_a_finder_that_finds_nothing(toy_package: Path) -> None:
    _edit(
        toy_package / "__init__.py", "image=layout,",
        "image=layout, candidate_thresholds=CandidateThresholds(min_count_snps=999, min_count_indels=999),",
    )  # fmt: skip
    _edit(
        toy_package / "__init__.py",
        "    ImageLayout,",
        "    CandidateThresholds, ImageLayout,",
    )
    with pytest.raises(AssertionError, match="toy: the finder finds nothing"):
        _Toy().test_images_are_as_declared_and_always_the_same()
    with pytest.raises(AssertionError, match="toy: no record is written"):
        _Toy().test_a_tiny_simulated_genome_is_called()


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("pip", "hatchling")), reason="needs pip and hatchling"
)
def test_the_toy_is_built_and_installed_by_pip(tmp_path: Path) -> None:
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run(
        [*pip, "--target", str(tmp_path), str(TOY)], check=True, env={**os.environ, "PIP_NO_INPUT": "1"}
    )
    code = (
        "from dvplug.plugins.loading import load_plugins; p = load_plugins(['toy']);"
        "print(p.technology('toy-reads').name, p.plugins[-1].distribution, p.plugins[-1].version)"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["toy", "dvplug-toy", "0.3.0"]
