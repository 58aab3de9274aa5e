"""`dvplug doctor`, `plugins show` and `plugins check`: what is whole passes, and each fault is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dvplug.cli import main
from dvplug.plugins.loading import installed_plugins
from dvplug_registry.cache import ModelCache
from dvplug_registry.catalog import refresh
from dvplug_registry.download import download
from helpers.registry_fixtures import Site, make_model
from helpers.registry_servers import QUICK, host, trust

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    place = Site(tmp_path / "site", monkeypatch)
    place.path.mkdir()
    place.toy()
    monkeypatch.setenv("DVPLUG_PLUGINS", "toy")
    monkeypatch.setenv("DVPLUG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    installed_plugins.cache_clear()
    yield place
    place.forget()
    installed_plugins.cache_clear()


@pytest.fixture
def run(site: Site, capsys: pytest.CaptureFixture[str]) -> Run:
    def run_(*arguments: str) -> tuple[int, str]:
        installed_plugins.cache_clear()
        with pytest.raises(SystemExit, match=r"^[012]$") as stop:
            main(list(arguments))
        out, err = capsys.readouterr()
        return int(str(stop.value)), out + err

    return run_


def findings(run: Run) -> dict[str, dict[str, str]]:
    return {row["what"]: row for row in json.loads(run("doctor", "--json")[1])}


def test_a_whole_installation_has_no_problem(run: Run) -> None:
    code, text = run("doctor")
    assert code == 0
    assert "known answers within" in text
    assert {row["status"] for row in findings(run).values()} <= {"ok", "note"}


def test_a_broken_plugin_and_a_damaged_model_are_problems(
    run: Run, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.plugin("dvplug-broken", "raise RuntimeError('no licence')", point="broken")
    site.plugin("dvplug-old", "DVPLUG_API = 0", point="old")
    monkeypatch.setenv("DVPLUG_PLUGINS", "toy,broken,old")
    weights = site.path / "dvplug_toy" / "models" / "toy-1.0.0" / "weights.safetensors"
    weights.write_bytes(bytes(12))
    assert run("doctor")[0] == 2
    found = findings(run)
    assert "no licence" in found["plugin broken (dvplug-broken)"]["text"]
    assert "hook API 0" in found["plugin old (dvplug-old)"]["text"]
    assert "weights.safetensors is damaged" in found["model toy@1.0.0"]["text"]
    assert {row["what"] for row in found.values() if row["status"] == "problem"} == {
        "plugin broken (dvplug-broken)",
        "plugin old (dvplug-old)",
        "model toy@1.0.0",
    }


def test_a_wrong_known_answer_is_a_problem(run: Run, site: Site) -> None:
    make_model(
        site.path / "dvplug_toy" / "models",
        version="1.1.0",
        tolerance=0.0,
    )
    found = findings(run)["model toy@1.1.0"]
    assert found["status"] == "problem"
    assert "known" in found["text"]


def test_registries_and_downloads_are_looked_at(run: Run, site: Site, tmp_path: Path) -> None:
    registry = host(tmp_path, "1.3.0")
    source = trust(registry, registry.folder.as_uri())
    assert findings(run)["registry ours"]["text"] == "never reached"
    (offer,) = refresh(source, QUICK).offers
    download(source, offer, ModelCache(), QUICK)
    assert findings(run)["model toy@1.3.0"]["status"] == "ok"
    registry.mark("toy@1.3.0", yanked="it calls everything")
    refresh(source, QUICK)
    (ModelCache().downloads / "abc.part").write_bytes(b"x")
    found = findings(run)
    assert found["model toy@1.3.0"]["text"] == "yanked: it calls everything"
    assert found["registry ours"]["text"].startswith("1 models")
    assert "1 unfinished downloads" in found["downloads"]["text"]
    (tmp_path / "home" / "registries.json").write_text("{")
    assert "is damaged" in findings(run)["registries"]["text"]
    assert run("doctor")[0] == 2
