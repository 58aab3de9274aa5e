"""A web server of this process, of which nothing is left when its block ends: no thread, no open connection."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Loopback(ThreadingHTTPServer):
    """A server with a thread for each connection; it ends them all before it is closed."""

    daemon_threads = False  # those alone are waited for

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.connections: list[Any] = []
        self.ends = threading.Event()
        """What a handler waits for that shall not answer."""

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not self.ends.is_set():
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        self.ends.set()
        for connection in self.connections:
            with suppress(OSError):  # it has ended
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        super().server_close()


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], certificate: Path | None = None) -> Iterator[Loopback]:
    """Serve until the block ends; with a certificate and its key in one file, over TLS."""
    server = Loopback(handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
