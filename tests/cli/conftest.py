"""Fixtures of the commands: an installation whose only plugin is the toy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dvplug.plugins.loading import installed_plugins
from helpers.registry_fixtures import Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    place = Site(tmp_path, monkeypatch)
    place.toy()
    monkeypatch.setenv("DVPLUG_PLUGINS", "toy")
    monkeypatch.setenv("COLUMNS", "200")
    installed_plugins.cache_clear()
    yield place
    place.forget()
    installed_plugins.cache_clear()
