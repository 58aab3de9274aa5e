"""`dvplug registry list|show|verify`, from the outside."""

from __future__ import annotations

import json

import pytest

from helpers.command import run_captured
from helpers.registry_fixtures import Site, make_model


def test_registry_list_and_show(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    make_model(site.path / "dvplug_toy" / "models", version="1.1.0")
    broken = site.path / "dvplug_toy" / "models" / "toy-1.2.0"
    broken.mkdir()
    code, text, err = run_captured(capsys, "registry", "list", "--json")
    assert code == 0
    assert [model["version"] for model in json.loads(text)] == ["1.1.0", "1.0.0"]
    assert "toy-1.2.0' is not a model folder" in " ".join(err.split())
    code, text, _ = run_captured(capsys, "registry", "list")
    assert text.splitlines()[1].split()[:3] == ["toy@1.1.0", "0.9000", "100"]
    code, text, _ = run_captured(capsys, "registry", "show", "toy@1.0", "--json")
    assert json.loads(text)["version"] == "1.0.0"
    code, text, _ = run_captured(capsys, "registry", "show", "toy@1.0")
    assert "licence: Apache-2.0" in text
    assert "  toy, SNP: tp 90, fp 10, fn 10, f1 0.9\n" in text
    code, out, err = run_captured(capsys, "registry", "show", "toi")
    assert (code, out) == (2, "")
    assert "Did you mean 'toy'?" in err


def test_what_a_model_was_trained_on_is_told_by_sets_of_reads(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    data = "; ".join(f"simulated world_{number} x {kept}" for number in range(4) for kept in (0.5, 1))
    training = {"data": data, "seed": 1, "n_examples": 9, "held_out": "all"}
    make_model(site.path / "dvplug_toy" / "models", version="1.1.0", training=training)
    in_words = "simulated, x the share of reads that was kept: world_0 to 3 (x 0.5, 1)"
    _, text, _ = run_captured(capsys, "registry", "show", "toy@1.1")
    assert f"training:\n  data: {in_words}\n  seed: 1\n" in text
    _, text, _ = run_captured(capsys, "registry", "show", "toy@1.1", "--json")
    assert json.loads(text)["training"]["data"] == data
    _, text, _ = run_captured(capsys, "registry", "diff", "toy@1.0", "toy@1.1")
    assert " ".join(in_words.split()) in " ".join(text.split())


def test_registry_verify_passes_a_whole_model_and_exits_2_on_a_damaged_one(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = site.path / "dvplug_toy" / "models" / "toy-1.0.0"
    code, text, _ = run_captured(capsys, "registry", "verify", "toy@1")
    assert code == 0
    assert text.startswith("toy@1.0.0: 4 files have their sha256; known answers differ by at most")
    (folder / "notes.txt").write_text("x")
    code, text, err = run_captured(capsys, "registry", "verify", str(folder), "--json")
    result = json.loads(text)
    assert (code, result["unlisted_files"]) == (0, ["notes.txt"])
    assert result["difference"] < result["tolerance"]
    assert "notes.txt is not in the manifest" in err
    (folder / "weights.safetensors").write_bytes(b"x" * 12)
    code, out, err = run_captured(capsys, "registry", "verify", "toy")
    assert (code, out) == (2, "")
    assert "weights.safetensors is damaged: expected sha256" in " ".join(err.split())


@pytest.mark.parametrize("command", [("registry", "list"), ("registry", "show", "toy")])
def test_what_a_model_says_of_itself_cannot_steer_the_terminal(
    site: Site, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    description = "three\n\x1b[2Jweights [link=https://a.b]c[/link] :100:\u202e"
    make_model(site.path / "dvplug_toy" / "models", version="1.1.0", description=description)
    code, out, _ = run_captured(capsys, *command)
    assert code == 0
    assert r"three\n\x1b[2Jweights [link=https://a.b]c[/link] :100:\u202e" in out
    assert "\x1b" not in out
