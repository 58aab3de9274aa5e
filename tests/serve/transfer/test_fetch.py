"""Files that come whole: over broken, slow, endless and changing servers."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from dvplug.errors import InputError
from dvplug.serve.transfer import RemoteSource, TransferLimits, fetch, read_htsget, resolve_drs
from dvplug.serve.transfer.guard import Refused, Unanswered
from helpers.object_server import Objects, answer, object_server
from helpers.registry_servers import self_signed, web

OPEN = TransferLimits(max_bytes=10**6, allow_private=True, tries=3, pause_s=0.01)
CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def objects() -> Iterator[Objects]:
    with object_server() as found:
        found.files["x.bam"] = CONTENT
        yield found


def test_what_breaks_off_is_gone_on_with(objects: Objects, tmp_path: Path) -> None:
    objects.cut, told = [1000, 70_000], []
    fetch(f"{objects.url}x.bam?sig=1", tmp_path / "x", OPEN, progress=lambda *at: told.append(at))
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert [one.headers.get("range") for one in objects.asked] == [None, "bytes=1000-", "bytes=71000-"]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [one.name for one in tmp_path.iterdir()] == ["x"]


def test_a_killed_transfer_is_gone_on_with_by_the_next(objects: Objects, tmp_path: Path) -> None:
    objects.cut = [1000, 0, 0]
    with pytest.raises(Unanswered, match="breaks off"):
        fetch(
            f"{objects.url}x.bam",
            tmp_path / "x",
            TransferLimits(10**6, allow_private=True, tries=1, pause_s=0.01),
        )
    assert not (tmp_path / "x").exists()
    objects.asked.clear(), objects.cut.clear()
    fetch(f"{objects.url}x.bam", tmp_path / "x", OPEN)
    assert objects.asked[0].headers["range"].startswith("bytes=")
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_a_file_that_changed_in_between_comes_from_its_beginning(objects: Objects, tmp_path: Path) -> None:
    def change(handler: BaseHTTPRequestHandler) -> None:
        del objects.answers["x.bam"]
        answer(handler, 200, CONTENT[:1000], etag='"old"', content_length=str(len(CONTENT)))
        handler.close_connection = True
        objects.files["x.bam"] = CONTENT[::-1]

    objects.answers["x.bam"] = change
    fetch(f"{objects.url}x.bam", tmp_path / "x", OPEN)
    assert (tmp_path / "x").read_bytes() == CONTENT[::-1]


def test_a_file_that_changed_is_told_also_by_servers_that_do_not_look_at_if_range(
    objects: Objects, tmp_path: Path
) -> None:
    def change(handler: BaseHTTPRequestHandler) -> None:
        answer(handler, 200, CONTENT[:1000], etag='"old"', content_length=str(len(CONTENT)))
        handler.close_connection = True
        objects.answers["x.bam"] = _once(objects, "x.bam", mixed)
        objects.files["x.bam"] = CONTENT[::-1]

    def mixed(handler: BaseHTTPRequestHandler) -> None:
        answer(
            handler,
            206,
            CONTENT[::-1][1000:],
            etag='"new"',
            content_range=f"bytes 1000-{len(CONTENT) - 1}/{len(CONTENT)}",
        )

    objects.answers["x.bam"] = change
    fetch(f"{objects.url}x.bam", tmp_path / "x", OPEN)
    assert (tmp_path / "x").read_bytes() == CONTENT[::-1]


def _once(
    objects: Objects, path: str, says: Callable[[BaseHTTPRequestHandler], None]
) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer so once, and then by the file."""

    def answered(handler: BaseHTTPRequestHandler) -> None:
        del objects.answers[path]
        says(handler)

    return answered


