"""A technology and its model: found, verified, and refused where they do not fit."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dvplug.engine.known_answers import verify_model
from dvplug.errors import ModelError, PluginError
from dvplug.models import check_fit, resolve_model
from dvplug.plugins.loading import Plugins, load_plugins
from dvplug.technology import CandidateThresholds, ReadFilter
from dvplug_registry.manifest import Manifest
from dvplug_registry.model_folder import load_manifest
from helpers.registry_fixtures import Site, fields, make_model


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    place = Site(tmp_path / "site", monkeypatch)
    place.path.mkdir()
    yield place
    place.forget()


@pytest.fixture
def toy(site: Site) -> Plugins:
    site.toy()
    return load_plugins(["toy"])


def test_a_profile_s_model_is_found_and_whole(toy: Plugins) -> None:
    profile = toy.technology("toy")
    model = resolve_model(toy, profile)
    assert model.manifest.label == "toy@1.0.0"
    check_fit(toy, model.manifest, profile)
    assert verify_model(toy, model) < 1e-6


def test_a_model_is_chosen_by_version_or_path(toy: Plugins, tmp_path: Path) -> None:
    profile = toy.technology("toy")
    newer = make_model(toy.model_roots[0], version="1.3.0")
    own = make_model(tmp_path, version="9.0.0").rename(tmp_path / "own")
    assert resolve_model(toy, profile).folder == newer
    assert resolve_model(toy, profile, "toy@1.0").manifest.version == "1.0.0"
    assert resolve_model(toy, profile, str(own)).manifest.version == "9.0.0"
    with pytest.raises(ModelError, match="no model does for 'toy@2'"):
        resolve_model(toy, profile, "toy@2")


def test_a_damaged_model_is_not_handed_out(toy: Plugins) -> None:
    (toy.model_roots[0] / "toy-1.0.0" / "formula.bin").write_bytes(b"x" * 12)
    with pytest.raises(ModelError, match=r"formula\.bin is damaged: expected sha256"):
        resolve_model(toy, toy.technology("toy"))


def test_a_model_that_answers_otherwise_is_refused(toy: Plugins) -> None:
    """Every hash is right, and yet the file was made from other weights."""
    folder = make_model(toy.model_roots[0], version="1.1.0")
    (folder / "formula.bin").write_bytes((folder / "formula.bin").read_bytes()[::-1])
    manifest = json.loads((folder / "manifest.json").read_text())
    digest = hashlib.sha256((folder / "formula.bin").read_bytes()).hexdigest()
    manifest["files"]["formula.bin"]["sha256"] = digest
    (folder / "manifest.json").write_text(json.dumps(manifest))
    model = resolve_model(toy, toy.technology("toy"))
    with pytest.raises(ModelError, match=r"model toy@1\.1\.0 fails its known-answer test"):
        verify_model(toy, model)


def test_a_stranger_s_newer_version_of_a_model_is_not_taken(site: Site, toy: Plugins) -> None:
    make_model(site.path / "stolen", version="1.9.0")
    source = (
        "from pathlib import Path\nfrom dvplug.hookspecs import hookimpl\nDVPLUG_API = 2\n"
        "@hookimpl\ndef dvplug_model_sources():\n    return [Path(__file__).parent / 'stolen']\n"
    )
    site.plugin("dvplug-thief", source, point="thief")
    both = load_plugins(["toy", "thief"])
    with pytest.raises(PluginError, match=r"the model 'toy' is claimed by dvplug-thief .* and dvplug-toy"):
        resolve_model(both, both.technology("toy"))


def _calling(part: str, **changes: Any) -> dict[str, Any]:
    calling = {key: dict(value) for key, value in fields()["calling"].items()}
    calling[part].update(changes)
    return {"calling": {k: {n: v for n, v in d.items() if v is not None} for k, d in calling.items()}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"technology": "ion"}, "technology: the model has ion, the profile toy"),
        ({"image": {**fields()["image"], "height": 9}}, "image height: the model has 9, the profile 8"),
        ({"image": {**fields()["image"], "width": 13}}, "image width: the model has 13, the profile 11"),
        (
            {"image": {**fields()["image"], "reference_rows": 2}},
            "reference rows: the model has 2, the profile 1",
        ),
        (
            {"image": {**fields()["image"], "channels": ["toy_stripes", "read_base"]}},
            "channels: the model has toy_stripes read_base, the profile read_base toy_stripes",
        ),
        ({"features": ["vaf", "n_alt"]}, "features: the model has vaf n_alt, the profile n_alt vaf"),
        ({"features": []}, "features: the model has none, the profile n_alt vaf"),
        (
            {"features": ["vaf", *(f"f{i}" for i in range(20))]},
            "features: the model lacks n_alt, and has more: f0 f1 f2",
        ),
        (
            {"encoder": {"name": "pileup", "version": 3}},
            "encoder: the model has pileup version 3, the profile pileup v",
        ),
        (
            {"feature_sets": [{"name": "toy-counts", "version": 2}]},
            "feature sets: the model has toy-counts version 2, the profile toy-counts version 1",
        ),
        ({"feature_sets": []}, "feature sets: the model has none, the profile toy-counts version 1"),
        (
            _calling("read_filter", min_mapping_quality=10),
            "min_mapping_quality: trained with 10, the profile has 5",
        ),
        (
            _calling("read_filter", keep_duplicates=None),
            "keep_duplicates: trained with None, the profile has False",
        ),
        (
            {"calling": {**fields()["calling"], "realign_reads": True}},
            "realign_reads: trained with True, the profile has False",
        ),
        (
            {"calling": {**fields()["calling"], "assembly": {"shortest_k": 15}}},
            "assembly.shortest_k: trained with 15, the profile has 25",
        ),
        (
            {"calling": {**fields()["calling"], "assembly": {"longest_k": 15}}},
            "setting longest_k: this dvplug does not know it",
        ),
        (_calling("read_filter", colour=1), "setting colour: this dvplug does not know it"),
        (_calling("candidate_thresholds", min_base_quality=20), "min_base_quality: trained with 20"),
        (
            _calling("candidate_thresholds", min_fraction_snps=0.2),
            "min_fraction_snps: trained with 0.2, the profile goes down to 0.12",
        ),
        (_calling("candidate_thresholds", min_count_indels=None), "min_count_indels: trained with None"),
    ],
)
def test_each_mismatch_is_named(toy: Plugins, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    manifest = load_manifest(make_model(tmp_path, **change))
    with pytest.raises(
        ModelError, match=f"toy@1.0.0 does not fit the technology toy: {re.escape(message)}[^;]*$"
    ):
        check_fit(toy, manifest, toy.technology("toy"))


def test_all_mismatches_are_named_at_once(toy: Plugins) -> None:
    manifest = load_manifest(toy.model_roots[0] / "toy-1.0.0")
    profile = toy.technology("toy").model_copy(
        update={
            "read_filter": ReadFilter(min_mapping_quality=1, keep_qc_fail=True),
            "candidate_thresholds": CandidateThresholds(min_count_snps=1),
        }
    )
    with pytest.raises(ModelError, match=r"min_mapping_quality: .*keep_qc_fail: .*min_count_snps: "):
        check_fit(toy, manifest, profile)


def test_further_indels_go_no_lower_than_training(toy: Plugins) -> None:
    manifest = load_manifest(toy.model_roots[0] / "toy-1.0.0")  # trained with .04
    for further, fits in ((0.5, True), (0.4, False)):
        profile = toy.technology("toy").model_copy(
            update={
                "candidate_thresholds": CandidateThresholds(min_fraction_indels=0.08, further_indels=further)
            }
        )
        if fits:
            check_fit(toy, manifest, profile)
            continue
        with pytest.raises(ModelError, match=r"further_indels: trained with 0\.04 of the depth, .* 0\.032"):
            check_fit(toy, manifest, profile)


def test_settings_that_no_pixel_depends_on_may_differ(toy: Plugins) -> None:
    manifest: Manifest = load_manifest(toy.model_roots[0] / "toy-1.0.0")
    profile = toy.technology("toy").model_copy(
        update={
            "read_filter": ReadFilter(sampling_window=500, max_reads_per_window=100, max_read_span=9),
            "candidate_thresholds": CandidateThresholds(
                min_count_snps=3, min_fraction_indels=0.3, max_alts=2
            ),
        }
    )
    check_fit(toy, manifest, profile)
