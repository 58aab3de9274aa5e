"""WES 1.1, by a client that knows the specification alone."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dvplug_lab.services import Answer, ServiceProcess, served

WES = "ga4gh/wes/v1"
PARAMS = {"reads": ["reads.bam"], "ref": "reference.fa", "regions": ["chrS:1-3000"]}
STATES = {
    "UNKNOWN", "QUEUED", "INITIALIZING", "RUNNING", "PAUSED", "COMPLETE", "EXECUTOR_ERROR", "SYSTEM_ERROR", "CANCELED",
    "CANCELING", "PREEMPTED",
}  # fmt: skip


def _form(fields: dict[str, str], files: Sequence[tuple[str, bytes]] = ()) -> tuple[bytes, str]:
    """A body of multipart/form-data, and its type (RFC 7578)."""
    mark = uuid.uuid4().hex
    parts = [
        f'--{mark}\r\ncontent-disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode()
        for n, v in fields.items()
    ]
    for name, content in files:
        head = (
            f'--{mark}\r\ncontent-disposition: form-data; name="workflow_attachment"; filename="{name}"\r\n'
        )
        parts.append(head.encode() + b"content-type: application/octet-stream\r\n\r\n" + content + b"\r\n")
    return b"".join(parts) + f"--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}"


def _submit(
    service: ServiceProcess, params: Any = PARAMS, files: Sequence[tuple[str, bytes]] = (), **more: str
) -> Answer:
    fields = {"workflow_type": "dvplug", "workflow_type_version": "1.0", "workflow_url": "dvplug"}
    body, kind = _form(fields | {"workflow_params": json.dumps(params)} | more, files)
    return service.post(f"{WES}/runs", body, headers={"content-type": kind})


def _wait(service: ServiceProcess, run_id: str) -> str:
    service.wait(run_id)
    state: str = service.get(f"{WES}/runs/{run_id}/status").json["state"]
    return state


def test_a_client_submits_reads_the_log_and_fetches(service: ServiceProcess) -> None:
    info = service.get(f"{WES}/service-info").json
    assert info["type"] == {"group": "org.ga4gh", "artifact": "wes", "version": "1.1.0"}
    assert "1.1.0" in info["supported_wes_versions"]
    assert "1.0" in info["workflow_type_versions"]["dvplug"]["workflow_type_version"]
    assert set(info["system_state_counts"]) <= STATES
    taken = _submit(service, tags=json.dumps({"batch": "7"}))
    assert taken.status == 200
    run_id = taken.json["run_id"]
    assert _wait(service, run_id) == "COMPLETE"
    log = service.get(f"{WES}/runs/{run_id}").json
    assert log["request"]["workflow_params"] == PARAMS
    assert log["request"]["tags"] == {"batch": "7"}
    assert log["run_log"]["exit_code"] == 0
    assert log["run_log"]["start_time"] <= log["run_log"]["end_time"]
    assert b"PASS from" in _follow(service, log["run_log"]["stderr"])
    vcf = log["outputs"]["calls.vcf.gz"]
    assert len(_follow(service, vcf["location"])) == vcf["size"]
    tasks = _follow_json(service, log["task_logs_url"])["task_logs"]
    assert tasks == log["task_logs"]
    assert service.get(f"{WES}/runs/{run_id}/tasks/{tasks[0]['id']}").json == tasks[0]
    assert service.get(f"{WES}/runs/{run_id}/tasks/other").status == 404


def _follow(service: ServiceProcess, url: str) -> bytes:
    assert url.startswith(service.url)
    return service.get(url.removeprefix(service.url)).body


def _follow_json(service: ServiceProcess, url: str) -> Any:
    return json.loads(_follow(service, url))


def test_attachments_are_inputs(service: ServiceProcess, own_data: Path) -> None:
    files = [
        (f"in/{name}", (own_data / "files" / name).read_bytes()) for name in ("reads.bam", "reads.bam.bai")
    ]
    files.append(("targets.bed", b"chrS\t100\t3000\n"))
    params = {
        "reads": ["in/reads.bam"], "indexes": ["in/reads.bam.bai"], "ref": "reference.fa", "regions_bed": "targets.bed",
    }  # fmt: skip
    run_id = _submit(service, params, files).json["run_id"]
    assert _wait(service, run_id) == "COMPLETE"
    refused = _submit(service, params, [("../../x.bam", b"\x1f\x8b\x08\x04")])
    assert (refused.status, refused.json["status_code"]) == (400, 400)


def test_attachments_are_inputs_of_cohorts(service: ServiceProcess, own_data: Path) -> None:
    files = [(name, (own_data / "files" / name).read_bytes()) for name in ("reads.bam", "reads.bam.bai")]
    files = [(f"in/{name}", content) for name, content in files]
    sample = {"sample": "one", "reads": ["in/reads.bam"], "indexes": ["in/reads.bam.bai"]}
    params = {"samples": [sample], "ref": "reference.fa", "regions": ["chrS:1-3000"]}
    run_id = _submit(service, params, files).json["run_id"]
    assert _wait(service, run_id) == "COMPLETE"
    log = service.get(f"{WES}/runs/{run_id}").json
    assert log["run_log"]["cmd"] == ["dvplug", "cohort"]
    assert "one.vcf.gz" in log["outputs"]


@pytest.mark.parametrize(
    ("params", "more"),
    [
        (PARAMS | {"reads": ["not there.bam"]}, []), (PARAMS | {"foo": 1}, []),
        (PARAMS, [("x.bam", b"no BAM")]), (PARAMS, [("../x", b"")]),
    ],
)  # fmt: skip
def test_attachments_of_what_is_refused_are_not_kept(
    service: ServiceProcess, params: dict[str, Any], more: list[tuple[str, bytes]]
) -> None:
    before = set((service.data / "uploads").iterdir())
    assert _submit(service, params, [("targets.bed", b"chrS\t100\t3000\n"), *more]).status == 400
    assert set((service.data / "uploads").iterdir()) == before


def test_what_fails_says_why_in_the_log(service: ServiceProcess) -> None:
    missing = service.get(f"{WES}/runs/x").json
    assert missing["msg"] == "There is no run 'x'. List them with GET /api/runs."
    run_id = _submit(service, PARAMS | {"tech": "pacbio"}).json["run_id"]
    assert _wait(service, run_id) == "EXECUTOR_ERROR"
    assert (
        "--tech pacbio contradicts" in service.get(f"{WES}/runs/{run_id}").json["run_log"]["system_logs"][0]
    )
    run_id = _submit(service, PARAMS | {"reads": ["http://127.0.0.1:9/x.bam"]}).json["run_id"]
    assert _wait(service, run_id) == "SYSTEM_ERROR"


@pytest.mark.parametrize(
    "more",
    [
        {"workflow_type": "CWL"}, {"workflow_type_version": "9"}, {"workflow_params": "[]"}, {"workflow_params": "{"},
        {"tags": "1"}, {"tags": '{"a": 1}'}, {"workflow_engine": "cromwell"},
        {"workflow_engine_parameters": '{"a": "b"}'},
        {"workflow_params": '{"reads": ["/etc/passwd"], "ref": "reference.fa"}'},
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_in_the_words_of_wes(
    service: ServiceProcess, more: dict[str, str]
) -> None:
    answer = _submit(service, **more)
    assert answer.status == 400
    assert answer.json["status_code"] == 400
    assert answer.json["msg"]


def test_lists_have_pages_and_cancelled_runs(own_data: Path) -> None:
    with served(own_data, "--workers", "1", "--least-free", "1MB") as service:
        ids = [_submit(service).json["run_id"] for _ in range(5)]
        for one in ids:
            assert service.post(f"{WES}/runs/{one}/cancel").json == {"run_id": one}
        states = {_wait(service, one) for one in ids}
        assert "CANCELED" in states
        assert states <= {"CANCELED", "COMPLETE"}
        found, token = [], ""
        while True:
            page = service.get(f"{WES}/runs?page_size=2&page_token={token}").json
            assert len(page["runs"]) <= 2
            found += [one["run_id"] for one in page["runs"]]
            token = page["next_page_token"]
            if not token:
                break
        assert sorted(found) == sorted(ids)
        assert service.get(f"{WES}/runs?page_size=0").status == 400
        assert service.get(f"{WES}/runs?page_token=x").status == 400
        for path in ("", "/status", "/tasks"):
            missing = service.get(f"{WES}/runs/AAAAAAAAAAAAAAAAAAAAAA{path}")
            assert (missing.status, missing.json["status_code"]) == (404, 404)
