"""Addresses that a client may not have the service ask."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from dvplug.errors import InputError
from dvplug.serve.transfer import TransferLimits, fetch
from dvplug.serve.transfer.guard import Refused, check_url, is_public
from helpers.object_server import Objects, answer, object_server

CLOSED = TransferLimits(max_bytes=10**6, tries=1, pause_s=0.01, connect_s=2)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "255.255.255.255", "224.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "ff02::1",
        "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2001:db8::1",
        "::127.0.0.1", "fec0::1", "64:ff9b:1::a00:1", "4000::1",
    ],
)  # fmt: skip
def test_private_addresses_are_told_however_they_are_written(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_told(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.1",
        "0177.0.0.1",
        "0x7f.1",
        "127.0.0.1.",
        "LOCALHOST",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "①②⑦.⓪.⓪.①",
    ],
)
def test_this_machine_is_not_asked_by_any_name(tmp_path: Path, host: str) -> None:
    with object_server() as objects:
        objects.files["x"] = b"secret"
        port = objects.url.rpartition(":")[2]
        with pytest.raises(
            InputError, match=r"leads to a private address|cannot be asked for|has no address"
        ):
            fetch(f"http://{host}:{port}x", tmp_path / "x", CLOSED)
        assert not objects.asked
    assert not list(tmp_path.iterdir())


def _names(monkeypatch: pytest.MonkeyPatch, objects: Objects, **addresses: list[str]) -> None:
    """Have these names lead to addresses; the first public one leads to the server in truth."""
    real, port = socket.getaddrinfo, int(objects.url.rstrip("/").rpartition(":")[2])
    asked: dict[str, int] = {}

    def look_up(host: str, *given: Any, **named: Any) -> list[tuple[Any, ...]]:
        key = str(host).replace(".", "_")
        if key not in addresses:
            return real(host, *given, **named)
        turn = asked[key] = asked.get(key, -1) + 1
        found = addresses[key]
        chosen = found if "then" not in found else [found[min(2 * turn, len(found) - 1)]]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in chosen]

    connect = socket.socket.connect

    def connected(self: socket.socket, place: Any) -> None:
        if place[0] == "8.8.8.8":
            place = ("127.0.0.1", port)
        connect(self, place)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", connected)


def test_one_private_address_among_public_ones_is_enough(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with object_server() as objects:
        objects.files["x"] = b"content"
        _names(monkeypatch, objects, good_example=["8.8.8.8"], mixed_example=["8.8.8.8", "10.0.0.1"])
        fetch("http://good.example/x", tmp_path / "x", CLOSED)
        assert (tmp_path / "x").read_bytes() == b"content"
        with pytest.raises(Refused, match=r"'mixed\.example' leads to a private address"):
            fetch("http://mixed.example/x", tmp_path / "y", CLOSED)


def test_a_name_is_looked_up_once_for_each_connection(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with object_server() as objects:
        objects.files["x"] = b"content"
        _names(monkeypatch, objects, turns_example=["8.8.8.8", "then", "127.0.0.1"])
        fetch("http://turns.example/x", tmp_path / "x", CLOSED)  # what it leads to later is not asked
        assert len(objects.asked) == 1
        with pytest.raises(Refused, match=r"'turns\.example' leads to a private address"):
            fetch("http://turns.example/x", tmp_path / "y", CLOSED)


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("http://127.0.0.1:1/x", "leads to a private address"),
        ("http://[::1]:1/x", "leads to a private address"),
        ("file:///etc/passwd", "cannot be asked for"),
        ("ftp://8.8.8.8/x", "cannot be asked for"),
        ("http://user:word@8.8.8.8/x", "cannot be asked for"),
        ("http://[::1/x", "cannot be asked for"),
        ("http://h:port/x", "cannot be asked for"),
        ("/again", "is led on more than 5 times"),
    ],
)
def test_redirects_are_as_checked_as_the_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: str, says: str
) -> None:
    with object_server() as objects:
        for path in ("x", "again"):
            objects.answers[path] = lambda handler: answer(handler, 302, location=target)
        _names(monkeypatch, objects, good_example=["8.8.8.8"])
        with pytest.raises(Refused, match=says):
            fetch("http://good.example/x", tmp_path / "x", CLOSED)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "url", ["", "x", "//host/x", "http://", "http:///x", "file:///x", "http://a b/", "http://a/\n", "https://u@h/", "http://h:0/",
            "http://h:99999/", "http://h\\@i/"],
)  # fmt: skip
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="cannot be asked for"):
        check_url(url)
