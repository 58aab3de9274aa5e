"""A place to install plugins into, for one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dvplug.plugins.loading import installed_plugins
from helpers.registry_fixtures import Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    place = Site(tmp_path / "site", monkeypatch)
    installed_plugins.cache_clear()
    yield place
    place.forget()
    installed_plugins.cache_clear()
