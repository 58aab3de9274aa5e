"""Registries and web servers that the tests host on this machine."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dvplug_registry.model_folder import open_folder
from dvplug_registry.publish import Registry
from dvplug_registry.sources import Source, add_source
from dvplug_registry.transport import Transport
from helpers.loopback import serving
from helpers.registry_fixtures import make_model

QUICK = Transport(retries=2, pause=0.01)


@dataclass
class Web:
    """A server of a folder that knows ranges, and what it was asked for."""

    url: str
    folder: Path
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    """After so many bytes of an archive the next answers break off."""
    refuse: list[int] = field(default_factory=list)
    """The next answers are these statuses."""
    redirects: dict[str, str] = field(default_factory=dict)
    log: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and Range header of each request."""
    credentials: list[str | None] = field(default_factory=list)
    """Authorization header of each request."""
    head: dict[str, str] = field(default_factory=dict)
    """More headers of the answers that have a file, or others."""
    drip: str = ""
    """Send "body" or "head" a byte at a time, without end in sight."""

    def asked(self, ending: str) -> list[str | None]:
        """Range headers of the requests for files with this ending."""
        return [wanted for path, wanted in self.log if path.endswith(ending)]


@contextmanager
def web(folder: Path, certificate: Path | None = None) -> Iterator[Web]:
    """Serve a folder on loopback until the block ends; with a certificate and its key in one file, over TLS."""
    state = Web("", folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(self, state)

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Handler, certificate) as server:
        state.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_address[1]}/"
        yield state


@dataclass
class WebProcess:
    """Such a server in a process of its own, for clients that hold the interpreter's lock while they wait: htslib."""

    url: str
    folder: Path
    pipe: Any

    def asked(self, ending: str) -> list[str | None]:
        """Range headers of the requests for paths with this ending, so far."""
        self.pipe.send(ending)
        return list(self.pipe.recv())


@contextmanager
def web_process(folder: Path, certificate: Path | None = None) -> Iterator[WebProcess]:
    """Serve a folder on loopback, from another process, until the block ends."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(folder, certificate, theirs), daemon=True
    )
    process.start()
    try:
        yield WebProcess(ours.recv(), folder, ours)
    finally:
        ours.send(None)
        process.join()


def self_signed(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 that is its own authority, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


def _serve(folder: Path, certificate: Path | None, pipe: Any) -> None:
    with web(folder, certificate) as state:
        pipe.send(state.url)
        while (ending := pipe.recv()) is not None:
            pipe.send(state.asked(ending))


def _answer(request: BaseHTTPRequestHandler, state: Web) -> None:
    wanted = request.headers.get("Range")
    state.log.append((request.path, wanted))
    state.credentials.append(request.headers.get("Authorization"))
    if state.drip == "head":
        _drip(request, b"HTTP/1.1 200 OK\r\nX: " + bytes(b"x" * 60_000))
        return
    if request.path in state.redirects:
        _head(request, 302, 0, Location=state.redirects[request.path])
        return
    if state.refuse:
        _head(request, state.refuse.pop(0), 0, **state.head)
        return
    path = state.folder / request.path.partition("?")[0].lstrip("/")
    if not path.is_file():
        _head(request, 404, 0)
        return
    content = path.read_bytes()
    start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.ranges else 0
    if wanted and state.ranges:
        _head(
            request,
            206,
            len(content) - start,
            **{"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}", **state.head},
        )
    else:
        _head(request, 200, len(content), **state.head)
    body = content[start:]
    if state.drip == "body":
        _drip(request, body)
        return
    if state.cuts and path.suffix == ".tar":
        request.wfile.write(body[: state.cuts.pop(0)])
        request.close_connection = True
        return
    with suppress(ConnectionError):  # who asks for a range without an end hangs up when it has enough
        request.wfile.write(body)


def _drip(request: BaseHTTPRequestHandler, content: bytes) -> None:
    with suppress(OSError):  # until the other side has enough
        for byte in content:
            request.wfile.write(bytes([byte]))
            request.wfile.flush()
            time.sleep(0.02)
    request.close_connection = True


def _head(request: BaseHTTPRequestHandler, status: int, length: int, **headers: str) -> None:
    request.send_response(status)
    for name, value in {"Content-Length": str(length), **headers}.items():
        request.send_header(name, value)
    request.end_headers()


def host(folder: Path, *versions: str) -> Registry:
    """Make a registry in ``folder/registry``, with the toy model in these versions."""
    registry = Registry.init(folder / "registry", folder / "keys")
    for version in versions:
        registry.publish(open_folder(make_model(folder / "trained", version=version)))
    return registry


def trust(registry: Registry, url: str, name: str = "ours") -> Source:
    """Add a registry, trusting its first root."""
    return add_source(name, url, registry.folder / "metadata" / "1.root.json")


def flip(path: Path, place: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 1
    path.write_bytes(content)
