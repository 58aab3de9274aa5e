"""Registries on the pages: what they offer, and the cards of their models."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvplug_lab.services import served
from dvplug_registry.catalog import refresh
from dvplug_registry.transport import Transport
from helpers.registry_servers import host, trust, web

PAGE = {"accept": "text/html"}


def test_models_of_registries_are_listed_with_their_cards(
    own_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVPLUG_HOME", str(tmp_path / "home"))
    registry = host(tmp_path, "1.0.0")
    with web(registry.folder) as server:
        source = trust(registry, server.url)
        refresh(source, Transport())
        with served(own_data) as service:
            models = service.get("models", headers=PAGE).body.decode()
            assert 'href="/models/ours/toy%401.0.0"' in models
            card = service.get("models/ours/toy%401.0.0", headers=PAGE)
            assert card.status == 200
            assert "<h1>toy@1.0.0</h1>" in card.body.decode()
            assert service.get("models/ours/toy%409.9.9", headers=PAGE).status == 422
            assert service.get("models/nobody/toy%401.0.0", headers=PAGE).status == 422
            assert service.get("models/..%2f/toy", headers=PAGE).status in (404, 422)
