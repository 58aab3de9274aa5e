"""`dvplug registry list --technology`, `update`, `diff` and `show` of several versions, from the outside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dvplug_registry.model_folder import load_manifest, open_folder, save_manifest
from dvplug_registry.publish import Registry
from dvplug_registry.sources import add_source
from helpers.command import run_captured
from helpers.registry_fixtures import Site, fields, make_model

Sh = Callable[..., str]
CALLING = fields()["calling"]
STRICTER = CALLING["candidate_thresholds"] | {"min_fraction_snps": 0.12}


@pytest.fixture
def sh(site: Site, capsys: pytest.CaptureFixture[str]) -> Sh:
    """Run a command, and return what it says on both streams as one line."""

    def run(*words: object, expected: int = 0) -> str:
        code, out, err = run_captured(capsys, "registry", *words)
        assert code == expected, out + err
        return " ".join((out + err).split())

    return run


@pytest.fixture
def offered(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry of toy@1.1.0, 1.2.0 (yanked) and 2.0.0, and of another technology's model; toy@1.0.0 is installed."""
    monkeypatch.setenv("DVPLUG_HOME", str(tmp_path / "home"))
    host = Registry.init(tmp_path / "registry", tmp_path / "keys")
    trained_on = {"runs": {"read_length": {"low": 8, "high": 80}}}
    changes: list[dict[str, Any]] = [
        {"version": "1.1.0", "calling": {**CALLING, "candidate_thresholds": STRICTER}, "trained_on": trained_on},
        {"version": "1.2.0"},
        {"version": "2.0.0", "image": {**fields()["image"], "channels": ["read_base", "strand"]}},
        {"name": "nova", "technology": "nova"},
    ]  # fmt: skip
    for change in changes:
        host.publish(open_folder(make_model(tmp_path / "made", **change)))
    host.mark("toy@1.2.0", yanked="it is wrong")
    add_source("ours", host.folder.as_uri(), host.folder / "metadata" / "1.root.json")
    return host


def test_models_are_listed_by_technology(offered: Registry, sh: Sh) -> None:
    rows = json.loads(sh("list", "--technology", "toy", "--json"))
    assert [(row["name"], row["version"]) for row in rows] == [
        ("toy", version) for version in ("2.0.0", "1.2.0", "1.1.0", "1.0.0")
    ]
    assert [row["name"] for row in json.loads(sh("list", "--technology", "nova", "--json"))] == ["nova"]
    said = sh("list", "--technology", "tyo", expected=2)
    assert "no plugin and no model is for the technology 'tyo'. Did you mean 'toy'?" in said


def test_an_update_stays_within_the_major_version_and_takes_nothing_yanked(
    offered: Registry, sh: Sh, tmp_path: Path
) -> None:
    row = {"name": "toy", "installed": "1.0.0", "newer": "1.1.0", "registry": "ours", "beyond": "2.0.0"}
    assert json.loads(sh("update", "--dry-run", "--json")) == [row]
    assert "toy@1.0.0: 1.1.0 is newer" in sh("update", "--dry-run")
    assert not (tmp_path / "home" / "models").exists()
    said = sh("update")
    assert "toy@1.0.0: 1.1.0 downloaded" in said
    assert "2.0.0 has another major version: `dvplug registry update toy@2`" in said
    assert json.loads(sh("show", "toy", "--json"))["version"] == "1.1.0"
    assert "toy@1.1.0: nothing newer; 2.0.0 has another" in sh("update", "toy")
    assert "toy@1.1.0: 2.0.0 downloaded" in sh("update", "toy@2")
    assert sh("update") == "toy@2.0.0: nothing newer"


def test_what_cannot_be_updated_is_told(offered: Registry, sh: Sh) -> None:
    said = sh("update", "toi", expected=2)
    assert "no model called 'toi' is installed" in said
    assert "Did you mean 'toy'?" in said
    assert "`dvplug registry download nova` gets one" in sh("update", "nova", expected=2)
    assert "no registry is called 'our'. Did you mean 'ours'?" in sh("update", "--source", "our", expected=2)
    sh("remove-source", "ours")
    assert "no registry is known" in sh("update", expected=2)


def test_two_versions_are_compared_and_neither_is_installed_for_it(
    offered: Registry, sh: Sh, tmp_path: Path
) -> None:
    told = json.loads(sh("diff", "toy@1.0.0", "toy@1.1.0", "--json"))
    assert (told["first"], told["second"]) == ("toy@1.0.0", "toy@1.1.0")
    found = {one["field"]: (one["first"], one["second"]) for one in told["differences"]}
    assert found == {
        "version": ("1.0.0", "1.1.0"),
        "calling.candidate_thresholds.min_fraction_snps": (0.08, 0.12),
        "trained_on.runs.read_length.low": (None, 8),
        "trained_on.runs.read_length.high": (None, 80),
    }
    said = sh("diff", "toy@1.1.0", "toy@2.0.0")
    assert "image.channels toy_stripes strand" in said
    assert "calling.candidate_thresholds.min_fraction_snps 0.12 0.08" in said
    assert not (tmp_path / "home" / "models").exists()
    own = tmp_path / "made" / "toy-1.1.0"
    manifest = load_manifest(own)
    metric = manifest.metrics[0].model_copy(update={"fp": 11, "f1": 0.8955})
    save_manifest(own, manifest.model_copy(update={"metrics": (metric,)}))
    told = json.loads(sh("diff", "toy@1.1.0", own, "--json"))["differences"]
    assert [tuple(one.values()) for one in told] == [
        ("metrics.toy.SNP.f1", 0.9, 0.8955),
        ("metrics.toy.SNP.fp", 10, 11),
    ]
    assert "do not differ" in sh("diff", "toy@1.0.0", "toy@1.0.0")
    assert "Did you mean 'toy'?" in sh("diff", "toy", "toi", expected=2)
    assert "offered versions of toy: 1.1.0, 1.2.0 (yanked), 2.0.0" in sh("diff", "toy", "toy@9", expected=2)


def test_a_manifest_that_was_changed_on_the_server_is_refused(offered: Registry, sh: Sh) -> None:
    (place,) = (offered.folder / "targets").glob("*.toy-1.1.0.json")
    place.write_bytes(place.read_bytes().replace(b"three weights", b"four weights."))
    assert "the manifest of toy@1.1.0 is not the one that was signed" in sh(
        "diff", "toy", "toy@1.1", expected=2
    )


def test_a_model_is_shown_with_its_card(offered: Registry, sh: Sh) -> None:
    assert sh("show", "toy@1.0.0").endswith("# A toy")
    said = sh("show", "toy@1.1.0")
    assert "registry: ours" in said
    assert said.endswith("# A toy")
    assert sh("show", "toy@1.1.0", "--card") == "# A toy"
