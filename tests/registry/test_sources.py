"""Registries that are remembered, and those that come with the package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dvplug_registry.catalog import refresh
from dvplug_registry.errors import RegistryError
from dvplug_registry.publish import Registry
from dvplug_registry.sources import Source, find_source, remove_source, sources
from helpers.registry_servers import QUICK, trust


def test_registries_are_remembered_and_forgotten(registry: Registry, source: Source) -> None:
    assert find_source("ours") == source
    with pytest.raises(RegistryError, match="is called 'ours' already"):
        trust(registry, registry.folder.as_uri())
    with pytest.raises(RegistryError, match=r"no registry is called 'our'. Did you mean 'ours'?"):
        find_source("our")
    remove_source("ours")
    assert sources() == []
    assert not source.folder.exists()
    for wrong in (
        '[{"name": 1}]',
        '[{"name": "ours", "url": 1}]',
        '{"name": "ours"}',
        "1",
        '["ours"]',
        "\udcff",
        "[" * 10**5,
    ):
        (source.folder.parent.parent / "registries.json").write_bytes(
            wrong.encode("utf-8", "surrogateescape")
        )
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


def test_the_list_is_its_owners_alone_from_the_start(
    registry: Registry, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = source.folder.parent.parent / "registries.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.chmod(0o644)  # as an older version wrote it
    assert sources() == [source]
    assert kept.stat().st_mode & 0o777 == 0o600
    modes = []
    replace = Path.replace
    monkeypatch.setattr(
        Path, "replace", lambda path, to: (modes.append(path.stat().st_mode & 0o777), replace(path, to))[1]
    )
    trust(registry, "https://me:word@example.org/models", "other")
    assert modes[-1] == 0o600
    assert find_source("other").url == "https://me:word@example.org/models/"


@pytest.mark.parametrize("end", ["?sig=geheim", "/#geheim"])
def test_an_address_to_whose_end_nothing_can_be_added_is_refused(registry: Registry, end: str) -> None:
    with pytest.raises(RegistryError, match="cannot be the address of a registry") as refused:
        trust(registry, f"https://example.org/models{end}")
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("name", ["../../models", "", "a/b", "a\\nb"])
def test_a_name_that_is_no_name_of_a_folder_of_ours_is_damage(source: Source, name: str) -> None:
    (source.folder.parent.parent / "registries.json").write_text(
        f'[{{"name": "{name}", "url": "{source.url}"}}]'
    )
    with pytest.raises(RegistryError, match=r"(?s)registries.json' is damaged: .*is not a name"):
        sources()