def test_what_had_all_come_before_a_kill_does_not_come_again(objects: Objects, tmp_path: Path) -> None:
    (tmp_path / ".x.part").write_bytes(CONTENT)
    (tmp_path / ".x.part.json").write_text(json.dumps({"url": f"{objects.url}x.bam", "state": '"s"'}))
    objects.answers["x.bam"] = lambda handler: answer(handler, 416, content_range=f"bytes */{len(CONTENT)}")
    fetch(f"{objects.url}x.bam", tmp_path / "x", OPEN)
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert len(objects.asked) == 1
    (tmp_path / ".x.part").write_bytes(CONTENT)
    (tmp_path / ".x.part.json").write_text(json.dumps({"url": f"{objects.url}x.bam", "state": '"s"'}))
    objects.files["x.bam"] = b"shorter"
    objects.answers["x.bam"] = _once(
        objects, "x.bam", lambda handler: answer(handler, 416, content_range="bytes */7")
    )
    fetch(f"{objects.url}x.bam", tmp_path / "x", OPEN)
    assert (tmp_path / "x").read_bytes() == b"shorter"


@pytest.mark.parametrize(
    ("described", "says"),
    [
        ({"size": len(CONTENT)}, ""),
        ({"digest": ("md5", hashlib.md5(CONTENT).hexdigest())}, ""),
        ({"size": len(CONTENT) + 1}, rf"bytes: {len(CONTENT) + 1} expected, {len(CONTENT)} found"),
        ({"digest": ("sha256", "0" * 64)}, r"sha256: 0{64} expected, [0-9a-f]{64} found"),
    ],
)
def test_what_is_not_as_described_is_thrown_away(
    objects: Objects, tmp_path: Path, described: dict[str, Any], says: str
) -> None:
    source = RemoteSource(f"{objects.url}x.bam", **described)
    if not says:
        fetch(source, tmp_path / "x", OPEN)
        assert (tmp_path / "x").read_bytes() == CONTENT
        return
    with pytest.raises(Refused, match=f"is not the file that it is described to be: {says}"):
        fetch(source, tmp_path / "x", OPEN)
    assert not (tmp_path / "x").exists()
    assert len(objects.asked) == 1


@pytest.mark.parametrize(
    ("told", "size", "digest"),
    [
        ({"size": 3, "checksums": [{"type": "md5", "checksum": "0" * 32}]}, 3, ("md5", "0" * 32)),
        (
            {
                "checksums": [
                    {"type": "md5", "checksum": "0" * 32},
                    {"type": "sha-256", "checksum": "A" * 64},
                ]
            },
            None,
            ("sha256", "a" * 64),
        ),
        ({"checksums": [{"type": "md5", "checksum": "1B2M2Y8AsgTpgAmY7PhCfg=="}]}, None, None),
        ({"size": "3", "checksums": {"md5": 1}}, None, None),
        ({"size": -1, "checksums": [1, {"type": "crc32c", "checksum": "0" * 8}]}, None, None),
    ],
)
def test_what_drs_describes_is_what_is_looked_at(
    objects: Objects, told: dict[str, Any], size: int | None, digest: tuple[str, str] | None
) -> None:
    told |= {"access_methods": [{"type": "https", "access_url": {"url": "https://h/x"}}]}
    objects.files["ga4gh/drs/v1/objects/one"] = json.dumps(told).encode()
    host = objects.url.removeprefix("http://").rstrip("/")
    (found,) = resolve_drs(f"drs://{host}/one", OPEN, scheme="http")
    assert (found.size, found.digest) == (size, digest)


def test_a_busy_server_is_asked_again_and_a_wrong_url_is_not(objects: Objects, tmp_path: Path) -> None:
    objects.refuse = [503, 429]
    fetch(f"{objects.url}x.bam", tmp_path / "x", OPEN)
    assert len(objects.asked) == 3
    objects.asked.clear()
    with pytest.raises(Refused, match=r"no\.bam\?\*\*\* answers 404"):
        fetch(f"{objects.url}no.bam?sig=secret", tmp_path / "y", OPEN)
    assert len(objects.asked) == 1
    objects.refuse = [500] * 9
    with pytest.raises(Unanswered, match="answers 500"):
        fetch(f"{objects.url}x.bam", tmp_path / "y", OPEN)


def _endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x" * 65536)


