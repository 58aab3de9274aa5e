"""Addresses: which are refused, where they lead, and proxies."""

from __future__ import annotations

import random
import resource
from contextlib import nullcontext
from pathlib import Path

import pytest

from dvplug_registry import transport
from dvplug_registry.download import fetch
from dvplug_registry.errors import RegistryError
from dvplug_registry.transport import Deadline, TooSlow, Transport, Unreachable, check_url
from helpers.registry_servers import QUICK, web


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https:///x",
        "file://host/x",
        "http://10.0.0.1/",
        "x",
        "https://[a/",
    ],
)
def test_addresses_that_are_not_safe_are_refused(url: str) -> None:
    with pytest.raises(RegistryError, match="is not an address to download from"):
        check_url(url)


@pytest.mark.parametrize(
    "url", ["https://example.com/", "http://localhost:1/", "http://[::1]/", "file:///tmp/x"]
)
def test_addresses_that_are_safe(url: str) -> None:
    assert check_url(url) == url


def test_user_and_password_of_an_address_are_sent_and_never_to_another(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"here")
    with web(tmp_path) as other, web(tmp_path) as server:
        server.redirects["/y"] = f"{other.url}x"
        address = server.url.replace("://", "://me:wo%3Ard@")
        assert QUICK.read(f"{address}x", 10) == b"here"
        assert QUICK.read(f"{address}y", 10) == b"here"
        assert server.credentials == ["Basic bWU6d286cmQ="] * 2  # base64 of me:wo:rd
        assert other.credentials == [None]
        with pytest.raises(RegistryError, match=r"'http://\*\*\*@127.0.0.1:[0-9]+/none' does not exist"):
            QUICK.read(f"{address}none", 10)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (
            {"Content-Range": "bytes 9999999999999999999-"},
            "bytes from 9999999999999999999 on, in place of 10",
        ),
        ({"Content-Range": "bytes 11-"}, "bytes from 11 on, in place of 10"),
        ({"Content-Length": "99999999999999999999999"}, ""),
        ({"Content-Length": "-5"}, ""),
        ({"Content-Length": "many"}, ""),
        ({"Content-Length": "5, 7"}, "cannot be reached"),
        ({"Content-Range": "bytes many"}, ""),
    ],
)
def test_sizes_that_a_server_makes_up_harm_nothing(
    tmp_path: Path, head: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came before stays, and nothing is made as large as they say."""
    monkeypatch.setattr(transport, "READ_SECONDS", 0.5)  # that a body is waited for which does not come
    content, part = bytes(range(100)), tmp_path / "part"
    (tmp_path / "x").write_bytes(content)
    part.write_bytes(content[:10])
    with web(tmp_path) as server:
        server.head = head
        with pytest.raises(Unreachable, match=says) if says else nullcontext():
            fetch(f"{server.url}x", part, 100, Transport(retries=1, pause=0.01), lambda _: None)
        assert part.read_bytes() == content[: part.stat().st_size]
        server.head = {}
        fetch(f"{server.url}x", part, 100, QUICK, lambda _: None)
    assert part.read_bytes() == content


def test_a_server_does_not_say_how_long_to_wait(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"here")
    with web(tmp_path) as server:
        server.refuse, server.head = [503], {"Retry-After": "100000"}
        assert QUICK.read(f"{server.url}x", 10) == b"here"


@pytest.mark.parametrize("drip", ["body", "head"])
def test_a_server_that_drips_is_given_up(tmp_path: Path, drip: str) -> None:
    """Each byte comes in time; the file would take five minutes, and the head of the answer twenty."""
    (tmp_path / "x").write_bytes(bytes(15_000))
    hasty = Transport(retries=2, pause=0.01, slack=0.3, answer=0.5)
    with web(tmp_path) as server:
        server.drip = drip
        with pytest.raises(TooSlow, match=r"comes too slowly|does not answer"):
            hasty.read(f"{server.url}x", 15_000)
        with pytest.raises(TooSlow, match=r"comes too slowly|does not answer"):
            fetch(f"{server.url}x", tmp_path / "part", 15_000, hasty, lambda _: None)
        server.drip = ""
        fetch(f"{server.url}x", tmp_path / "part", 15_000, hasty, lambda _: None)
    assert (tmp_path / "part").read_bytes() == bytes(15_000)


def test_breaking_off_again_and_again_does_not_move_the_deadline(tmp_path: Path) -> None:
    """Every answer brings a byte, so that there is progress each time."""
    (tmp_path / "x.tar").write_bytes(bytes(15_000))
    with web(tmp_path) as server:
        server.cuts = [1] * 20_000
        with pytest.raises(TooSlow, match="comes too slowly"):
            fetch(
                f"{server.url}x.tar",
                tmp_path / "part",
                15_000,
                Transport(pause=0.05, slack=0.2),
                lambda _: None,
            )
    assert 0 < (tmp_path / "part").stat().st_size < 15_000


def test_a_redirect_to_no_address_is_refused(tmp_path: Path) -> None:
    with web(tmp_path) as server:
        server.redirects["/x"] = "https://[a"
        with pytest.raises(RegistryError, match=r"'https://\[a' is not an address to download from"):
            QUICK.read(f"{server.url}x", 10)


def test_large_files_have_more_time() -> None:
    assert 300 < Deadline(1_000_000).left < 362 < Deadline(20_000_000).left


def test_what_comes_packed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"here")
    with web(tmp_path) as server:
        server.head = {"Content-Encoding": "gzip"}
        with pytest.raises(Unreachable, match=r"comes packed \(gzip\): which was not asked for"):
            QUICK.read(f"{server.url}x", 10)


def test_a_full_disk_is_not_taken_for_a_server_that_lies(tmp_path: Path) -> None:
    """A limit of the size of files, as a disk with little room does, takes part of a chunk without complaint."""
    content = random.Random(1).randbytes(200_000)
    (tmp_path / "x").write_bytes(content)
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    with web(tmp_path) as server:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_001, most))
        try:
            with pytest.raises(RegistryError, match=r"part' cannot be written: File too large"):
                fetch(f"{server.url}x", tmp_path / "part", 200_000, QUICK, lambda _: None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))
        fetch(f"{server.url}x", tmp_path / "part", 200_000, QUICK, lambda _: None)
    assert (tmp_path / "part").read_bytes() == content
