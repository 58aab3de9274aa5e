"""Uploads that break off and go on, and what they are refused for."""

from __future__ import annotations

import base64
import http.client
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dvplug_lab.services import Answer, ServiceProcess, served

PART = {"content-type": "application/offset+octet-stream"}


def _begin(service: ServiceProcess, length: int, name: str = "reads.bam", **headers: str) -> Answer:
    encoded = base64.b64encode(name.encode()).decode()
    return service.post(
        "api/uploads",
        b"",
        headers={"upload-length": str(length), "upload-metadata": f"filename {encoded}"} | headers,
    )


def _send(service: ServiceProcess, place: str, offset: int, content: bytes) -> Answer:
    return service.ask("PATCH", place[1:], content, headers=PART | {"upload-offset": str(offset)})


def test_a_file_that_came_in_parts_is_called(service: ServiceProcess, own_data: Path) -> None:
    ids = {}
    for name in ("reads.bam", "reference.fa"):
        content = (own_data / "files" / name).read_bytes()
        begun = _begin(service, len(content), name)
        assert begun.status == 201
        place = begun.headers["location"]
        step = len(content) // 3
        for offset in range(0, len(content), step):
            told = service.ask("HEAD", place[1:]).headers
            assert int(told["upload-offset"]) == offset
            assert _send(service, place, offset, content[offset : offset + step]).status == 204
        ids[name] = f"upload:{place.rpartition('/')[2]}"
    taken = service.post("api/runs?wait=60", {"reads": [ids["reads.bam"]], "ref": ids["reference.fa"]})
    assert taken.status == 202
    assert service.wait(taken.json["id"])["state"] == "done"


def test_a_client_is_told_what_it_said_of_a_file_and_which_version_is_spoken(service: ServiceProcess) -> None:
    said = f"filename {base64.b64encode('ü b.bam'.encode()).decode()},empty"
    begun = _begin(service, 9, **{"upload-metadata": said, "tus-resumable": "1.0.0"})
    assert service.ask("HEAD", begun.headers["location"][1:]).headers["upload-metadata"] == said
    other = _begin(service, 9, **{"tus-resumable": "0.2.2"})
    assert (other.status, other.headers["tus-version"]) == (412, "1.0.0")
    options = service.ask("OPTIONS", "api/uploads", headers={"tus-resumable": "0.2.2"})
    assert (options.status, options.headers["tus-version"]) == (204, "1.0.0")


def test_what_breaks_off_is_kept_as_far_as_it_came(service: ServiceProcess) -> None:
    content = b"\x1f\x8b\x08\x04" + bytes(500_000)
    place = _begin(service, len(content)).headers["location"]
    server = urlsplit(service.url)
    head = (
        f"PATCH {place} HTTP/1.1\r\nHost: {server.netloc}\r\nContent-Type: {PART['content-type']}\r\n"
        f"Upload-Offset: 0\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection((str(server.hostname), server.port or 80)) as connection:
        connection.sendall(head.encode() + content[:200_000])
        until = time.monotonic() + 60
        while int(service.ask("HEAD", place[1:]).headers["upload-offset"]) < 100_000:
            assert time.monotonic() < until
            time.sleep(0.01)
    until = time.monotonic() + 60
    while (answer := _resume(service, place, content)).status == 423:  # until the service saw the client go
        assert time.monotonic() < until
        time.sleep(0.05)
    assert answer.status == 204
    assert int(answer.headers["upload-offset"]) == len(content)


def _resume(service: ServiceProcess, place: str, content: bytes) -> Answer:
    offset = int(service.ask("HEAD", place[1:]).headers["upload-offset"])
    return _send(service, place, offset, content[offset:])


def test_two_do_not_send_at_once(service: ServiceProcess) -> None:
    place = _begin(service, 1000, "x.txt").headers["location"]
    server = urlsplit(service.url)
    slow = http.client.HTTPConnection(str(server.hostname), server.port)
    slow.putrequest("PATCH", place)
    for name, value in (PART | {"upload-offset": "0", "content-length": "1000"}).items():
        slow.putheader(name, value)
    slow.endheaders()
    slow.send(b"x" * 10)
    until = time.monotonic() + 60
    while int(service.ask("HEAD", place[1:]).headers["upload-offset"]) == 0:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert _send(service, place, 10, b"y").status == 423
    threading.Timer(0.01, slow.send, [b"x" * 990]).start()
    assert slow.getresponse().status == 204


def test_what_does_not_fit_is_refused(service: ServiceProcess) -> None:
    assert _begin(service, 10**15).status == 413
    assert service.post("api/uploads", b"").status == 422
    assert _begin(service, -1).status == 422
    assert (
        service.post(
            "api/uploads", b"", headers={"upload-length": "1", "upload-metadata": "filename %"}
        ).status
        == 400
    )
    place = _begin(service, 10, "x.txt").headers["location"]
    assert _send(service, place, 5, b"x").status == 409
    assert _send(service, place, 0, b"x" * 11).status == 413
    assert (
        service.ask(
            "PATCH", place[1:], b"x", headers={"upload-offset": "0", "content-type": "text/plain"}
        ).status
        == 415
    )
    refused = service.post(
        "api/runs", {"reads": [f"upload:{place.rpartition('/')[2]}"], "ref": "reference.fa"}
    )
    assert "is not complete" in refused.json["problems"][0]["problem"]
    assert service.ask("DELETE", place[1:]).status == 204
    assert service.ask("HEAD", place[1:]).status == 404


@pytest.mark.parametrize("name", ["x.bam", "x.CRAM", "x.fasta", "x.bai"])
def test_a_file_that_is_not_what_its_name_says_is_thrown_away(service: ServiceProcess, name: str) -> None:
    place = _begin(service, 9, name).headers["location"]
    answer = _send(service, place, 0, b"%PDF-1.7 ")
    assert answer.status == 422
    assert f"'{name}' is no" in answer.json["problems"][0]["problem"]
    assert service.ask("HEAD", place[1:]).status == 404


def test_names_are_no_places(service: ServiceProcess, tmp_path: Path) -> None:
    place = _begin(service, 1, "../../../escaped").headers["location"]
    assert _send(service, place, 0, b"x").status == 204
    for wrong in ("..", "../x", "%2e%2e%2fruns", "x" * 22):
        assert service.ask("HEAD", f"api/uploads/{wrong}").status in (404, 405)


def test_room_is_left_on_the_disk(own_data: Path) -> None:
    with served(own_data, "--least-free", "1000TB") as service:
        assert _begin(service, 1).status == 413


def test_what_is_spoken_is_told(service: ServiceProcess) -> None:
    answer = service.ask("OPTIONS", "api/uploads")
    assert answer.status == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert set(answer.headers["tus-extension"].split(",")) == {"creation", "termination"}
