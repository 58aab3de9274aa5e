"""Hosting a registry: what is published, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvplug_registry.errors import DvplugError, RegistryError
from dvplug_registry.model_folder import open_folder
from dvplug_registry.publish import Registry
from helpers.registry_fixtures import make_model
from helpers.registry_servers import flip


def test_a_version_is_published_once_and_never_changes(registry: Registry, tmp_path: Path) -> None:
    model = open_folder(make_model(tmp_path / "again", version="1.0.0", description="another"))
    with pytest.raises(RegistryError, match=r"toy@1.0.0 is published already.*new version"):
        registry.publish(model)


def test_a_model_without_a_card_or_with_a_damaged_file_is_not_published(
    registry: Registry, tmp_path: Path
) -> None:
    before = (registry.folder / "metadata" / "timestamp.json").read_bytes()
    folder = make_model(tmp_path / "new", version="2.0.0")
    flip(folder / "weights.safetensors", 0.5)
    with pytest.raises(DvplugError, match=r"weights.safetensors is damaged"):
        registry.publish(open_folder(folder))
    manifest = open_folder(make_model(tmp_path / "bare", version="3.0.0")).manifest
    files = {name: entry for name, entry in manifest.files.items() if entry.role != "card"}
    from dvplug_registry.model_folder import save_manifest

    save_manifest(tmp_path / "bare" / "toy-3.0.0", manifest.model_copy(update={"files": files}))
    bare = open_folder(tmp_path / "bare" / "toy-3.0.0")
    with pytest.raises(RegistryError, match=r"toy@3.0.0 has no model card"):
        registry.publish(bare)
    assert (registry.folder / "metadata" / "timestamp.json").read_bytes() == before
    assert registry.publish(bare, card="# told apart").label == "toy@3.0.0"


def test_only_what_is_published_can_be_yanked(registry: Registry) -> None:
    for label in ("toy@9.9.9", "toy@1", "other@1.0.0"):
        with pytest.raises(RegistryError, match=r"is not published here: published: toy@1\.0\.0"):
            registry.mark(label, yanked="x")
    with pytest.raises(RegistryError, match="'boss' is not a role"):
        registry.rotate_key("boss")


def test_a_registry_is_made_in_empty_folders_with_keys_outside(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="is not empty"):
        Registry.init(registry.folder, tmp_path / "k")
    with pytest.raises(RegistryError, match=r"keys in .* would be published"):
        Registry.init(tmp_path / "new", tmp_path / "new" / "keys")
    with pytest.raises(RegistryError, match="there is no registry in"):
        Registry(tmp_path, registry.keys)
    assert {path.stat().st_mode & 0o777 for path in registry.keys.iterdir()} == {0o600}
