"""The description of the interface is whole: what is answered is described, and what is described has words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dvplug_lab.services import ServiceProcess

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
BODIES = [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b'{"reads": 1}', b"[" * 100_000]
ID = "AAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture(scope="module")
def operations(service: ServiceProcess) -> list[tuple[str, str, dict[str, Any]]]:
    paths = service.get("openapi.json").json["paths"]
    return [
        (method, path, told) for path, by in paths.items() for method, told in by.items() if method in METHODS
    ]


def test_every_operation_and_answer_has_words(operations: list[tuple[str, str, dict[str, Any]]]) -> None:
    assert len(operations) > 30
    for method, path, told in operations:
        assert told.get("description"), f"{method} {path}"
        assert {"401", "400"} & set(told["responses"]), f"{method} {path}"
        for status, answer in told["responses"].items():
            assert answer["description"], f"{method} {path} {status}"


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "multipart/form-data", "multipart/form-data; boundary=x"]
)
def test_whatever_is_sent_the_answer_is_one_that_is_described(
    service: ServiceProcess, operations: list[tuple[str, str, dict[str, Any]]], kind: str
) -> None:
    for method, path, told in operations:
        place = re.sub(r"\{[^}]*\}", ID, path)
        for body in BODIES if method in ("post", "patch", "put") else [None]:
            if path.endswith("/events"):
                continue
            answer = service.ask(method.upper(), place[1:], body, headers={"content-type": kind})
            assert str(answer.status) in told["responses"], f"{method} {path} {body!r:.30}: {answer.status}"
            assert answer.status < 500


def test_other_methods_are_refused(
    service: ServiceProcess, operations: list[tuple[str, str, dict[str, Any]]]
) -> None:
    known: dict[str, set[str]] = {}
    for method, path, _ in operations:
        known.setdefault(path, set()).add(method)
    for path, methods in known.items():
        place = re.sub(r"\{[^}]*\}", ID, path)
        alike = {one for other, some in known.items() for one in some if re.fullmatch(_pattern(other), place)}
        for method in {"put", "delete", "patch", "post"} - methods - alike:
            answer = service.ask(method.upper(), place[1:], b"", headers={"content-type": "application/json"})
            assert answer.status in (404, 405), f"{method} {path}: {answer.status}"
            if answer.status == 405:
                assert answer.headers["allow"]


def _pattern(path: str) -> str:
    return re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path))


def test_all_interfaces_are_described(operations: list[tuple[str, str, dict[str, Any]]]) -> None:
    described = {path for _, path, _ in operations}
    assert {
        "/api/runs", "/api/check", "/v1/genomics/nvidia/deepvariant", "/v1/health/ready", "/v1/metrics",
        "/ga4gh/wes/v1/runs/{run_id}", "/ga4gh/htsget/v1/variants/{name}", "/api/uploads/{upload_id}",
    } <= described  # fmt: skip
