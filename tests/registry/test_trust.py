"""What a registry must not be able to do: each attack is refused with its own message, and nothing is installed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvplug_registry import publish
from dvplug_registry.cache import ModelCache
from dvplug_registry.catalog import known_catalog, refresh
from dvplug_registry.download import download
from dvplug_registry.errors import DvplugError, RegistryError
from dvplug_registry.model_folder import open_folder
from dvplug_registry.publish import Registry
from dvplug_registry.sources import Source, add_source, find_source, remove_source, sources
from helpers.registry_fixtures import make_model
from helpers.registry_servers import QUICK, host, trust


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv("DVPLUG_HOME", str(tmp_path / "home"))
    yield host(tmp_path, "1.0.0")
    assert ModelCache().roots == (), "something was installed"


@pytest.fixture
def source(registry: Registry) -> Source:
    return trust(registry, registry.folder.as_uri())


def flip(path: Path, place: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 1
    path.write_bytes(content)


def newest(registry: Registry, role: str) -> Path:
    folder = registry.folder / "metadata"
    if role == "timestamp":
        return folder / "timestamp.json"
    return max(folder.glob(f"*.{role}.json"), key=lambda path: int(path.name.split(".")[0]))


@pytest.mark.parametrize("place", [0.0, 0.13, 0.37, 0.5, 0.61, 0.88, 1.0])
@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_one_flipped_bit_in_any_metadata_is_refused(
    registry: Registry, source: Source, role: str, place: float
) -> None:
    path = newest(registry, role)
    before = json.loads(path.read_bytes())
    flip(path, place)
    try:
        if json.loads(path.read_bytes()) == before:
            pytest.skip("a blank was flipped to another")
    except ValueError:
        pass
    with pytest.raises(RegistryError, match=r"not signed with|damaged|do not belong together|not described"):
        refresh(source, QUICK)
    assert known_catalog(source) is None


@pytest.mark.parametrize("place", [0.0, 0.01, 0.2, 0.5, 0.8, 1.0])
def test_one_flipped_bit_in_an_archive_is_refused(registry: Registry, source: Source, place: float) -> None:
    (offer,) = refresh(source, QUICK).offers
    flip(registry.folder / "targets" / offer.file, place)
    with pytest.raises(RegistryError, match=r"is not the one that was signed: expected sha256 .* got"):
        download(source, offer, ModelCache(), QUICK)
    assert list(ModelCache().downloads.glob("*.part")) == []


def test_an_archive_of_another_length_is_refused(registry: Registry, source: Source) -> None:
    (offer,) = refresh(source, QUICK).offers
    path = registry.folder / "targets" / offer.file
    whole = path.read_bytes()
    for content, word in ((whole + b"x", "more"), (whole[:-1], "fewer"), (b"", "fewer")):
        path.write_bytes(content)
        with pytest.raises(RegistryError, match=f"has {word} bytes than the {offer.size} that were signed"):
            download(source, offer, ModelCache(), QUICK)


def test_a_rolled_back_registry_is_refused(registry: Registry, source: Source, tmp_path: Path) -> None:
    old = shutil.copytree(registry.folder, tmp_path / "old")
    registry.mark("toy@1.0.0", yanked="it calls everything")
    assert refresh(source, QUICK).offers[0].yanked
    shutil.copytree(old, registry.folder, dirs_exist_ok=True)
    with pytest.raises(RegistryError, match="shows older metadata than before"):
        refresh(source, QUICK)
    assert known_catalog(source).offers[0].yanked  # type: ignore[union-attr]


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_a_frozen_registry_is_refused_once_it_expires(
    registry: Registry, source: Source, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh(source, QUICK)
    monkeypatch.setitem(publish.LIFETIME, role, -1)
    registry.refresh()
    for _ in range(2):  # an unchanged timestamp is no excuse
        with pytest.raises(RegistryError, match=r"signed has expired.*not renewed.*--offline"):
            refresh(source, QUICK)


def test_mixed_snapshots_are_refused(registry: Registry, source: Source) -> None:
    """The targets of another day under the name that the snapshot asks for, though well signed."""
    old = newest(registry, "targets").read_bytes()
    registry.mark("toy@1.0.0", yanked="it calls everything")
    newest(registry, "targets").write_bytes(old)
    with pytest.raises(RegistryError, match="do not belong together"):
        refresh(source, QUICK)


def test_another_key_is_refused(registry: Registry, source: Source, tmp_path: Path) -> None:
    other = host(tmp_path / "other", "1.0.0", "6.6.6")
    shutil.copytree(other.folder, registry.folder, dirs_exist_ok=True)
    with pytest.raises(RegistryError, match="not signed with the keys that are trusted"):
        refresh(source, QUICK)


def test_a_missing_file_is_told(registry: Registry, source: Source) -> None:
    newest(registry, "snapshot").unlink()
    with pytest.raises(RegistryError, match="is not whole"):
        refresh(source, QUICK)
    newest(registry, "timestamp").unlink()
    with pytest.raises(RegistryError, match="there is no registry at"):
        refresh(source, QUICK)


def test_a_signed_model_that_is_not_the_one_described_is_refused(
    registry: Registry, source: Source, tmp_path: Path
) -> None:
    """Even the owner's key cannot bring in another manifest under a known hash."""
    (offer,) = refresh(source, QUICK).offers
    with pytest.raises(RegistryError, match="holds another model than was signed"):
        download(source, offer.model_copy(update={"manifest_sha256": "0" * 64}), ModelCache(), QUICK)


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_clients_follow_a_new_key_and_refuse_the_old_one(
    registry: Registry, source: Source, role: str, tmp_path: Path
) -> None:
    refresh(source, QUICK)
    stolen = shutil.copytree(registry.keys, tmp_path / "stolen")
    registry.rotate_key(role)
    assert [offer.label for offer in refresh(source, QUICK).offers] == ["toy@1.0.0"]
    with pytest.raises(RegistryError, match="is not the key of this registry"):
        Registry(registry.folder, stolen).refresh() if role != "root" else Registry(
            registry.folder, stolen
        ).rotate_key("targets")
    registry.mark("toy@1.0.0", deprecated="2.0.0 is better")
    assert refresh(source, QUICK).offers[0].deprecated == "2.0.0 is better"


