"""What a registry must not be able to do: each attack is refused with its own message, and nothing is installed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dvplug_registry import publish
from dvplug_registry.cache import ModelCache
from dvplug_registry.catalog import known_catalog, refresh
from dvplug_registry.download import download
from dvplug_registry.errors import RegistryError
from dvplug_registry.publish import Registry
from dvplug_registry.sources import Source, add_source, sources
from helpers.registry_servers import QUICK, flip, host, trust


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
