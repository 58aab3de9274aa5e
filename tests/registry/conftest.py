"""Fixtures of registries: one in a folder, and the trust in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dvplug_registry.cache import ModelCache
from dvplug_registry.publish import Registry
from dvplug_registry.sources import Source
from helpers.registry_servers import host, trust


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv("DVPLUG_HOME", str(tmp_path / "home"))
    yield host(tmp_path, "1.0.0")
    assert ModelCache().roots == (), "something was installed"


@pytest.fixture
def source(registry: Registry) -> Source:
    return trust(registry, registry.folder.as_uri())
