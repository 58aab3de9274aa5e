"""Files that come whole: over broken, slow, endless and changing servers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from dvplug.errors import InputError
from dvplug.serve.transfer import Limits, Source, fetch, read_htsget, resolve_drs
from dvplug.serve.transfer.guard import Refused, Unreachable
from helpers.object_server import Objects, answer, object_server

OPEN = Limits(max_bytes=10**6, allow_private=True, tries=3, pause_s=0.01, read_s=0.5)
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
    with pytest.raises(Unreachable, match="breaks off"):
        fetch(f"{objects.url}x.bam", tmp_path / "x", Limits(10**6, allow_private=True, tries=1, pause_s=0.01))
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


def test_a_busy_server_is_asked_again_and_a_wrong_url_is_not(objects: Objects, tmp_path: Path) -> None:
    objects.refuse = [503, 429]
    fetch(f"{objects.url}x.bam", tmp_path / "x", OPEN)
    assert len(objects.asked) == 3
    objects.asked.clear()
    with pytest.raises(Refused, match=r"no\.bam\?\*\*\* answers 404"):
        fetch(f"{objects.url}no.bam?sig=secret", tmp_path / "y", OPEN)
    assert len(objects.asked) == 1
    objects.refuse = [500] * 9
    with pytest.raises(Unreachable, match="answers 500"):
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


def _silent(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def test_no_body_takes_more_than_its_share(objects: Objects, tmp_path: Path) -> None:
    objects.answers |= {"endless": _endless, "drips": _drips, "silent": _silent}
    objects.answers["large"] = lambda handler: answer(handler, 200, content_length=str(10**12))
    for name in ("endless", "large"):
        with pytest.raises(Refused, match="is too large"):
            fetch(f"{objects.url}{name}", tmp_path / name, OPEN)
    with pytest.raises(Refused, match="takes too long"):
        fetch(f"{objects.url}drips", tmp_path / "drips", OPEN)
    with pytest.raises(Unreachable, match="does not answer"):
        fetch(
            f"{objects.url}silent",
            tmp_path / "silent",
            Limits(10**6, allow_private=True, tries=1, read_s=0.2),
        )
    assert sum(one.stat().st_size for one in tmp_path.iterdir() if not one.name.endswith("json")) < 3 * 10**6


def test_it_ends_when_it_is_told(objects: Objects, tmp_path: Path) -> None:
    objects.answers["endless"] = _endless
    with pytest.raises(Refused, match="was cancelled"):
        fetch(f"{objects.url}endless", tmp_path / "x", OPEN, cancelled=lambda: True)


def test_what_opens_one_host_is_not_sent_to_another(objects: Objects, tmp_path: Path) -> None:
    with object_server() as other:
        other.files["x.bam"] = b"there"
        objects.answers["x.bam"] = lambda handler: answer(handler, 307, location=f"{other.url}x.bam")
        fetch(Source(f"{objects.url}x.bam", {"authorization": "Bearer a"}), tmp_path / "x", OPEN)
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
    assert found == [Source(f"{objects.url}signed"), Source(f"{objects.url}x.bam", {"X-Key": "k:1"})]
    fetch(found[1], tmp_path / "x", OPEN)
    assert objects.asked[-1].headers["x-key"] == "k:1"


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
