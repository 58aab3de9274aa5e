"""htsget of results: what a client puts together is the file, or its records of a region."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

import pysam
import pytest

from dvplug.serve import indexed_vcf
from dvplug.serve.api.htsget import RegionOf, queries
from dvplug.system.bgzf import EOF, packed
from dvplug_lab.services import ServiceProcess

HTSGET = "ga4gh/htsget/v1/variants"


@pytest.fixture(scope="module")
def run_id(service: ServiceProcess) -> str:
    taken = service.post("api/runs", {"reads": ["reads.bam"], "ref": "reference.fa", "gvcf": True}).json["id"]
    assert service.wait(taken)["state"] == "done"
    return str(taken)


def _fetched(service: ServiceProcess, ticket: Any) -> bytes:
    """What the parts of a ticket are together."""
    whole = b""
    for part in ticket["htsget"]["urls"]:
        if part["url"].startswith("data:"):
            whole += base64.b64decode(part["url"].partition("base64,")[2])
        else:
            assert part["url"].startswith(service.url)
            whole += service.get(part["url"].removeprefix(service.url), headers=part["headers"]).body
    return whole


def _records(path: Path, *region: Any) -> list[str]:
    with pysam.VariantFile(str(path)) as file:
        return [str(one) for one in (file.fetch(*region) if region else file)]


@pytest.mark.parametrize(("kind", "name"), [("calls", "calls.vcf.gz"), ("gvcf", "calls.g.vcf.gz")])
def test_parts_put_together_are_what_was_asked_for(
    service: ServiceProcess, run_id: str, tmp_path: Path, kind: str, name: str
) -> None:
    for index in ("", ".tbi"):
        (tmp_path / f"{name}{index}").write_bytes(
            service.get(f"api/runs/{run_id}/outputs/{name}{index}").body
        )
    whole, got, rng = tmp_path / name, tmp_path / "got.vcf.gz", random.Random(1)
    got.write_bytes(_fetched(service, service.get(f"{HTSGET}/{run_id}.{kind}").json))
    assert _records(got) == _records(whole)
    assert got.read_bytes().endswith(EOF)
    for _ in range(12):
        start, end = sorted(rng.sample(range(60_000), 2))
        ticket = service.get(f"{HTSGET}/{run_id}.{kind}?referenceName=chrS&start={start}&end={end}")
        got.write_bytes(_fetched(service, ticket.json))
        assert _records(got) == _records(whole, "chrS", start, end)
    spans = [(100, 5000), (4000, 9000), (30_000, 40_000)]
    regions = [{"referenceName": "chrS", "start": start, "end": end} for start, end in spans]
    got.write_bytes(
        _fetched(
            service, service.post(f"{HTSGET}/{run_id}.{kind}", {"format": "VCF", "regions": regions}).json
        )
    )
    assert _records(got) == [*_records(whole, "chrS", 100, 9000), *_records(whole, "chrS", 30_000, 40_000)]
    header = _fetched(service, service.get(f"{HTSGET}/{run_id}.{kind}?class=header").json)
    got.write_bytes(header)
    assert _records(got) == []


@pytest.mark.parametrize(("kind", "name"), [("calls", "calls.vcf.gz"), ("gvcf", "calls.g.vcf.gz")])
def test_a_record_that_reaches_several_regions_comes_once(
    service: ServiceProcess, run_id: str, tmp_path: Path, kind: str, name: str
) -> None:
    for index in ("", ".tbi"):
        (tmp_path / f"{name}{index}").write_bytes(
            service.get(f"api/runs/{run_id}/outputs/{name}{index}").body
        )
    got, rng = tmp_path / "got.vcf.gz", random.Random(2)
    begins = [0, 1, *sorted(rng.sample(range(2, 60_000, 30), 400)), 59_999]
    regions = [{"referenceName": "chrS", "start": start, "end": start + 2} for start in begins]
    records = [one for start in begins for one in _records(tmp_path / name, "chrS", start, start + 2)]
    rng.shuffle(regions)
    got.write_bytes(_fetched(service, service.post(f"{HTSGET}/{run_id}.{kind}", {"regions": regions}).json))
    assert _records(got) == list(dict.fromkeys(records))


def test_regions_come_in_the_order_of_the_file() -> None:
    regions = [
        RegionOf(referenceName="b", start=9, end=12), RegionOf(referenceName="a", start=5),
        RegionOf(referenceName="b", start=3, end=4), RegionOf(referenceName="b", start=4, end=6),
    ]  # fmt: skip
    assert list(queries(regions, ["a", "b"])) == [
        "class=body&referenceName=a&start=5&end=4294967295", "class=body&referenceName=b&start=3&end=6",
        "class=body&referenceName=b&start=9&end=12&since=6",
    ]  # fmt: skip


def test_a_ticket_says_its_type(service: ServiceProcess, run_id: str) -> None:
    answer = service.get(f"{HTSGET}/{run_id}.calls")
    assert answer.headers["content-type"].startswith("application/vnd.ga4gh.htsget.v1")
    assert [one["class"] for one in answer.json["htsget"]["urls"]] == ["header", "body", "body"]
    info = service.get(f"{HTSGET}/service-info").json
    assert info["type"]["artifact"] == "htsget"
    assert info["htsget"] == {
        "datatype": "variants", "formats": ["VCF"], "fieldsParameterEffective": False,
        "tagsParametersEffective": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ("?format=BCF", 400, "UnsupportedFormat"), ("?referenceName=chr9", 404, "NotFound"),
        ("?start=1", 400, "InvalidInput"), ("?referenceName=chrS&start=9&end=3", 400, "InvalidRange"),
        ("?referenceName=chrS&start=x", 400, "InvalidInput"), ("?class=tail", 400, "InvalidInput"),
        ("?class=header&referenceName=chrS", 400, "InvalidInput"), ("?class=header&tags=", 400, "InvalidInput"),
        ("?tags=A,B&notags=C,B", 400, "InvalidInput"), ("?referenceName=*", 404, "NotFound"),
        ("?referenceName=chrS&end=4294967296", 400, "InvalidInput"),
    ],
)  # fmt: skip
def test_errors_have_the_words_of_the_specification(
    service: ServiceProcess, run_id: str, query: str, status: int, word: str
) -> None:
    answer = service.get(f"{HTSGET}/{run_id}.calls{query}")
    assert (answer.status, answer.json["htsget"]["error"]) == (status, word)


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"class": "header", "regions": [{"referenceName": "chrS"}]}, 400, "InvalidInput"),
        ({"regions": []}, 400, "InvalidInput"), ({"regions": [{"start": 1}]}, 400, "InvalidInput"),
        ({"regions": [{"referenceName": "chrS", "start": 3, "end": 3}]}, 400, "InvalidRange"),
        ({"regions": [{"referenceName": "chrS"}, {"referenceName": "x"}]}, 404, "NotFound"),
        ({"tags": ["A"], "notags": ["A"]}, 400, "InvalidInput"),
    ],
)  # fmt: skip
def test_errors_of_bodies_have_them_too(
    service: ServiceProcess, run_id: str, body: dict[str, Any], status: int, word: str
) -> None:
    answer = service.post(f"{HTSGET}/{run_id}.calls", body)
    assert (answer.status, answer.json["htsget"]["error"]) == (status, word)


def test_positions_have_32_bits(service: ServiceProcess, run_id: str, tmp_path: Path) -> None:
    whole, got = tmp_path / "whole.vcf.gz", tmp_path / "got.vcf.gz"
    whole.write_bytes(service.get(f"api/runs/{run_id}/outputs/calls.vcf.gz").body)
    region = "referenceName=chrS&start=0&end=4294967295"
    got.write_bytes(_fetched(service, service.get(f"{HTSGET}/{run_id}.calls?{region}").json))
    assert _records(got) == _records(whole)


@pytest.mark.parametrize(
    "name", ["AAAAAAAAAAAAAAAAAAAAAA.calls", "x", "RUN.other", "RUN", "..%2f..%2fservice.sqlite"]
)
def test_other_names_are_not_found(service: ServiceProcess, run_id: str, name: str) -> None:
    answer = service.get(f"{HTSGET}/{name.replace('RUN', run_id)}")
    assert answer.status == 404
    assert json.loads(answer.body).get("htsget", {}).get("error") == "NotFound"


def test_lines_that_blocks_cut_come_whole(tmp_path: Path) -> None:
    lines = [
        b"#CHROM\tPOS",
        *(b"c\t%d\t.\tA\tT\t9\tPASS\t%s\tGT\t0/1" % (n, b"x" * (n % 997)) for n in range(1, 900)),
    ]
    path = tmp_path / "x.vcf.gz"
    path.write_bytes(b"".join(packed(line + b"\n" for line in lines)) + EOF)
    assert list(indexed_vcf.lines(path)) == lines
    with pysam.BGZFile(str(path)) as file:
        assert file.read() == b"".join(line + b"\n" for line in lines)
    assert list(indexed_vcf.records(path, "c", 10, 12)) == lines[11:13]
    assert list(indexed_vcf.records(path, "c", 10, 12, since=11)) == lines[12:13]