def _drips(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    while True:
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def test_no_body_takes_more_than_its_share(objects: Objects, tmp_path: Path) -> None:
    objects.answers |= {"endless": _endless, "drips": _drips, "silent": lambda _: objects.ends.wait(60)}
    objects.answers["large"] = lambda handler: answer(handler, 200, content_length=str(10**12))
    for name in ("endless", "large"):
        with pytest.raises(Refused, match="is too large"):
            fetch(f"{objects.url}{name}", tmp_path / name, OPEN)
    with pytest.raises(Refused, match="takes too long"):
        fetch(f"{objects.url}drips", tmp_path / "drips", replace(OPEN, read_s=0.5))
    with pytest.raises(Unanswered, match="does not answer"):
        fetch(
            f"{objects.url}silent",
            tmp_path / "silent",
            TransferLimits(10**6, allow_private=True, tries=1, read_s=0.2),
        )
    assert sum(one.stat().st_size for one in tmp_path.iterdir() if not one.name.endswith("json")) < 3 * 10**6


def _drips_a_head(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def _drips_a_length(handler: BaseHTTPRequestHandler) -> None:
    """A chunk, and then one whose length comes digit by digit: no read of the body ends meanwhile."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n1;")
    while True:
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def _ends_nowhere(handler: BaseHTTPRequestHandler) -> None:
    """A body that ends where the connection does: what is cut looks whole."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
    handler.close_connection = True
    while True:
        handler.wfile.write(b"x" * 1000)
        handler.wfile.flush()
        time.sleep(0.05)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nserver: x\r\ncontent-le"])
def test_a_head_that_breaks_off_is_no_empty_file(objects: Objects, tmp_path: Path, head: bytes) -> None:
    def breaks(handler: BaseHTTPRequestHandler) -> None:
        objects.answers.clear()
        handler.wfile.write(head)
        handler.close_connection = True

    objects.answers["x.bam"] = breaks
    fetch(f"{objects.url}x.bam", tmp_path / "x", OPEN)
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert len(objects.asked) == 2


@pytest.mark.parametrize(
    ("drips", "limits", "error", "says"),
    [
        (_drips_a_head, {"head_s": 0.3}, Unanswered, r"does not answer: 0\.3 s are over"),
        (_drips_a_head, {"total_s": 0.3}, Refused, r"takes too long: 0\.3 s are over"),
        (_drips_a_length, {"read_s": 0.3}, Refused, r"takes too long: 1 bytes in"),
        (_drips_a_length, {"total_s": 0.3}, Refused, r"takes too long: 0\.3 s are over"),
        (_ends_nowhere, {"total_s": 0.3}, Refused, r"takes too long: 0\.3 s are over"),
        (_ends_nowhere, {"read_s": 0.3, "least_rate": 10**6}, Refused, r"takes too long: [0-9,]+ bytes in"),
    ],
)
def test_time_is_limited_wherever_bytes_drip(
    objects: Objects,
    tmp_path: Path,
    drips: Callable[[BaseHTTPRequestHandler], None],
    limits: dict[str, float],
    error: type[InputError],
    says: str,
) -> None:
    objects.answers["x"] = drips
    began = time.monotonic()
    with pytest.raises(error, match=says):
        fetch(f"{objects.url}x", tmp_path / "x", replace(OPEN, tries=1, **{"read_s": 60.0} | limits))  # type: ignore[arg-type]
    assert time.monotonic() - began < 30
    assert not (tmp_path / "x").exists()


def test_what_waits_for_a_server_ends_when_it_is_told(objects: Objects, tmp_path: Path) -> None:
    told = threading.Event()

    def waits(handler: BaseHTTPRequestHandler) -> None:
        told.set()
        objects.ends.wait(60)

    objects.answers["x"] = waits
    began = time.monotonic()
    with pytest.raises(Refused, match="was cancelled"):
        fetch(f"{objects.url}x", tmp_path / "x", replace(OPEN, read_s=60), cancelled=told.is_set)
    assert time.monotonic() - began < 30


def test_over_tls_time_is_limited_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "x").write_bytes(CONTENT)
    with web(tmp_path / "served", certificate) as state:
        fetch(f"{state.url}x", tmp_path / "x", OPEN)
        assert (tmp_path / "x").read_bytes() == CONTENT
        state.drip = "head"
        with pytest.raises(Refused, match="takes too long"):
            fetch(f"{state.url}x", tmp_path / "y", replace(OPEN, total_s=0.3, read_s=60))


def test_who_cannot_show_a_certificate_of_the_name_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "x").write_bytes(CONTENT)
    with web(tmp_path / "served", certificate) as state:
        with pytest.raises(Unanswered, match="self-signed certificate"):
            fetch(f"{state.url}x", tmp_path / "x", replace(OPEN, tries=1))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # it is for 127.0.0.1
        with pytest.raises(Unanswered, match="Hostname mismatch, certificate is not valid for 'localhost'"):
            fetch(f"{state.url}x".replace("127.0.0.1", "localhost"), tmp_path / "x", replace(OPEN, tries=1))
        assert not state.log


