"""`dvplug registry` as its users type it, over real HTTP on loopback."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dvplug.cli import main
from dvplug.simulate import SimulatedDataset
from dvplug_registry.cache import ModelCache
from dvplug_registry.model_folder import file_sha256, load_manifest, save_manifest
from helpers.registry_servers import Web, web
from helpers.shipped_model import SHIPPED


class Shell:
    """Runs commands as the command line does."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self.capsys, self.folder = capsys, folder

    def __call__(self, line: str, expected: int = 0) -> str:
        """Return what a command prints on stdout and stderr."""
        with pytest.raises(SystemExit, match=r"^[012]$") as stop:
            main([word.format(d=self.folder) for word in line.split()])
        out, err = self.capsys.readouterr()
        assert stop.value.code == expected, out + err
        return " ".join((out + err).split())

    def json(self, line: str) -> Any:
        """Return what a command prints as JSON."""
        main_line = f"{line} --json"
        with pytest.raises(SystemExit, match="0"):
            main([word.format(d=self.folder) for word in main_line.split()])
        return json.loads(self.capsys.readouterr().out)


@pytest.fixture
def sh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.setenv("DVPLUG_HOME", str(tmp_path / "home"))
    return Shell(capsys, tmp_path)


@pytest.fixture
def server(tmp_path: Path, sh: Shell) -> Iterator[Web]:
    """A registry made on the command line and served; two versions of the shipped model lie ready to publish."""
    sh("registry init {d}/registry --keys {d}/keys")
    (tmp_path / "card.md").write_text("# How good it is\n")
    for version in ("1.1.0", "1.2.0"):
        folder = shutil.copytree(SHIPPED, tmp_path / f"illumina-wgs-{version}")
        save_manifest(folder, load_manifest(folder).model_copy(update={"version": version}))
    with web(tmp_path / "registry") as served:
        yield served


HOST = "--registry {d}/registry --keys {d}/keys"


def test_from_an_empty_registry_to_a_refused_one(
    sh: Shell, server: Web, dataset: SimulatedDataset, tmp_path: Path
) -> None:
    said = sh(
        f"registry publish {{d}}/illumina-wgs-1.1.0 {{d}}/illumina-wgs-1.2.0 {HOST} --card {{d}}/card.md"
    )
    assert "illumina-wgs@1.1.0: published" in said
    assert "illumina-wgs@1.2.0: published" in said
    assert "offers 2 models" in sh(
        f"registry add ours {server.url} --root {{d}}/registry/metadata/1.root.json"
    )
    assert "ours 2 " in sh("registry sources")
    rows = {row["version"]: row for row in sh.json("registry list") if row["name"] == "illumina-wgs"}
    assert [rows[v]["registry"] for v in ("1.2.0", "1.1.0", "1.0.0")] == ["ours", "ours", None]
    assert sh("registry show illumina-wgs@1.2.0 --card") == "# How good it is"

    # A run that names a version fetches it, says so, and keeps it: the server is not asked again.
    out = tmp_path / "calls.vcf"
    call = (
        f"call --tech illumina-wgs --ref {dataset.reference} --reads {dataset.reads} --out {out} --workers 1"
    )
    assert "offers one. Leave --offline out" in sh(f"{call} --model illumina-wgs@1.2 --offline", expected=2)
    assert not out.exists()
    assert "Downloading illumina-wgs@1.2.0 (" in sh(f"{call} --model illumina-wgs@1.2")
    assert "illumina-wgs@1.2.0" in out.read_text()
    asked = len(server.log)
    assert "Downloading" not in sh(f"{call} --model illumina-wgs@1.2 --offline")
    assert len(server.log) == asked
    assert "known answers differ by at most" in sh("registry verify illumina-wgs@1.2.0")

    # Deprecated: still chosen, and told of wherever it is.
    sh(f"registry deprecate illumina-wgs@1.2.0 --reason use_1.3 {HOST}")
    assert "illumina-wgs@1.2.0 is deprecated: use_1.3" in sh("registry download illumina-wgs")
    assert "illumina-wgs@1.2.0 is deprecated: use_1.3" in sh(f"{call} --model illumina-wgs@1.2 --offline")
    assert "deprecated" not in sh(f"{call} --model illumina-wgs@1.0 --offline")

    # Yanked: not chosen any more, but there for who names it.
    sh(f"registry yank illumina-wgs@1.2.0 --reason misses_insertions {HOST}")
    rows = {row["version"]: row for row in sh.json("registry list") if row["name"] == "illumina-wgs"}
    assert (rows["1.2.0"]["status"], rows["1.2.0"]["reason"]) == ("yanked", "misses_insertions")
    assert (rows["1.2.0"]["installed"], rows["1.1.0"]["installed"]) == ("downloaded", None)
    assert "yanked: misses_insertions" in sh("registry list")
    assert "illumina-wgs-1.1.0" in sh("registry download illumina-wgs")
    assert "was yanked: misses_insertions" in sh("registry show illumina-wgs@1.2.0")
    assert "version: 1.1.0" in sh("registry show illumina-wgs@1")
    assert "Removed illumina-wgs@1.1.0." in sh("registry remove illumina-wgs@1.1.0")

    # Tampered with: refused, and nothing comes in.
    (archive,) = (tmp_path / "registry" / "targets").glob("*.illumina-wgs-1.1.0.tar")
    content = bytearray(archive.read_bytes())
    content[5000] ^= 1
    archive.write_bytes(content)
    assert "is not the one that was signed" in sh("registry download illumina-wgs@1.1.0", expected=2)
    timestamp = tmp_path / "registry" / "metadata" / "timestamp.json"
    timestamp.write_bytes(re.sub(rb'("version": ?)', rb"\g<1>9", timestamp.read_bytes()))
    assert "not signed with the keys that are trusted" in sh("registry list", expected=2)
    assert "illumina-wgs@1.1.0" in sh("registry list --offline")
    assert len(ModelCache().roots) == 1


