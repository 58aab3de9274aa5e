"""`dvplug plugins` and `dvplug registry`, from the outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvplug.cli import main
from dvplug.plugins.loading import installed_plugins
from helpers.registry_fixtures import Site, make_model


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


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit, match=r"^[0-9]+$") as exit_:
        main(list(arguments))
    out, err = capsys.readouterr()
    return int(str(exit_.value)), out, err


def test_plugins_list_tells_what_is_wrong_and_exits_0(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    site.plugin("dvplug-broken", "raise RuntimeError('[no] licence')", point="broken", version="0.2")
    site.plugin("dvplug-off", "raise RuntimeError('imported')", point="unused")
    monkeypatch.setenv("DVPLUG_PLUGINS", "toy,broken")
    code, table, err = run(capsys, "plugins", "list")
    assert (code, err) == (0, "")
    assert "technology toy" in table
    assert "failed: importing it failed: RuntimeError: [no] licence" in table
    code, text, _ = run(capsys, "plugins", "list", "--json")
    rows = {row["name"]: row for row in json.loads(text)}
    assert code == 0
    assert rows["toy"] == {
        "name": "toy",
        "distribution": "dvplug-toy",
        "version": "0.3.0",
        "provides": [
            "technology toy",
            "candidate finder toy-finder",
            "channel toy_stripes",
            "genotyper toy-formula",
            "model toy@1.0.0",
        ],
        "status": "ok",
        "reason": "",
        "api": 1,
    }
    assert (rows["broken"]["status"], rows["unused"]["status"]) == ("failed", "off")
    assert rows["broken"]["reason"] == "importing it failed: RuntimeError: [no] licence"


def test_show_prints_how_reads_are_recognised(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, "plugins", "show", "pacbio")
    assert code == 0
    for line in (
        "@RG PL: PACBIO",
        "tag rq: 0.99 to 1",
        "read_length: 500 to 60,000",
        "paired: no",
        "depth: 8 to 50",
    ):
        assert f"  pacbio: {line}\n" in text
    assert "pacbio: shown_by header: ^@RG DS:.*READTYPE=CCS, " in text
    code, text, _ = run(capsys, "plugins", "show", "illumina", "--json")
    rules = json.loads(text)["recognises"]
    assert {"illumina-wgs: captured: no", "illumina-wes: captured: yes"} <= set(rules)


def test_registry_list_and_show(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    make_model(site.path / "dvplug_toy" / "models", version="1.1.0")
    broken = site.path / "dvplug_toy" / "models" / "toy-1.2.0"
    broken.mkdir()
    code, text, err = run(capsys, "registry", "list", "--json")
    assert code == 0
    assert [model["version"] for model in json.loads(text)] == ["1.1.0", "1.0.0"]
    assert "toy-1.2.0' is not a model folder" in " ".join(err.split())
    code, text, _ = run(capsys, "registry", "list")
    assert text.splitlines()[1].split()[:3] == ["toy@1.1.0", "toy", "0.9000"]
    code, text, _ = run(capsys, "registry", "show", "toy@1.0", "--json")
    assert json.loads(text)["version"] == "1.0.0"
    code, text, _ = run(capsys, "registry", "show", "toy@1.0")
    assert "licence: Apache-2.0" in text
    assert "set toy, type SNP, tp 90" in text
    code, out, err = run(capsys, "registry", "show", "toi")
    assert (code, out) == (2, "")
    assert "Did you mean 'toy'?" in err


def test_registry_verify_passes_a_whole_model_and_exits_2_on_a_damaged_one(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = site.path / "dvplug_toy" / "models" / "toy-1.0.0"
    code, text, _ = run(capsys, "registry", "verify", "toy@1")
    assert code == 0
    assert text.startswith("toy@1.0.0: 4 files have their sha256; known answers differ by at most")
    (folder / "notes.txt").write_text("x")
    code, text, err = run(capsys, "registry", "verify", str(folder), "--json")
    result = json.loads(text)
    assert (code, result["unlisted_files"]) == (0, ["notes.txt"])
    assert result["difference"] < result["tolerance"]
    assert "notes.txt is not in the manifest" in err
    (folder / "weights.safetensors").write_bytes(b"x" * 12)
    code, out, err = run(capsys, "registry", "verify", "toy")
    assert (code, out) == (2, "")
    assert "weights.safetensors is damaged: expected sha256" in " ".join(err.split())


@pytest.mark.parametrize("command", [("plugins", "list"), ("registry", "list"), ("registry", "show", "toy")])
def test_listing_imports_nothing_heavy(site: Site, command: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom dvplug.cli import main\n"
        f"try: main({list(command)!r})\nexcept SystemExit as e: assert e.code == 0, e.code\n"
        "print('MODULES', *sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.rsplit("MODULES", 1)[1].split())
    assert "dvplug_toy" in modules
    assert not modules & {
        "tensorflow",
        "keras",
        "numba",
        "numpy",
        "pysam",
        "matplotlib",
        "dvplug_toy.formula",
    }