def test_it_ends_when_it_is_told(objects: Objects, tmp_path: Path) -> None:
    objects.answers["endless"] = _endless
    with pytest.raises(Refused, match="was cancelled"):
        fetch(f"{objects.url}endless", tmp_path / "x", OPEN, cancelled=lambda: True)


def test_what_opens_one_host_is_not_sent_to_another(objects: Objects, tmp_path: Path) -> None:
    with object_server() as other:
        other.files["x.bam"] = b"there"
        objects.answers["x.bam"] = lambda handler: answer(handler, 307, location=f"{other.url}x.bam")
        fetch(RemoteSource(f"{objects.url}x.bam", {"authorization": "Bearer a"}), tmp_path / "x", OPEN)
        assert objects.asked[0].headers["authorization"] == "Bearer a"
        assert "authorization" not in other.asked[0].headers


def test_drs_is_resolved_and_its_headers_are_sent(objects: Objects, tmp_path: Path) -> None:
    host = objects.url.removeprefix("http://").rstrip("/")
    objects.files["ga4gh/drs/v1/objects/one"] = json.dumps(
        {
            "access_methods": [
                {"type": "s3", "access_url": {"url": "s3://b/x"}},
                {"type": "https", "access_id": "a/1"},
                {"type": "https", "access_url": {"url": f"{objects.url}x.bam", "headers": ["X-Key: k:1"]}},
            ]
        }
    ).encode()
    objects.files["ga4gh/drs/v1/objects/one/access/a%2F1"] = json.dumps(
        {"url": f"{objects.url}signed"}
    ).encode()
    found = resolve_drs(f"drs://{host}/one", OPEN, scheme="http")
    assert found == [
        RemoteSource(f"{objects.url}signed"),
        RemoteSource(f"{objects.url}x.bam", {"X-Key": "k:1"}),
    ]
    fetch(found[1], tmp_path / "x", OPEN)
    assert objects.asked[-1].headers["x-key"] == "k:1"


def test_of_several_access_methods_one_that_leads_on_is_enough(objects: Objects) -> None:
    host = objects.url.removeprefix("http://").rstrip("/")
    methods: list[dict[str, Any]] = [{"type": "https", "access_id": "gone"}, {"type": "https"}]
    told = {"access_methods": [*methods, {"type": "https", "access_url": {"url": f"{objects.url}x.bam"}}]}
    objects.files["ga4gh/drs/v1/objects/one"] = json.dumps(told).encode()
    assert resolve_drs(f"drs://{host}/one", OPEN, scheme="http") == [RemoteSource(f"{objects.url}x.bam")]
    objects.files["ga4gh/drs/v1/objects/none"] = json.dumps({"access_methods": methods}).encode()
    with pytest.raises(InputError, match=r"none/access/gone answers 404"):
        resolve_drs(f"drs://{host}/none", OPEN, scheme="http")
    for content in (b"{}", b'{"access_methods": {}}', b'{"contents": []}'):
        objects.files["ga4gh/drs/v1/objects/bundle"] = content
        with pytest.raises(Refused, match="offers nothing by https"):
            resolve_drs(f"drs://{host}/bundle", OPEN, scheme="http")


@pytest.mark.parametrize("uri", ["drs://abc:123", "drs://host/", "drs://host/a/b", "drs://u@host/a"])
def test_other_drs_uris_are_refused(uri: str) -> None:
    with pytest.raises(InputError, match="is no DRS URI that can be resolved"):
        resolve_drs(uri, OPEN)


