"""NVIDIA's interface: a request in its form, against a server as object stores are."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from dvplug.serve.api.nvidia import DeepVariantRequest, parsed_arguments, run_request
from dvplug.serve.errors import ServiceError
from dvplug.simulate import SimulatedDataset
from dvplug_lab.services import ServiceProcess
from helpers.command import call_words, run
from helpers.object_server import Objects, object_server

PATH = "v1/genomics/nvidia/deepvariant"
SIGNED = "?X-Amz-Signature=secret&X-Amz-Expires=3600"


@pytest.fixture(scope="module")
def store(dataset: SimulatedDataset) -> Iterator[Objects]:
    """An object store that has the inputs, and takes what is signed."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in ("reference.fa", "reference.fa.fai"):
            tar.add(dataset.reference.parent / name, f"Ref/{name}")
    with object_server() as objects:
        objects.signature = "X-Amz-Signature=secret"
        objects.files |= {
            "ref.tar.gz": packed.getvalue(),
            "in.bam": dataset.reads.read_bytes(),
            "in.bam.bai": Path(f"{dataset.reads}.bai").read_bytes(),
        }
        yield objects


def _request(store: Objects, parts: int = 1, **more: Any) -> dict[str, Any]:
    def url(name: str) -> str:
        return f"{store.url}{name}{SIGNED}"

    return {
        "in_ref_tarball": url("ref.tar.gz"), "in_bam": url("in.bam"), "in_bai": url("in.bam.bai"),
        "out_variants": [url(f"out{n}") for n in range(parts)], "out_variants_parts_manifest": url("manifest"),
        "out_stdout": url("stdout"), "out_stderr": url("stderr"), "mode": "shortread", "use_gvcf": False,
        "use_wes_model": False, "additional_args": "",
    } | more  # fmt: skip


