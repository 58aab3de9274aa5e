"""Settings of plugins in runs of the service: what `--set` is to the command."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from dvplug.plugins.loading import installed_plugins
from dvplug.simulate import SimulatedDataset
from dvplug_lab.services import ServiceProcess, served
from helpers.command import run
from helpers.places import THIRD_PARTY
from helpers.registry_fixtures import Site

REQUEST = {"reads": ["reads.bam"], "ref": "reference.fa", "tech": "ancient", "regions": ["chrS:1-20000"]}
SETTINGS = {"ancient.ends": 3, "ancient.shortest": "40"}


@pytest.fixture
def ancient(own_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServiceProcess]:
    """A service in whose environment a plugin with settings is."""
    (tmp_path / "site").mkdir()
    site = Site(tmp_path / "site", monkeypatch)
    site.first_party()
    site.project(THIRD_PARTY / "dvplug_ancient")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site.path), os.environ.get("PYTHONPATH", "")]))
    installed_plugins.cache_clear()
    with served(own_data, "--workers", "1", "--least-free", "1MB") as found:
        yield found
    site.forget()
    installed_plugins.cache_clear()


def told(service: ServiceProcess, **changed: object) -> str:
    answer = service.post("api/runs?wait=60", REQUEST | changed)
    assert answer.status == 422
    return str(answer.json["problems"])


def test_settings_are_of_a_run_as_those_of_the_command(
    ancient: ServiceProcess, dataset: SimulatedDataset, tmp_path: Path
) -> None:
    listed = {one["name"]: one for one in ancient.get("api/settings").json}
    assert listed["ancient.ends"]["default"] == "5"
    assert "masked" in listed["ancient.ends"]["description"]
    taken = ancient.post("api/runs", REQUEST | {"set": SETTINGS}).json
    done = ancient.wait(taken["id"])
    assert (done["state"], done["request"]["set"]) == ("done", SETTINGS)
    found = gzip.decompress(ancient.get(f"api/runs/{taken['id']}/outputs/calls.vcf.gz").body)
    own = tmp_path / "own.vcf.gz"
    settings = [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
    words = ["call", "--tech", "ancient", "--ref", dataset.reference, "--reads", dataset.reads, "--out", own]
    assert run(*words, "--regions", "chrS:1-20000", *settings) == 0
    assert b"ancient.ends=3 ancient.shortest=40" in found.partition(b"#CHROM")[0].replace(b",", b" ")
    assert [line for line in found.splitlines() if line[:1] != b"#"] == [
        line for line in gzip.decompress(own.read_bytes()).splitlines() if line[:1] != b"#"
    ]
    page = ancient.get(f"runs/{taken['id']}", headers={"accept": "text/html"}).body.decode()
    assert "ancient.ends=3" in page


def test_what_cannot_be_set_is_refused_before_anything_is_queued(ancient: ServiceProcess) -> None:
    assert "Did you mean 'ends'" in told(ancient, set={"ancient.end": 3})
    assert "no plugin is called 'ancent'" in told(ancient, set={"ancent.ends": 3})
    assert "greater than or equal to 0" in told(ancient, set={"ancient.ends": -3})
    assert "takes no part in calls of 'illumina-wgs'" in told(
        ancient, set={"ancient.ends": 3}, tech="illumina-wgs"
    )
    assert "a setting is no path" in told(ancient, set={"ancient.ends": "../service.sqlite"})
    assert "String should match pattern" in told(ancient, set={"ends": 3})
    fields = {"reads": "reads.bam", "ref": "reference.fa", "tech": "ancient", "set": "ancient.ends=many"}
    form = {"content-type": "application/x-www-form-urlencoded", "accept": "text/html"}
    page = ancient.post("new", urlencode(fields).encode(), headers=form)
    assert page.status == 422
    assert 'id="set-wrong"' in page.body.decode()
    assert ">ancient.ends=many</textarea>" in page.body.decode()
    assert ancient.get("api/runs").json["runs"] == []
