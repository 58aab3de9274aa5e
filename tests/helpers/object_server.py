"""A server of bytes that does what a test tells it: an object store, a slow one, one that leads astray."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from helpers.loopback import serving


@dataclass
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Objects:
    """What the server has, and what it was asked for.

    Attributes
    ----------
    files
        Content by path, without what follows ``?``.
    answers
        By path, in place of the file: a function of the handler that answers itself.
    etags
        By path; without one it is made of the content.
    signature
        A query that PUTs have to bring; empty for none.
    refuse
        The next requests are answered with these statuses.
    cut
        The next bodies break off after so many bytes.
    ends
        Set when the server ends: what an answer waits for that never comes.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    signature: str = ""
    refuse: list[int] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    ends: threading.Event = field(default_factory=threading.Event)


@contextmanager
def object_server() -> Iterator[Objects]:
    """Serve on loopback until the block ends."""
    objects = Objects()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with suppress(ConnectionError):
                _get(self, objects, b"")

        def do_PUT(self) -> None:
            _put(self, objects)

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Handler) as server:
        objects.url = f"http://127.0.0.1:{server.server_address[1]}/"
        objects.ends = server.ends
        yield objects


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    """Answer, with a length unless one is given."""
    handler.send_response(status)
    for name, value in (
        {"content-length": str(len(body))} | {n.replace("_", "-"): v for n, v in headers.items()}
    ).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def _note(handler: BaseHTTPRequestHandler, objects: Objects, body: bytes) -> str:
    headers = {name.lower(): value for name, value in handler.headers.items()}
    objects.asked.append(Asked(handler.command, handler.path, headers, body))
    return handler.path.partition("?")[0].lstrip("/")


def _get(handler: BaseHTTPRequestHandler, objects: Objects, body: bytes) -> None:
    path = _note(handler, objects, body)
    if objects.refuse:
        answer(handler, objects.refuse.pop(0))
        return
    if path in objects.answers:
        objects.answers[path](handler)
        return
    if path not in objects.files:
        answer(handler, 404)
        return
    content = objects.files[path]
    tag = objects.etags.get(path, f'"{hashlib.md5(content).hexdigest()}"')
    headers, status, begin = {"etag": tag}, 200, 0
    wanted = handler.headers.get("range", "")
    if wanted and handler.headers.get("if-range", tag) == tag:
        begin = int(wanted.removeprefix("bytes=").partition("-")[0])
        status, headers["content-range"] = 206, f"bytes {begin}-{len(content) - 1}/{len(content)}"
    part = content[begin:]
    if objects.cut:
        headers["content-length"] = str(len(part))
        answer(handler, status, part[: objects.cut.pop(0)], **headers)
        handler.close_connection = True
        return
    answer(handler, status, part, **headers)


def _put(handler: BaseHTTPRequestHandler, objects: Objects) -> None:
    if handler.path.partition("?")[0].lstrip("/") in objects.answers:
        objects.answers[handler.path.partition("?")[0].lstrip("/")](handler)
        return
    body = handler.rfile.read(int(handler.headers["content-length"]))
    path = _note(handler, objects, body)
    if objects.refuse:
        answer(handler, objects.refuse.pop(0))
    elif objects.signature not in handler.path:
        answer(handler, 403)
    else:
        objects.files[path] = body
        answer(handler, 200, etag=f'"{hashlib.md5(body).hexdigest()}"')
