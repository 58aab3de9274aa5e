"""Cohorts by the plain interface: a run of several samples."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pysam
import pytest

from dvplug.simulate import SimulatedDataset, simulate_dataset
from dvplug_lab.services import ServiceProcess, served
from helpers.command import run


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> SimulatedDataset:
    """Reads of 30 kb."""
    return simulate_dataset(tmp_path_factory.mktemp("two"), length=30_000, depth=20.0, seed=9)


@pytest.fixture(scope="module")
def cohorts(two: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that offers the reads of two samples of one reference, the second by another name."""
    data = tmp_path_factory.mktemp("cohorts") / "data"
    files = data / "files"
    files.mkdir(parents=True)
    for name in ("reference.fa", "reference.fa.fai", "reads.bam", "reads.bam.bai"):
        shutil.copy(two.reference.parent / name, files)
    with pysam.AlignmentFile(str(two.reads)) as reads:
        header = reads.header.to_dict()
        header["RG"][0]["SM"] = "second"
        with pysam.AlignmentFile(str(files / "second.bam"), "wb", header=header) as out:
            for number, read in enumerate(reads):
                if number % 10:
                    out.write(read)
    pysam.index(str(files / "second.bam"))
    with served(data, "--workers", "1", "--least-free", "1MB") as service:
        yield service


def _request(**more: Any) -> dict[str, Any]:
    samples = [
        {"sample": "first", "reads": ["reads.bam"], "sex": "female"},
        {"sample": "second", "reads": ["second.bam"], "mother": "first"},
    ]
    return {"ref": "reference.fa", "samples": samples, "name": "family"} | more


def test_it_gives_what_the_command_gives(cohorts: ServiceProcess, tmp_path: Path) -> None:
    taken = cohorts.post("api/runs?wait=60", _request(joint=True))
    assert taken.status == 202
    done = cohorts.wait(taken.json["id"])
    assert done["state"] == "done"
    names = {one["name"] for one in done["outputs"]}
    assert {
        "first.vcf.gz",
        "second.g.vcf.gz",
        "first.html",
        "cohort.html",
        "cohort.json",
        "cohort.vcf.gz",
    } <= names
    told = done["progress"]
    assert told["contigs"] == [
        {"name": "first", "done": 1, "total": 1},
        {"name": "second", "done": 1, "total": 1},
    ]
    assert (told["done"], told["total"], told["fraction"]) == (2, 2, 1)
    files = cohorts.data / "files"
    sheet = tmp_path / "sheet.tsv"
    sheet.write_text(f"sample\treads\nfirst\t{files / 'reads.bam'}\nsecond\t{files / 'second.bam'}\n")
    assert run("cohort", sheet, "--ref", files / "reference.fa", "--out", tmp_path / "own") == 0
    for name in ("first.vcf.gz", "second.vcf.gz"):
        ours = cohorts.get(f"api/runs/{done['id']}/outputs/{name}").body
        assert _records(ours) == _records((tmp_path / "own" / name).read_bytes())
    page = cohorts.get(f"runs/{done['id']}", headers={"accept": "text/html"}).body.decode()
    assert "/outputs/cohort.html" in page
    assert "first, second" in page


def _records(packed: bytes) -> list[str]:
    return [line for line in gzip.decompress(packed).decode().splitlines() if not line.startswith("#")]


def test_what_is_wrong_with_any_sample_is_told_before(cohorts: ServiceProcess) -> None:
    request = _request()
    request["samples"][1]["tech"] = "pacbio"
    request["samples"][0]["model"] = "ont@9"
    answer = cohorts.post("api/runs?wait=60", request)
    assert answer.status == 422
    told = [one["problem"] for one in answer.json["problems"]]
    assert any(one.startswith("second: --tech pacbio contradicts second.bam") for one in told)
    assert any(one.startswith("first: ") for one in told)
    request = _request()
    request["samples"][1]["mother"] = "nobody"
    answer = cohorts.post("api/runs?wait=60", request)
    assert "nobody" in answer.json["problems"][0]["problem"]
    request["samples"][1]["mother"] = f"first\nstolen\t{cohorts.data / 'files/second.bam'}"
    answer = cohorts.post("api/runs?wait=60", request)
    assert (answer.status, len(answer.json["problems"])) == (422, 1)
    assert "opens a quote that does not end in it" in answer.json["problems"][0]["problem"]


@pytest.mark.parametrize(
    "more",
    [
        {"reads": ["reads.bam"]}, {"sex": "male"}, {"deliver": [{"what": "vcf", "urls": ["http://a.b/c"]}]},
        {"samples": []}, {"samples": [{"sample": "../x", "reads": ["reads.bam"]}]},
        {"samples": [{"sample": "a\tb", "reads": ["reads.bam"]}]}, {"samples": [{"sample": "a", "reads": []}]},
        {"samples": [{"sample": "#a", "reads": ["reads.bam"]}]},
        {"samples": [{"sample": "a", "reads": ["/etc/passwd"]}]},
        {"samples": [{"sample": "a", "reads": ["reads.bam"], "model": "../m"}]},
    ],
)  # fmt: skip
def test_other_requests_are_refused(cohorts: ServiceProcess, more: dict[str, Any]) -> None:
    assert cohorts.post("api/runs", _request(**more)).status == 422
