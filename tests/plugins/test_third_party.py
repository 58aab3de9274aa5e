"""A stranger's genotypers: the same networks on another runtime, chosen by a profile or by a model."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.engine.known_answers import verify_model
from dvplug.errors import ModelError, PluginError
from dvplug.models import load_model
from dvplug.plugins.loading import installed_plugins, load_plugins
from dvplug.simulate import SimulatedDataset
from dvplug.testing import PluginConformance
from helpers.registry_fixtures import TOY, Site

ONNX = TOY.parent / "dvplug_onnx"
needs_onnx = pytest.mark.skipif(
    not all(map(find_spec, ("onnx", "onnxruntime"))), reason="onnx and onnxruntime are not installed"
)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    place = Site(tmp_path / "site", monkeypatch)
    place.first_party()
    place.project(ONNX)
    installed_plugins.cache_clear()
    yield place
    place.forget()
    installed_plugins.cache_clear()


@needs_onnx
class TestOnnx(PluginConformance):
    """As its author would test it."""

    entry_point = "onnx"
    needs = ("illumina",)

    @pytest.fixture(autouse=True)
    def _installed(self, site: Site) -> None:
        """Install it."""


@needs_onnx
def test_it_computes_what_the_float32_network_does(site: Site) -> None:
    plugins = load_plugins(["illumina", "onnx"])
    model = load_model(plugins, "illumina-wgs@1")
    with np.load(model.path("known-answer")) as known:
        genotyper = plugins.genotyper("onnx-from-weights").load()(model, "cpu")
        found = genotyper.predict(known["images"], known["features"])
        alone = genotyper.predict(known["images"][:1], known["features"][:1])
        np.testing.assert_allclose(found, known["probabilities"], atol=2e-5)
    np.testing.assert_array_equal(found[:1], alone)


@needs_onnx
def test_its_calls_are_nearly_those_of_litert(site: Site, dataset: SimulatedDataset, tmp_path: Path) -> None:
    lines = {}
    for tech in ("illumina-wgs", "illumina-wgs-onnx"):
        out = tmp_path / f"{tech}.vcf"
        call_variants(CallOptions(tech, dataset.reference, (dataset.reads,), str(out), device="cpu"))
        records = [line.split("\t") for line in out.read_text().splitlines() if not line.startswith("#")]
        lines[tech] = {(r[0], r[1], r[3], r[4], r[9].split(":")[0]) for r in records}
    ours, theirs = lines.values()
    assert len(ours) > 50
    assert len(ours ^ theirs) <= 0.04 * len(ours)  # int8 rounds


@needs_onnx
def test_a_model_has_the_files_that_its_genotyper_names_and_no_other(
    site: Site, dataset: SimulatedDataset, tmp_path: Path
) -> None:
    """The technology names no genotyper: the model does. The records are those of the weights."""
    plugins = load_plugins(["illumina", "onnx"])
    original, folder = load_model(plugins, "illumina-wgs@1"), tmp_path / "graph"
    from dvplug_onnx.genotyper import write_model

    write_model(original, folder)
    files = {"manifest.json", "network.onnx", "known_answer.npz", "first_stage.safetensors"}
    assert {path.name for path in folder.iterdir()} == files
    model = load_model(plugins, f"{folder}/")
    assert 0 < verify_model(plugins, model) < 2e-5
    said = {}
    for tech, more in (("illumina-wgs", {"model": f"{folder}/"}), ("illumina-wgs-onnx", {})):
        out = tmp_path / f"{tech}.vcf"
        call_variants(CallOptions(tech, dataset.reference, (dataset.reads,), str(out), device="cpu", **more))
        said[tech] = [line for line in out.read_text().splitlines() if not line.startswith("#")]
    assert said["illumina-wgs"] == said["illumina-wgs-onnx"]
    with pytest.raises(
        ModelError,
        match=r"graph@1\.0\.0 has no weights \(\.safetensors\), which the genotyper 'onnx-from-weights' opens: "
        r"its files are onnx \(network\.onnx\), .*known-answer .*made for 'onnx-from-weights'",
    ):
        verify_model(plugins, model, profile=plugins.technology("illumina-wgs-onnx"))
    with pytest.raises(
        PluginError, match=r"no plugin offers the genotyper 'onnx', which opens the model graph@1"
    ):
        verify_model(load_plugins(["illumina"]), model)