def test_a_newcomer_follows_from_the_first_root_over_all_key_changes(registry: Registry) -> None:
    for role in ("root", "targets", "root", "timestamp", "root"):
        registry.rotate_key(role)
    source = trust(registry, registry.folder.as_uri(), "late")
    assert len(refresh(source, QUICK).offers) == 1
    assert newest(registry, "root").name == "6.root.json"


def test_only_a_root_of_trust_can_be_added(registry: Registry, tmp_path: Path) -> None:
    folder, url = registry.folder / "metadata", registry.folder.as_uri()
    with pytest.raises(RegistryError, match="is not root metadata: timestamp"):
        add_source("ours", url, folder / "timestamp.json")
    spoilt = tmp_path / "root.json"
    shutil.copyfile(folder / "1.root.json", spoilt)
    flip(spoilt, 0.5)
    with pytest.raises(RegistryError, match="is not a root of trust"):
        add_source("ours", url, spoilt)
    with pytest.raises(RegistryError, match=r"is not a root of trust.*No such file"):
        add_source("ours", url, tmp_path / "none.json")
    with pytest.raises(RegistryError, match="'Our Own' is not a name"):
        add_source("Our Own", url, folder / "1.root.json")
    with pytest.raises(RegistryError, match="http can be read and changed"):
        add_source("ours", "http://example.com", folder / "1.root.json")
    assert sources() == []


def test_registries_are_remembered_and_forgotten(registry: Registry, source: Source) -> None:
    assert find_source("ours") == source
    with pytest.raises(RegistryError, match="is called 'ours' already"):
        trust(registry, registry.folder.as_uri())
    with pytest.raises(RegistryError, match=r"no registry is called 'our'. Did you mean 'ours'?"):
        find_source("our")
    remove_source("ours")
    assert sources() == []
    assert not source.folder.exists()
    (source.folder.parent.parent / "registries.json").write_text('[{"name": 1}]')
    with pytest.raises(RegistryError, match=r"registries.json' is damaged"):
        sources()


def test_a_registry_may_come_with_the_package(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = json.loads((registry.folder / "metadata" / "1.root.json").read_text())
    entry = {"url": f"{registry.folder.as_uri()}/", "root": root}
    (tmp_path / "trusted").mkdir()
    (tmp_path / "trusted" / "ours.json").write_text(json.dumps(entry))
    monkeypatch.setattr("dvplug_registry.sources.SHIPPED", tmp_path / "trusted")
    registry.rotate_key("root")
    assert len(refresh(find_source("ours"), QUICK).offers) == 1
    trust(registry, registry.folder.as_uri(), "other")
    assert [source.name for source in sources()] == ["ours", "other"]
    with pytest.raises(RegistryError, match="is called 'ours' already"):
        trust(registry, registry.folder.as_uri())
    with pytest.raises(RegistryError, match="'ours' comes with dvplug"):
        remove_source("ours")


# Hosting


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
