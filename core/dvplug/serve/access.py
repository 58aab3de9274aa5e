"""Who may ask, and for how much: tokens, names of hosts, where a page's requests come from, sizes of bodies."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dvplug.serve.errors import ServiceError, answer_of
from dvplug.serve.settings import ServiceSettings, is_loopback

COOKIE = "dvplug_token"
CSRF_HEADER = "x-dvplug-csrf"
OPEN = ("/v1/health/live", "/v1/health/ready", "/login", "/static/")
"""What needs no token."""
SAFE = {"GET", "HEAD", "OPTIONS"}
MOST_BODY = 1 << 20
"""Bytes of a body, but of uploads and of attachments."""
MOST_ATTACHMENTS = 1 << 26
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with none, forms would be sent as of an origin "null"
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_OWN_PROCESS_KEY = secrets.token_bytes(32)


def owner_of(request: Request) -> str:
    """Whose request it is: the name of the token, empty where the service has none. A dependency of routes."""
    return str(request.scope.get("dvplug_owner", ""))


def csrf_of(request: Request) -> str:
    """What a form of the page has to send back, so that no other site's form is taken for it."""
    return _csrf(request.cookies.get(COOKIE, ""))


def _csrf(token: str) -> str:
    return hmac.new(_OWN_PROCESS_KEY, f"csrf {token}".encode(), hashlib.sha256).hexdigest()


def name_of_token(token: str, settings: ServiceSettings) -> str | None:
    """Whose token it is; none where it is nobody's. All are compared, so that time tells nothing."""
    found = None
    for known, name in settings.tokens.items():
        if hmac.compare_digest(known.encode(), token.encode()):
            found = name
    return found


class Access:
    """ASGI middleware: refuses before a route sees it what must not come in, and sets the headers of all answers."""

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer that it is refused."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((n.encode(), v.encode()) for n, v in _HEADERS.items() if n.encode() not in given),
                ]
            await send(message)

        request = Request(scope)
        try:
            scope["dvplug_owner"] = self._admitted(request)
        except ServiceError as error:
            if error.status == 401 and "text/html" in request.headers.get("accept", ""):
                await _lead(send_safely, b"/login")
            else:
                await _refuse(scope, send_safely, error)
            return
        await _Limited(self.app, _most(request), request)(scope, receive, send_safely)

    def _admitted(self, request: Request) -> str:
        """Return whose request it is; raises ServiceError (400, 401, 403)."""
        self._require_own_host(request)
        owner = ""
        if self.settings.tokens and not request.url.path.startswith(OPEN):
            owner = self._owner(request)
        if request.method not in SAFE:
            self._require_own_page(request)
        return owner

    def _owner(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            token = request.cookies.get(COOKIE, "")
        owner = name_of_token(token.strip(), self.settings)
        if owner is None:
            raise ServiceError(
                401,
                "This service wants a token",
                cause="none was given, or one that it does not know",
                repair="Send Authorization: Bearer TOKEN, or log in at /login.",
            )
        return owner

    def _require_own_host(self, request: Request) -> None:
        """Refuse names that lead a browser here from a page of somebody else (DNS rebinding)."""
        host = request.headers.get("host", "")
        name = urlsplit(f"//{host}").hostname or ""
        known = {self.settings.host, "localhost", *self.settings.allowed_hosts}
        if name in known or (is_loopback(name) and is_loopback(self.settings.host)):
            return
        if self.settings.tokens and _is_address(name):
            return
        raise ServiceError(
            400, f"This service is not called '{name[:100]}'", repair="Start it with --allow-host NAME."
        )

    def _require_own_page(self, request: Request) -> None:
        """Refuse what a page of another origin sends: it may send with the browser's cookie, but cannot hide whence."""
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            raise ServiceError(403, "Another site's page sent this", repair="Use the service's own page.")
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise ServiceError(403, "Another site's page sent this", repair="Use the service's own page.")


def require_csrf(request: Request, given: str = "") -> None:
    """Refuse an unsafe request by cookie that does not bring what `csrf_of` gave its page: ServiceError (403)."""
    if request.method in SAFE or request.headers.get("authorization"):
        return
    sent = given or request.headers.get(CSRF_HEADER, "")
    if request.cookies.get(COOKIE) and not hmac.compare_digest(sent.encode(), csrf_of(request).encode()):
        raise ServiceError(403, "This form is too old, or another site's", repair="Load the page again.")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _most(request: Request) -> int | None:
    """Bytes that a body may have; none is limited where the route itself counts: parts of uploads."""
    if request.method == "PATCH" and request.url.path.startswith("/api/uploads/"):
        return None
    return MOST_ATTACHMENTS if request.url.path == "/ga4gh/wes/v1/runs" else MOST_BODY


class _Limited:
    """Ends a body that is too long."""

    def __init__(self, app: ASGIApp, most: int | None, request: Request) -> None:
        self.app, self.most, self.request = app, most, request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.most is None:
            await self.app(scope, receive, send)
            return
        length = self.request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self.most:
            await _refuse(scope, send, _too_long(self.most))
            return
        come, begun = 0, False

        async def limited() -> Message:
            nonlocal come
            message = await receive()
            come += len(message.get("body", b""))
            if self.most is not None and come > self.most:
                raise _TooLong
            return message

        async def watched(message: Message) -> None:
            """Hold back what the application makes of a body that ended so."""
            nonlocal begun
            if begun or come <= (self.most or 0):
                begun = True
                await send(message)

        with suppress(_TooLong):
            await self.app(scope, limited, watched)
        if not begun:
            await _refuse(scope, send, _too_long(self.most))


class _TooLong(Exception):
    """A body is longer than it may be."""


def _too_long(most: int) -> ServiceError:
    return ServiceError(
        413, f"The body is longer than {most:,} bytes", repair="Upload files at /api/uploads, in parts."
    )


async def _lead(send: Send, place: bytes) -> None:
    headers = [(b"location", place), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(scope: Scope, send: Send, error: ServiceError) -> None:
    status, told = answer_of(scope["path"], error.status, error.told())
    body = json.dumps(told).encode()
    headers: Iterable[tuple[bytes, bytes]] = [
        (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()),
        *([(b"www-authenticate", b"Bearer")] if error.status == 401 else []),
        *([(b"connection", b"close")] if error.status == 413 else []),  # else what still comes would be read
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
