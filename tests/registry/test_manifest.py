"""Manifests and versions: what is accepted, what is refused, and in which order versions come."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dvplug_registry.errors import ModelError
from dvplug_registry.manifest import Limits, Manifest
from dvplug_registry.model_folder import load_manifest, save_manifest
from dvplug_registry.versions import Requirement, Version
from helpers.registry_fixtures import fields, make_model
from oracles.versions import precedes

HASH = "0" * 64
FILES = {
    "w.safetensors": {"sha256": HASH, "size": 1, "role": "weights"},
    "m.bin": {"sha256": HASH, "size": 1, "role": "formula"},
    "k.npz": {"sha256": HASH, "size": 1, "role": "known-answer"},
}

numbers = st.integers(0, 30)
labels = st.lists(st.sampled_from(["alpha", "beta", "rc", "1", "2", "10", "x-y"]), max_size=3).map(tuple)
versions = st.builds(Version, numbers, numbers, numbers, labels)


@given(versions, versions)
def test_versions_are_ordered_as_semver_says(a: Version, b: Version) -> None:
    assert (a < b) == precedes(a, b)
    assert [a < b, a == b, a > b].count(True) == 1


@given(versions)
def test_version_text_is_read_back(version: Version) -> None:
    assert Version.parse(str(version)) == version


def test_semver_example_order() -> None:
    # the example in clause 11.4.4
    texts = (
        "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0"
    )
    parsed = [Version.parse(text) for text in texts.split()]
    assert all(a < b for a, b in itertools.combinations(parsed, 2))


@pytest.mark.parametrize(
    "text", ["1", "1.0", "01.0.0", "1.0.0-01", "1.0.0+build", "1.0.0-", "v1.0.0", "1.0.0\n"]
)
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="is not a semantic version"):
        Version.parse(text)


@given(numbers, numbers, versions)
def test_partial_versions_are_ranges(major: int, minor: int, version: Version) -> None:
    release = not version.prerelease
    assert Requirement.parse(f"m@{major}").allows(version) == (release and version.major == major)
    both = release and (version.major, version.minor) == (major, minor)
    assert Requirement.parse(f"m@{major}.{minor}").allows(version) == both
    ranged = Requirement.parse(f"m >={major}.{minor},<{major + 1}")
    assert ranged.allows(version) == (release and version.major == major and version.minor >= minor)


@given(versions)
def test_exact_versions_are_allowed_also_when_they_are_prereleases(version: Version) -> None:
    assert Requirement.parse(f"m@{version}").allows(version)
    assert Requirement.parse("m").allows(version) == (not version.prerelease)


@pytest.mark.parametrize("text", ["", "M@1", "m@", "m@x", "m >1", "m >=1,>=2", "m@1.2.3.4", "../m", "m@1 2"])
def test_what_is_no_requirement(text: str) -> None:
    with pytest.raises(ModelError, match=r"is not a model requirement: .* Write 'name'"):
        Requirement.parse(text)


@pytest.mark.parametrize(
    "name",
    [
        "../w.safetensors",
        "/w.safetensors",
        "a/w.safetensors",
        "..",
        ".w.safetensors",
        "a\\w.safetensors",
        "w\n.safetensors",
    ],
)
def test_file_names_that_lead_elsewhere_are_refused(name: str) -> None:
    files = {name: FILES["w.safetensors"], **{k: v for k, v in FILES.items() if k != "w.safetensors"}}
    with pytest.raises(ValidationError, match="String should match pattern"):
        Manifest.model_validate(fields(files=files))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "Extra inputs are not permitted"),
        ({"name": "Toy"}, "String should match pattern"),
        ({"version": "1.0"}, "not a semantic version"),
        ({"licence": "free for all!"}, "String should match pattern"),
        ({"tolerance": 1.5}, "tolerance"),
        ({"tolerance": float("nan")}, "tolerance"),
        ({"genotyper": "a b"}, "genotyper"),
        ({"genotyper_settings": {"precision": {"int": 8}}}, "genotyper_settings.precision"),
        ({"architecture_settings": {"rate": float("inf")}}, "architecture_settings.rate"),
        ({"feature_sets": [{"name": "s", "version": 1}] * 2}, "feature sets are named twice: s"),
        ({"feature_sets": [{"name": "s", "version": 0}]}, "feature_sets.0.version"),
        ({"features": ["a", "a"]}, "features are named twice: a"),
        (
            {"metrics": [{"set": "s", "type": "SNP", "tp": 90, "fp": 10, "fn": 10, "f1": 0.95}]},
            "counts give 0.9000",
        ),
        (
            {"files": {k: v for k, v in FILES.items() if k != "k.npz"}},
            "one file in the role known-answer, not 0",
        ),
        ({"files": {**FILES, "m2.bin": FILES["m.bin"]}}, "one file in the role formula, not 2"),
        (
            {"files": {**FILES, "n.pkl": {**FILES["m.bin"], "role": "more"}}},
            r"n\.pkl: a model holds data alone",
        ),
        (
            {"files": {**FILES, "n.PT": {**FILES["m.bin"], "role": "more"}}},
            r"n\.PT: a model holds data alone",
        ),
        ({"files": {**FILES, "n": {**FILES["m.bin"], "role": "more"}}}, "n: a model holds data alone"),
        ({"files": {**FILES, "n.bin": {**FILES["m.bin"], "role": "a role"}}}, "role"),
        (
            {"files": {**FILES, "w2.safetensors": FILES["w.safetensors"]}},
            "one file in the role weights, not 2",
        ),
        (
            {"files": {**FILES, "c.py": {"sha256": HASH, "size": 1, "role": "card"}}},
            r"role card ends in \.md",
        ),
        ({"files": {**FILES, "w.safetensors": {"sha256": "beef", "size": 1, "role": "weights"}}}, "sha256"),
    ],
)
def test_manifests_that_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Manifest.model_validate(fields(**{"files": FILES, **change}))


def test_manifest_is_saved_and_read_back_the_same(tmp_path: Path) -> None:
    manifest = Manifest.model_validate(fields(files=FILES))
    assert save_manifest(tmp_path, manifest) == save_manifest(tmp_path, manifest)
    assert load_manifest(tmp_path) == manifest
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_manifest_on_disk_that_is_missing_newer_broken_or_a_link(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    with pytest.raises(ModelError, match=r"there is no plain file manifest\.json"):
        load_manifest(tmp_path)
    path.write_text('{"schema_version": 3}')
    with pytest.raises(
        ModelError, match=r"has schema version 3: this dvplug reads version 2\. Update dvplug"
    ):
        load_manifest(tmp_path)
    path.write_text('{"schema_version": 1, "litert": {}}')
    with pytest.raises(
        ModelError,
        match=r"has schema version 1: this dvplug reads version 2\. Take a newer version of the model",
    ):
        load_manifest(tmp_path)
    path.write_text("{")
    with pytest.raises(ModelError, match="is not JSON"):
        load_manifest(tmp_path)
    path.write_text("[]")
    with pytest.raises(ModelError, match="is not a valid manifest"):
        load_manifest(tmp_path)
    path.unlink()
    path.symlink_to(make_model(tmp_path / "other") / "manifest.json")
    with pytest.raises(ModelError, match=r"there is no plain file manifest\.json"):
        load_manifest(tmp_path)


TRAINED_ON = {
    "runs": {"with_fragment_length": {"low": 0.9}},
    "reads": {"fragment_length": 312},
    "features": {"vaf": {"value": 0.5, "limits": {"high": 0.9}}},
    "channels": {"toy_stripes": {"value": 7, "outside": "with_fragment_length"}},
}


def test_what_it_was_trained_on_is_kept(tmp_path: Path) -> None:
    folder = make_model(tmp_path, trained_on=TRAINED_ON)
    found = load_manifest(folder).trained_on
    assert found.runs["with_fragment_length"].hold(0.9)
    assert not found.runs["with_fragment_length"].hold(0.89)
    assert found.reads.fragment_length == 312
    assert found.features["vaf"].limits is not None
    assert save_manifest(folder, load_manifest(folder)) == save_manifest(folder, load_manifest(folder))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"features": {"vaf": {"value": 1}}}, "give 'outside', 'limits' or both"),
        ({"features": {"depht": {"value": 1, "limits": {}}}}, "features that the model lacks: depht"),
        (
            {"channels": {"strand": {"value": 1, "outside": "with_fragment_length"}}},
            "channels that the model lacks",
        ),
        (
            {"channels": {"read_base": {"value": 1, "limits": {}}}},
            "channels have no limits of their own: read_base",
        ),
        (
            {"features": {"vaf": {"value": 1, "limits": {"high": 2}, "unless": {"depht": 3}}}},
            "features that the model lacks: depht",
        ),
        (
            {"features": {"vaf": {"value": 1, "outside": "with_fragment_length", "unless": {"vaf": 3}}}},
            "'unless' is of 'limits', which are not there: vaf",
        ),
        ({"runs": {}}, "no limits of with_fragment_length"),
        ({"runs": {"read_length": {"low": 9, "high": 3}}}, "low 9.0 is above high 3.0"),
        ({"reads": {"base_quality": [0.5, 0.1]}}, "shares that sum to 1"),
        ({"reads": {"strand": ["distinct_starts"]}}, "no limits of distinct_starts"),
        ({"runs": {"humidity": {"low": 9}}}, "Input should be"),
    ],
)
def test_what_cannot_be_given_as_usual_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Manifest(**fields(trained_on=TRAINED_ON | changes), files=FILES)


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (Limits(low=0.9, high=1), "0.9 to 1"),
        (Limits(high=3), "up to 3"),
        (Limits(low=2), "2 or more"),
        (Limits(low=1, high=1), "1"),
        (Limits(), "any"),
    ],
)
def test_limits_are_told_in_words(limits: Limits, text: str) -> None:
    assert str(limits) == text


def test_a_first_stage_is_a_file_and_when_it_answers() -> None:
    stage = {"snp": [0.97, 0.97, 1], "indel": [1, 1, 1], "examples": 10, "settled": 5, "disagreements": 0}
    file = {"f.safetensors": {"sha256": HASH, "size": 1, "role": "first-stage"}}
    with_both = fields(files=FILES | file, first_stage=stage)
    assert Manifest.model_validate(with_both).first_stage is not None
    for broken in (fields(files=FILES | file), fields(files=FILES, first_stage=stage)):
        with pytest.raises(ValidationError, match="first-stage and the field first_stage come together"):
            Manifest.model_validate(broken)
    renamed = {"f.bin": file["f.safetensors"]}
    with pytest.raises(ValidationError, match=r"in the role first-stage ends in \.safetensors"):
        Manifest.model_validate(fields(files=FILES | renamed, first_stage=stage))
    typed = fields(files=FILES | file, first_stage=stage)
    typed["sequencing_types"] = [typed["technology"], "other"]
    with pytest.raises(ValidationError, match="several sequencing types has no first stage"):
        Manifest.model_validate(typed)
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Manifest.model_validate(with_both | {"first_stage": stage | {"snp": [0.4, 1, 1]}})
