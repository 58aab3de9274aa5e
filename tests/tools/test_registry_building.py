"""`tools/build_registry.py`: from folders of models to a registry that others trust, list and download from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dvplug.errors import RegistryError
from dvplug.plugins.loading import installed_plugins, load_plugins
from dvplug_lab.registry_building import build_registry, trust_from_the_start
from dvplug_registry.cache import ModelCache
from dvplug_registry.catalog import refresh
from dvplug_registry.download import download_all, read_card
from dvplug_registry.model_folder import load_manifest, save_manifest
from dvplug_registry.sources import add_source
from dvplug_registry.transport import Transport
from helpers.places import ROOT
from helpers.registry_fixtures import Site, make_model


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    (tmp_path / "site").mkdir()
    monkeypatch.setenv("DVPLUG_HOME", str(tmp_path / "home"))
    place = Site(tmp_path / "site", monkeypatch)
    place.toy()
    installed_plugins.cache_clear()
    return place


def test_the_readme_of_a_separate_distribution_is_its_models_card(site: Site, tmp_path: Path) -> None:
    project = tmp_path / "plugins" / "dvplug-toy"
    model = make_model(project / "dvplug_toy" / "models", version="1.0.0")
    manifest = load_manifest(model)
    files = {name: entry for name, entry in manifest.files.items() if entry.role != "card"}
    save_manifest(model, manifest.model_copy(update={"files": files}))
    (project / "pyproject.toml").touch()
    (project / "README.md").write_text("# dvplug-toy\n")
    out = tmp_path / "registry"
    build_registry(
        load_plugins(["toy"]), [project / "dvplug_toy" / "models"], tmp_path, out, tmp_path / "keys"
    )
    source = add_source("ours", out.as_uri(), out / "metadata" / "1.root.json")
    (offer,) = refresh(source, Transport()).offers
    assert read_card(source, offer, Transport()) == b"# dvplug-toy\n"


def test_it_is_made_renewed_and_keeps_what_was_published(site: Site, tmp_path: Path) -> None:
    plugins, models, cards = load_plugins(["toy"]), tmp_path / "models", tmp_path / "cards"
    out, keys = tmp_path / "registry", tmp_path / "keys"
    cards.mkdir()
    make_model(models, version="1.0.0")
    assert build_registry(plugins, [models], cards, out, keys) == ["toy@1.0.0"]
    first = {path: path.read_bytes() for path in (out / "targets").iterdir()}
    (models / "toy-1.0.0").rename(
        tmp_path / "forgotten"
    )  # as the next version of a plugin has the next model
    make_model(models, version="1.1.0")
    assert build_registry(plugins, [models], cards, out, keys) == ["toy@1.1.0"]
    assert build_registry(plugins, [models], cards, out, keys) == []
    assert {path: path.read_bytes() for path in first} == first
    source = add_source("ours", out.as_uri(), out / "metadata" / "1.root.json")
    offers = refresh(source, Transport()).offers
    assert [offer.label for offer in offers] == ["toy@1.0.0", "toy@1.1.0"]
    assert [read_card(source, offer, Transport()) for offer in offers] == [b"# A toy\n"] * 2
    download_all([(source, offer) for offer in offers], ModelCache(), Transport())
    assert len(ModelCache().roots) == 2
    make_model(tmp_path / "other", version="1.1.0", description="another")
    with pytest.raises(
        RegistryError, match=r"another model than the toy@1\.1\.0 .* give the model a new version"
    ):
        build_registry(plugins, [tmp_path / "other"], cards, out, keys)


def test_a_root_in_the_package_stands_in_for_the_file(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public keys go into it, and no address: the registry is known once it is added by its name."""
    plugins, trusted = load_plugins(["toy"]), tmp_path / "trusted"
    make_model(tmp_path / "models")
    for name in ("ours", "theirs"):
        build_registry(
            plugins, [tmp_path / "models"], tmp_path, tmp_path / name, tmp_path / f"keys of {name}"
        )
    monkeypatch.setattr("dvplug_registry.sources.SHIPPED", trusted)
    with pytest.raises(
        RegistryError, match="'ours' cannot be added without a root of trust: dvplug comes with none"
    ):
        add_source("ours", (tmp_path / "ours").as_uri(), None)
    text = trust_from_the_start("ours", tmp_path / "ours", trusted).read_text()
    assert set(json.loads(text)) == {"root"}
    for key in (tmp_path / "keys of ours").iterdir():
        assert not set(key.read_text().splitlines()[1:-1]) & set(text.splitlines())
    source = add_source("ours", (tmp_path / "ours").as_uri(), None)
    assert len(refresh(source, Transport()).offers) == 1
    with pytest.raises(RegistryError, match=r"'lab' cannot be added .* dvplug comes with that of ours alone"):
        add_source("lab", (tmp_path / "theirs").as_uri(), None)


def test_keys_within_the_repository_are_refused(tmp_path: Path) -> None:
    """And none is in it."""
    words = ["--out", str(tmp_path / "registry"), "--keys", str(ROOT / "keys")]
    ran = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "build_registry.py"), *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert "keys lies in this repository: a private key that is committed once is public" in ran.stderr
    assert not (ROOT / "keys").exists()
    assert [path for path in ROOT.rglob("*.pem") if ".git" not in path.parts] == []
