"""NVIDIA's interface: a request in its form, against a server as object stores are."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
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
    delivered = b"".join(store.files[f"out{n}"] for n in range(parts))
    assert _records(delivered) == _records((tmp_path / "own.vcf.gz").read_bytes())
    manifest = json.loads(store.files["manifest"])
    assert [one["part_number"] for one in manifest["parts"]] == list(range(1, parts + 1))
    assert manifest["size"] == len(delivered)
    assert b"PASS from" in store.files["stderr"]
    assert store.files["stdout"] == b""
    told = service.get(f"api/runs/{answer.json['id']}")
    assert (told.json["interface"], told.json["state"]) == ("nvidia", "done")
    assert b"secret" not in told.body


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
    assert service.post(PATH, _request(store, **changed)).status == 422
    assert len(store.asked) == before


def test_arguments_are_parted_as_a_shell_would() -> None:
    found = parsed_arguments(
        "--interval chr1:1-10 -L chr2,chr3 --haploid-contigs=chrX,chrY --gvcf --run-partition --num-gpus=4"
    )
    assert found == {
        "regions": ["chr1:1-10", "chr2", "chr3"], "haploid_contigs": ["chrX", "chrY"], "use_gvcf": True,
        "use_wes_model": False,
    }  # fmt: skip
    with pytest.raises(ServiceError, match=r"means nothing here: --norealign-reads --x"):
        parsed_arguments("--norealign-reads --gvcf --x")


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