def _records(packed: bytes) -> list[str]:
    return [line for line in gzip.decompress(packed).decode().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("parts", [1, 3])
def test_all_is_delivered_and_the_records_are_the_commands(
    service: ServiceProcess, store: Objects, dataset: SimulatedDataset, tmp_path: Path, parts: int
) -> None:
    answer = service.post(PATH, _request(store, parts))
    assert (answer.status, answer.json["status"]) == (200, "success")
    assert run(*call_words(dataset, tmp_path / "own.vcf.gz")) == 0
    manifest = json.loads(store.files["manifest"])
    delivered = b"".join(store.files[f"out{one['part_number'] - 1}"] for one in manifest["parts"])
    assert _records(delivered) == _records((tmp_path / "own.vcf.gz").read_bytes())
    assert manifest["size"] == len(delivered)
    assert b"PASS from" in store.files["stderr"]
    assert store.files["stdout"] == b""
    told = service.get(f"api/runs/{answer.json['id']}")
    assert (told.json["interface"], told.json["state"]) == ("nvidia", "done")
    assert b"secret" not in told.body
    sent = _request(store, parts)
    assert {name: answer.json[name.replace("_", "-")] for name in sent if name.startswith("out_")} == {
        name: value for name, value in sent.items() if name.startswith("out_")
    }


def test_a_vcf_is_text_where_its_place_is_called_so(
    service: ServiceProcess, store: Objects, dataset: SimulatedDataset, tmp_path: Path
) -> None:
    places = [f"{store.url}sample.hc.vcf{SIGNED}&partNumber={n}" for n in (1, 2)]
    assert service.post(PATH, _request(store, out_variants=places)).status == 200
    assert run(*call_words(dataset, tmp_path / "own.vcf.gz")) == 0
    own = gzip.decompress((tmp_path / "own.vcf.gz").read_bytes()).decode()
    text = store.files["sample.hc.vcf"].decode()
    assert [one for one in text.splitlines() if one[0] != "#"] == [
        one for one in own.splitlines() if one[0] != "#"
    ]
    assert text.startswith("##fileformat=VCF")
    manifest = json.loads(store.files["manifest"])
    assert (manifest["name"], manifest["size"]) == ("calls.vcf", len(text))
    assert len(manifest["MultipartUpload"]["Parts"]) == 1  # it is smaller than a part has to be


def test_a_client_that_goes_away_leaves_the_run_going(service: ServiceProcess, store: Objects) -> None:
    store.files.pop("out0", None)
    before = {one["id"] for one in service.get("api/runs").json["runs"]}
    host, port = service.url.removeprefix("http://").rstrip("/").split(":")
    connection = HTTPConnection(host, int(port), timeout=60)
    body = json.dumps(_request(store))
    connection.request("POST", f"/{PATH}", body, {"content-type": "application/json"})
    while not (new := {one["id"] for one in service.get("api/runs").json["runs"]} - before):
        time.sleep(0.02)
    connection.close()
    assert service.wait(new.pop())["state"] == "done"
    assert _records(store.files["out0"])


def test_a_gvcf_is_delivered_where_it_is_asked_for(service: ServiceProcess, store: Objects) -> None:
    answer = service.post(
        PATH, _request(store, use_gvcf=True, additional_args="--interval chrS:1-3000 --num-gpus 2")
    )
    assert answer.status == 200
    assert any("<*>" in line and "END=" in line for line in _records(store.files["out0"]))


def test_a_client_may_go_on_at_once(service: ServiceProcess, store: Objects) -> None:
    answer = service.post(PATH, _request(store), headers={"prefer": "respond-async"})
    assert (answer.status, answer.json["status"]) == (202, "accepted")
    assert service.wait(answer.json["id"])["state"] == "done"


def test_a_run_that_cannot_be_says_why_and_delivers_its_words(
    service: ServiceProcess, store: Objects
) -> None:
    store.files.pop("stderr", None)
    answer = service.post(PATH, _request(store, mode="ont"))
    assert answer.status == 422
    assert "--tech ont contradicts" in answer.json["problems"][0]["problem"]
    assert b"--tech ont contradicts" in store.files["stderr"]
    missing = service.post(PATH, _request(store, in_bam=f"{store.url}nothere{SIGNED}"))
    assert missing.status == 422
    assert "nothere?*** answers 404" in missing.json["problems"][0]["problem"]


@pytest.mark.parametrize(
    "changed",
    [
        {"in_bam": "file:///etc/passwd"}, {"in_bam": "reads.bam"}, {"out_variants": []}, {"mode": "longread"},
        {"use_gvcf": "false"}, {"additional_args": "; rm -rf /"}, {"additional_args": "--out-variants /etc/x"},
        {"additional_args": "--interval ../../x.bed"}, {"additional_args": "--interval '"},
        {"additional_args": "--pb-model-file /x"}, {"surprise": 1}, {"mode": "ont", "use_wes_model": True},
    ],
)  # fmt: skip
def test_what_leads_elsewhere_is_refused(
    service: ServiceProcess, store: Objects, changed: dict[str, Any]
) -> None:
    before = len(store.asked)
    refused = service.post(PATH, _request(store, **changed))
    assert refused.status == 422
    assert len(store.asked) == before
    for problem, detail in zip(refused.json["problems"], refused.json["detail"], strict=True):
        assert detail["msg"].startswith(problem["problem"])
        assert detail["loc"] == ["body", *filter(None, problem.get("field", "").split("."))]


def test_arguments_are_parted_as_a_shell_would() -> None:
    found = parsed_arguments(
        "--interval chr1:1,000-2,000 -L chr2 -L 'chr3:20000+' -L chr4:10000 --haploid-contigs='chrX chrY,chrM' --gvcf "
        "--run-partition --num-gpus=4"
    )
    assert found == {
        "regions": ["chr1:1,000-2,000", "chr2", "chr3:20000-", "chr4:10000"],
        "haploid_contigs": ["chrX", "chrY", "chrM"], "use_gvcf": True, "use_wes_model": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("--norealign-reads --gvcf --x", r"means nothing here: --norealign-reads --x:"),
        ("--no-alt-contigs", r"means nothing here: --no-alt-contigs"),
        ("--interval", r"has no value: --interval"),
        ("--interval= --gvcf", r"has no value: --interval"),
        ("-L --gvcf --haploid-contigs", r"has no value: -L --haploid-contigs"),
        ("--gvcf=false", r"means nothing here: false"),
        ("--interval-file x.bed", r"means nothing here: --interval-file x\.bed"),
        ("`id` $(id) | id > x && id", r"means nothing here: `id` \$\(id\) \| id > x && id"),
    ],
)
def test_arguments_that_cannot_be_followed_are_named(text: str, says: str) -> None:
    with pytest.raises(ServiceError, match=says) as caught:
        parsed_arguments(text)
    assert caught.value.status == 422


@pytest.mark.parametrize(
    ("place", "unpacked"),
    [
        ("a.vcf", True), ("a.VCF", True), ("a.g.vcf", True), ("a.gvcf", True), ("a.vcf.gz", False), ("a", False),
        ("a?name=b.vcf", False),
    ],
)  # fmt: skip
def test_variants_are_packed_unless_their_place_says_otherwise(place: str, unpacked: bool) -> None:
    request = DeepVariantRequest(
        in_ref_tarball="http://a.b/c", in_bam="http://a.b/c", out_variants=[f"http://a.b/{place}"]
    )
    assert run_request(request).deliver[0].unpacked == unpacked


@pytest.mark.parametrize(
    ("mode", "wes", "tech"),
    [
        ("shortread", False, "illumina-wgs"),
        ("shortread", True, "illumina-wes"),
        ("pacbio", False, "pacbio"),
        ("ont", False, "ont"),
    ],
)
def test_modes_are_technologies(mode: Any, wes: bool, tech: str) -> None:
    request = DeepVariantRequest(
        in_ref_tarball="http://a.b/c",
        in_bam="http://a.b/c",
        out_variants=["http://a.b/c"],
        mode=mode,
        use_wes_model=wes,
    )
    assert run_request(request).tech == tech
