"""Names that one types: aliases, near misses, folders, and what is said of a command that is not understood."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from dvplug.cli import registry as registry_command
from dvplug.errors import InputError
from dvplug.plugins.loading import installed_plugins
from dvplug.simulate import SimulatedDataset
from dvplug_registry.errors import near_misses
from helpers.command import call_words, run, run_captured
from helpers.places import ROOT
from helpers.registry_fixtures import Site

ALIASES = {
    "novaseq": "illumina-wgs",
    "illumina": "illumina-wgs",
    "exome": "illumina-wes",
    "hifi": "pacbio",
    "revio": "pacbio",
    "nanopore": "ont",
    "ion-torrent": "ion",
}


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_technologies_are_known_by_what_people_call_them(alias: str, name: str) -> None:
    assert installed_plugins().technology(alias).name == name


def test_the_page_names_all_aliases_and_no_others() -> None:
    (line,) = [
        one for one in (ROOT / "docs" / "technologies.md").read_text().splitlines() if "other names" in one
    ]
    ours = [t for t in installed_plugins().technologies() if t.name in set(ALIASES.values())]
    assert set(re.findall(r"`([^`]+)`", line)) == {alias for one in ours for alias in one.aliases}


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("HiFi", "hifi"),
        ("NovaSeq6000", "novaseq"),
        ("illumina_wgs", "illumina-wgs"),
        ("ILLUMINA", "illumina"),
        ("pac-bio", "pacbio"),
        ("revoi", "revio"),
        ("nanopor", "nanopore"),
    ],
)
def test_near_misses_are_found_whatever_their_case(typed: str, first: str) -> None:
    assert near_misses(typed, installed_plugins().names("technology")).startswith(f"Did you mean '{first}'")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--model", "ilumina-wgs"], "Did you mean 'illumina-wgs'"),
        (["--model", "Pacbio@1"], "Did you mean 'pacbio'"),
        (["--model", "hifi@1"], "Did you mean 'pacbio'"),
        (["--regions", "CHRS:1-100"], "Did you mean 'chrS'?"),
        (["--regions", "S"], "Did you mean 'chrS'?"),
        (["--haploid-contigs", "chrs"], "Did you mean 'chrS'?"),
        (["--modle", "pacbio"], "Did you mean --model?"),
    ],
)
def test_every_name_is_helped_with(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], hint: str
) -> None:
    code, _, err = run_captured(capsys, *call_words(dataset, tmp_path / "x.vcf", *words))
    assert code == 2
    assert hint in err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["plugins", "show", "Ilumina"], "Did you mean 'illumina'"),
        (["plugins", "check", "pacbi"], "Did you mean 'pacbio'"),
        (["registry", "show", "hifi-pacbio"], "Did you mean 'pacbio'"),
    ],
)
def test_names_of_plugins_and_models_are_helped_with(
    capsys: pytest.CaptureFixture[str], words: list[str], hint: str
) -> None:
    code, _, err = run_captured(capsys, *words)
    assert code == 2
    assert hint in err


def test_a_channel_that_is_misspelt_in_a_profile_is_helped_with() -> None:
    from dvplug.errors import PluginError

    with pytest.raises(PluginError, match="Did you mean 'base_quality'"):
        installed_plugins().channel("base-qualty")


def test_a_folder_without_a_slash_is_told_how_to_be_given(
    dataset: SimulatedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("my-model-1.0.0", "mymodel"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path)
        code, _, err = run_captured(capsys, *call_words(dataset, "x.vcf", "--model", name))
        assert (code, f"give './{name}'" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["call", "--tech", "x"], "dvplug call"),
        (["train", "fit"], "dvplug train fit"),
        (["registry", "lst"], "dvplug registry"),
        (["evaluate", "--trouth", "x"], "dvplug evaluate"),
        (["cal"], "dvplug"),
    ],
)
def test_a_mistake_in_usage_points_to_the_help_of_its_command(
    words: list[str], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run_captured(capsys, *words)
    assert (code, err.rstrip().endswith(f"See `{command} --help`.")) == (2, True)


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    absent = tmp_path / "absent"
    code, _, err = run_captured(
        capsys, "call", "--tech", "hify", "--model", "pacbi", "--ref", absent / "g.fa", "--reads", absent / "s.bam",
        "--out", absent / "x.vcf", "--workers", 0,
    )  # fmt: skip
    assert code == 2
    assert "6 problems" in err
    for said in (
        "of --out does not exist",
        "--workers 0",
        "'pacbi'",
        "Did you mean 'hifi'",
        "g.fa does not",
        "s.bam does not",
    ):
        assert said in err
    code, _, err = run_captured(
        capsys, "evaluate", "--truth", absent / "t.vcf", "--query", absent / "q.vcf", "--confident", absent / "c.bed",
        "--ref", absent / "g.fa",
    )  # fmt: skip
    assert code == 2
    assert all(name in err for name in ("t.vcf", "q.vcf", "g.fa"))
    files = ["--truth", absent / "t.vcf", "--query", absent / "q.vcf", "--confident", absent / "c.bed"]
    code, _, err = run_captured(
        capsys, "evaluate", *files, "--ref", absent / "g.fa", "--report", absent / "x.html"
    )
    assert code == 2
    assert all(name in err for name in ("4 problems", "--report", "t.vcf", "q.vcf", "g.fa"))
    code, _, err = run_captured(
        capsys, "show", "--tech", "hify", "--ref", absent / "g.fa", "--reads", absent / "s.bam", "--at", "1:5",
        "--out", absent / "x.png",
    )  # fmt: skip
    assert code == 2
    assert all(name in err for name in ("4 problems", "of --out", "'hifi'", "g.fa", "s.bam"))


@pytest.mark.parametrize("width", [80, 120])
def test_the_list_of_models_shows_names_and_what_was_measured_on_any_terminal(
    width: int, site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("registry", "list", "--json")
    expected = json.loads(capsys.readouterr().out)
    monkeypatch.setattr(registry_command, "stdout", Console(width=width, highlight=False, soft_wrap=True))
    run("registry", "list")
    head, *lines = capsys.readouterr().out.splitlines()
    assert max(map(len, [head, *lines])) <= width
    assert ("description" in head) is (width == 120)
    assert len(lines) == len(expected) > 0
    for line, model in zip(lines, expected, strict=True):
        metrics = model["metrics"]
        assert line.startswith(f"{model['name']}@{model['version']} ")
        for one in [m for m in metrics if m["set"] == metrics[0]["set"]]:
            assert f" {one['f1']:.4f} " in line
            assert f" {one['tp'] + one['fn']:,} " in line
        assert metrics[0]["set"] in line


def test_known_names_are_a_sentence_as_more_may_follow() -> None:
    assert near_misses("zzz", ["chr2", "chr1"]) == "Known: chr1, chr2."
    assert str(InputError("no", cause=near_misses("zzz", ["chr1"]), repair="Do.")) == "no: Known: chr1. Do."