def test_an_htsget_ticket_becomes_a_file(objects: Objects, tmp_path: Path) -> None:
    objects.files |= {"a": b"first", "b": b"second"}
    objects.files["reads/1"] = json.dumps(
        {
            "htsget": {
                "format": "BAM",
                "urls": [
                    {"url": "data:application/octet-stream;base64,SEVBRA==", "class": "header"},
                    {"url": f"{objects.url}a", "headers": {"Range": "bytes=1-", "X-Key": "k"}},
                    {"url": "data:,%41b"},
                    {"url": f"{objects.url}b"},
                ],
            }
        }
    ).encode()
    objects.answers["a"] = lambda handler: answer(handler, 206, b"irst", content_range="bytes 1-4/5")
    read_htsget(f"{objects.url}reads/1", tmp_path / "x.bam", OPEN)
    assert (tmp_path / "x.bam").read_bytes() == b"HEADirstAbsecond"
    assert next(one for one in objects.asked if one.path == "/a").headers["x-key"] == "k"
    assert [one.name for one in tmp_path.iterdir()] == ["x.bam"]


def test_a_whole_file_in_place_of_a_part_is_refused(objects: Objects, tmp_path: Path) -> None:
    """Put together it would be something else, which may even look like reads."""
    part = {"url": f"{objects.url}a", "headers": {"Range": "bytes=1-2"}}
    objects.files["reads/1"] = json.dumps({"htsget": {"urls": [part]}}).encode()
    objects.answers["a"] = lambda handler: answer(handler, 200, b"first")
    with pytest.raises(Refused, match="a answers 200"):
        read_htsget(f"{objects.url}reads/1", tmp_path / "x.bam", OPEN)
    assert not list(tmp_path.iterdir())


def test_the_parts_of_a_ticket_have_no_more_time_and_room_than_a_file(
    objects: Objects, tmp_path: Path
) -> None:
    def later(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.1)
        answer(handler, 200, b"x" * 100)

    objects.answers["a"] = later
    objects.files["reads/1"] = json.dumps({"htsget": {"urls": [{"url": f"{objects.url}a"}] * 100}}).encode()
    with pytest.raises(Refused, match="takes too long"):
        read_htsget(f"{objects.url}reads/1", tmp_path / "x.bam", replace(OPEN, total_s=0.5))
    with pytest.raises(Refused, match="is too large"):
        read_htsget(f"{objects.url}reads/1", tmp_path / "x.bam", replace(OPEN, max_bytes=250))
    assert len(objects.asked) < 20


def test_header_fields_of_a_ticket_cannot_change_how_it_is_asked(objects: Objects, tmp_path: Path) -> None:
    odd = {"Host": "inner", "Accept-Encoding": "gzip", "Transfer-Encoding": "chunked", "X-Key": "k"}
    fetch(RemoteSource(f"{objects.url}x.bam", odd), tmp_path / "x", OPEN)
    sent = objects.asked[0].headers
    assert (sent["host"], sent["accept-encoding"], sent["x-key"]) == (
        objects.url.removeprefix("http://").rstrip("/"),
        "identity",
        "k",
    )
    assert "transfer-encoding" not in sent


@pytest.mark.parametrize(
    "ticket",
    [b"{}", b"[]", b"no", b'{"htsget": {"format": "VCF", "urls": [{"url": "data:,"}]}}', b'{"htsget": {"urls": []}}',
     b'{"htsget": {"urls": [{"url": 1}]}}', b'{"htsget": {"urls": [{"url": "data:x"}]}}',
     b'{"htsget": {"urls": [{"url": "file:///etc/passwd"}]}}'],
)  # fmt: skip
def test_what_is_no_ticket_is_refused(objects: Objects, tmp_path: Path, ticket: bytes) -> None:
    objects.files["reads/1"] = ticket
    with pytest.raises(InputError, match=r"no htsget ticket|offers|no data: URI|cannot be asked for"):
        read_htsget(f"{objects.url}reads/1", tmp_path / "x", OPEN)
    assert not list(tmp_path.iterdir())
