"""`dvplug plugins list|show|check`, from the outside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest

from helpers.command import run_captured
from helpers.registry_fixtures import Site


def test_plugins_list_tells_what_is_wrong_and_exits_0(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    site.plugin("dvplug-broken", "raise RuntimeError('[no] licence')", point="broken", version="0.2")
    site.plugin("dvplug-off", "raise RuntimeError('imported')", point="unused")
    monkeypatch.setenv("DVPLUG_PLUGINS", "toy,broken")
    code, table, err = run_captured(capsys, "plugins", "list")
    assert (code, err) == (0, "")
    assert "technology toy" in table
    assert "failed: importing it failed: RuntimeError: [no] licence" in table
    code, text, _ = run_captured(capsys, "plugins", "list", "--json")
    rows = {row["name"]: row for row in json.loads(text)}
    assert code == 0
    assert rows["toy"] == {
        "name": "toy",
        "distribution": "dvplug-toy",
        "version": "0.3.0",
        "provides": [
            "technology toy",
            "candidate finder toy-finder",
            "feature set toy-counts",
            "channel toy_stripes",
            "network toy-dense",
            "genotyper toy-formula",
            "model toy@1.0.0",
        ],
        "status": "ok",
        "reason": "",
        "api": 3,
        "module": "dvplug_toy",
    }
    assert (rows["broken"]["status"], rows["unused"]["status"]) == ("failed", "off")
    assert (
        rows["broken"]["reason"]
        == "importing it failed: RuntimeError: [no] licence (dvplug_broken.py, line 1)"
    )


def test_show_prints_how_reads_are_recognised(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run_captured(capsys, "plugins", "show", "pacbio")
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
    code, text, _ = run_captured(capsys, "plugins", "show", "illumina", "--json")
    rules = json.loads(text)["recognises"]
    assert {"illumina-wgs: captured: no", "illumina-wes: captured: yes"} <= set(rules)


def test_show_tells_who_made_a_plugin_and_for_which_api(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text, _ = run_captured(capsys, "plugins", "show", "toy", "--json")
    facts = json.loads(text)
    assert code == 0
    assert facts["distribution"] == "dvplug-toy 0.3.0"
    assert facts["hook API"] == 3
    assert facts["licence"] == "not stated"
    assert facts["status"] == "ok"
    assert {"channel toy_stripes", "feature set toy-counts", "network toy-dense"} <= set(facts["provides"])
    assert "technology toy" in run_captured(capsys, "plugins", "show", "toy")[1]
    assert "Did you mean 'toy'?" in run_captured(capsys, "plugins", "show", "toi")[2]


def test_check_runs_the_conformance_tests(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        "from dvplug.hookspecs import Channel, hookimpl\n"
        "DVPLUG_API = 2\n"
        "@hookimpl\n"
        "def dvplug_channels(): return [Channel('stripes', 'x', 'dvplug_wrong:draw')]\n"
        "def draw(pileup): pass\n"
    )
    site.plugin("dvplug-wrong", source, point="wrong")
    monkeypatch.setenv("DVPLUG_PLUGINS", "toy,wrong")
    code, text, _ = run_captured(capsys, "plugins", "check", "wrong")
    assert code == 2
    assert (
        "wrong: functions can be imported and called as specified: failed: channel 'stripes' has to take"
        in text
    )
    assert text.count(": ok") == 8
    drawn = re.findall(
        r"wrong: (.*): failed: the channel 'stripes' of dvplug-wrong 1.0 .* failed.*: TypeError", text
    )
    assert drawn == [
        "channels declare what they need",
        "images are as declared and always the same",
        "images do not depend on where the genome is cut",
    ]


@pytest.mark.skipif(find_spec("keras") is None, reason="keras is not installed")
def test_check_builds_networks_and_prints_nothing_of_libraries() -> None:
    """In a process of its own, in which they are loaded."""
    ran = subprocess.run(
        [sys.executable, "-c", "from dvplug.cli import main; main()", "plugins", "check", "builtin"],
        env=os.environ | {"DVPLUG_PLUGINS": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "builtin: networks can be built: ok" in ran.stdout.splitlines()