def test_an_unreachable_server_leaves_what_was_seen_last(sh: Shell, server: Web) -> None:
    sh(f"registry publish {{d}}/illumina-wgs-1.1.0 {HOST} --card {{d}}/card.md")
    sh(f"registry add ours {server.url} --root {{d}}/registry/metadata/1.root.json")
    server.refuse = [503] * 50
    said = sh("registry list")
    assert "What follows is what it offered last" in said
    assert "illumina-wgs@1.1.0" in said
    assert "illumina-wgs@1.0.0" in sh("registry list --offline")


def test_a_bundle_carries_models_to_a_machine_without_a_network(
    sh: Shell, server: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sh(f"registry publish {{d}}/illumina-wgs-1.1.0 {{d}}/illumina-wgs-1.2.0 {HOST} --card {{d}}/card.md")
    add = f"registry add ours {server.url} --root {{d}}/registry/metadata/1.root.json"
    sh(add)
    assert "illumina-wgs@1.1.0, for" in sh("registry export illumina-wgs@1.1.0 --out {d}/bundle.tar")
    monkeypatch.setenv("DVPLUG_HOME", str(tmp_path / "cluster"))
    server.refuse = [503] * 50
    assert "added, but cannot be reached" in sh(add)
    asked = len(server.log)
    assert "illumina-wgs-1.1.0" in sh("registry import {d}/bundle.tar")
    assert "illumina-wgs@1.1.0" in sh("registry verify illumina-wgs@1.1.0")
    assert len(server.log) == asked
    bundle = tmp_path / "bundle.tar"
    content = bundle.read_bytes()
    place = content.index(b"safetensors")
    bundle.write_bytes(content[:place] + b"S" + content[place + 1 :])
    sh("registry remove illumina-wgs@1.1.0")
    assert "is not the one that was signed" in sh("registry import {d}/bundle.tar", expected=2)
    bundle.write_bytes(content[:3000])
    assert "is not a bundle of models" in sh("registry import {d}/bundle.tar", expected=2)
    assert ModelCache().roots == ()


def test_a_mirror_serves_as_the_registry_does(sh: Shell, server: Web, tmp_path: Path) -> None:
    publish = f"registry publish {{d}}/illumina-wgs-%s {HOST} --card {{d}}/card.md"
    sh(publish % "1.1.0")
    sh(f"registry add ours {server.url} --root {{d}}/registry/metadata/1.root.json")
    assert "1 models, 1 of them new" in sh("registry mirror ours {d}/mirror")
    sh(publish % "1.2.0")
    assert "2 models, 1 of them new" in sh("registry mirror ours {d}/mirror")
    sh("registry rotate-key targets " + HOST)
    sh("registry mirror ours {d}/mirror")
    sh("registry remove-source ours")
    mirrored = (tmp_path / "mirror").as_uri()
    assert "offers 2 models" in sh(f"registry add copy {mirrored} --root {{d}}/registry/metadata/1.root.json")
    assert "illumina-wgs-1.2.0" in sh("registry download illumina-wgs")
    for path in (tmp_path / "mirror" / "targets").iterdir():
        assert path.name.startswith(file_sha256(path))


def test_two_registries_with_different_models_of_one_name_must_be_told_apart(
    sh: Shell, server: Web, tmp_path: Path
) -> None:
    sh("registry init {d}/other --keys {d}/other-keys")
    sh(f"registry publish {{d}}/illumina-wgs-1.2.0 {HOST} --card {{d}}/card.md")
    folder = tmp_path / "illumina-wgs-1.2.0"
    save_manifest(folder, load_manifest(folder).model_copy(update={"description": "another"}))
    sh(
        "registry publish {d}/illumina-wgs-1.2.0 --registry {d}/other --keys {d}/other-keys --card {d}/card.md"
    )
    sh(f"registry add ours {server.url} --root {{d}}/registry/metadata/1.root.json")
    sh(f"registry add other {(tmp_path / 'other').as_uri()} --root {{d}}/other/metadata/1.root.json")
    assert "two registries offer different models called illumina-wgs@1.2.0" in sh(
        "registry download illumina-wgs", expected=2
    )
    assert "illumina-wgs-1.2.0" in sh("registry download illumina-wgs --source other")
    assert "Say which with --source" in sh("registry export illumina-wgs --out {d}/b.tar", expected=2)


def test_what_is_not_there_is_told(sh: Shell, server: Web) -> None:
    assert "no registry is known" in sh("registry download illumina-wgs", expected=2)
    sh(f"registry publish {{d}}/illumina-wgs-1.1.0 {HOST} --card {{d}}/card.md")
    sh(f"registry add ours {server.url} --root {{d}}/registry/metadata/1.root.json")
    assert "Did you mean 'illumina-wgs'?" in sh("registry download ilumina-wgs", expected=2)
    assert "offered versions of illumina-wgs: 1.1.0" in sh("registry download illumina-wgs@3", expected=2)
    assert "no model was named" in sh("registry download", expected=2)
    assert "no downloaded model does for 'illumina-wgs'" in sh("registry remove illumina-wgs", expected=2)
    assert "has no model card" in sh(f"registry publish {{d}}/illumina-wgs-1.2.0 {HOST}", expected=2)
    assert "is not a model folder" in sh(f"registry publish {{d}} {HOST}", expected=2)


def test_the_password_of_an_address_is_sent_and_never_shown(sh: Shell, server: Web) -> None:
    address = server.url.replace("://", "://me:geheim@")
    shown = server.url.replace("://", "://***@")
    said = [
        sh(f"registry add ours {address} --root {{d}}/registry/metadata/1.root.json"),
        sh("registry sources"),
    ]
    assert set(server.credentials) == {"Basic bWU6Z2VoZWlt"}  # base64 of me:geheim
    assert shown in said[-1]
    assert [row["url"] for row in sh.json("registry sources")] == [shown]
    said += [sh(f"registry add other {address}none --root {{d}}/registry/metadata/1.root.json", expected=2)]
    assert f"{shown}none" in said[-1]
    said += [sh("doctor")]
    assert f"0 models, {shown}" in said[-1]
    server.refuse = [503] * 50
    said += [sh("registry list")]
    assert "What follows is what it offered last" in said[-1]
    assert "geheim" not in " ".join(said)
